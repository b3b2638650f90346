"""Run by test_python_versions.py with other interpreters: standard library only, Python 3.7 syntax."""

import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from runtime_process import RUNTIME_FILE, RuntimeProcess, envelope  # noqa: E402

SOURCE = """
import asyncio

class Model:
    def __init__(self, *, scale=2):
        self.scale = scale
        self.lock = asyncio.Lock()

    async def locked(self, payload):
        async with self.lock:
            return [self.scale, payload]

def echo(payload):
    return payload

async def later(payload):
    await asyncio.sleep(0.001)
    return payload

async def stream(payload):
    for number in range(payload):
        yield number

def advance(message):
    message["route"]["current"] += 1
    return message

def fail(payload):
    raise LookupError("no " + payload)
"""


def check(function, payload, expected, **environment):
    process = RuntimeProcess(SOURCE, function, environment, sys.executable)
    try:
        process.wait_until_ready()
        with process.connect() as client:
            for _ in range(2):
                reply = client.call(envelope(payload))
                actual = [element.get("payload", element.get("error")) for element in reply]
                assert actual == expected, (function, reply)
        process.signal(signal.SIGTERM)
        assert process.wait_for_exit() == 0, process.errors()
        assert "Warning" not in process.errors(), process.errors()
        return reply
    finally:
        process.discard()


def main():
    sys.path.insert(0, str(RUNTIME_FILE.parent))
    import asya_runtime

    assert callable(asya_runtime._handle_request)
    assert not os.path.exists(asya_runtime.SOCKET_PATH)

    for payload in ({"text": "é \U0001f600", "n": [1, 2.5, None, 10**30]}, 10**4400, "x" * 300000):
        check("echo", payload, [payload])
    check("later", "async", ["async"])
    check("Model.locked", 5, [2, 5])
    check("stream", 3, [0, 1, 2])
    (output,) = check("advance", 1, [1], ASYA_HANDLER_MODE="envelope")
    assert output["route"] == {"actors": ["a", "b"], "current": 1}
    (error,) = check("fail", "luck", ["processing_error"])
    assert error["details"]["type"] == "LookupError"
    assert error["details"]["message"] == "no luck"
    print("ok %d.%d" % sys.version_info[:2])


if __name__ == "__main__":
    main()

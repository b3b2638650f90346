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

    def handle(self, payload):
        kind, argument = payload
        return getattr(self, kind)(argument)

    def echo(self, argument):
        return [argument]

    async def later(self, argument):
        await asyncio.sleep(0.001)
        async with self.lock:
            return [self.scale, argument]

    def generate(self, argument):
        yield from range(argument)

    async def stream(self, argument):
        for number in range(argument):
            await asyncio.sleep(0)
            yield number

    def fail(self, argument):
        raise LookupError("no " + argument)

def advance(message):
    message["route"]["current"] += 1
    return message
"""

PAYLOAD_CALLS = [
    ("echo", {"text": "\xe9 \U0001f600", "n": [1, 2.5, None, 10**30]}, None),
    ("echo", 10**4400, None),
    ("echo", "x" * 300000, None),
    ("later", "async", [2, "async"]),
    ("generate", 2, [0, 1]),
    ("stream", 3, [0, 1, 2]),
]


def with_runtime(function, check, **environment):
    """Starts the runtime, lets `check` talk to it over one connection, and ends it by a signal."""
    process = RuntimeProcess(SOURCE, function, environment, sys.executable)
    try:
        process.wait_until_ready()
        with process.connect() as client:
            check(client)
        process.signal(signal.SIGTERM)
        assert process.wait_for_exit() == 0, process.errors()
        assert "Warning" not in process.errors(), process.errors()
    finally:
        process.discard()


def check_payload_mode(client):
    for kind, argument, expected in PAYLOAD_CALLS * 2:
        reply = client.call(envelope([kind, argument]))
        assert [element.get("payload") for element in reply] == (expected or [argument]), (kind, reply)
    (error,) = client.call(envelope(["fail", "luck"]))
    assert error["error"] == "processing_error"
    assert (error["details"]["type"], error["details"]["message"]) == ("LookupError", "no luck")


def check_envelope_mode(client):
    (output,) = client.call(envelope(1))
    assert (output["payload"], output["route"]) == (1, {"actors": ["a", "b"], "current": 1})


def main():
    sys.path.insert(0, str(RUNTIME_FILE.parent))
    import asya_runtime

    assert callable(asya_runtime._handle_request)
    assert not os.path.exists(asya_runtime.SOCKET_PATH)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # For the client, which is this process.
    with_runtime("Model.handle", check_payload_mode)
    with_runtime("advance", check_envelope_mode, ASYA_HANDLER_MODE="envelope")
    print("ok %d.%d" % sys.version_info[:2])


if __name__ == "__main__":
    main()

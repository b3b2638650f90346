"""Every request gets exactly one reply, and only `sys.exit` in a handler ends the process (runtime.md 5 and 12)."""

import os
import re

import pytest
from runtime_process import envelope

SOURCE = """
import asyncio, sys
def handle(payload):
    if payload == "exit":
        sys.exit(7)
    if payload == "exit with text":
        sys.exit("the text")
    if payload == "interrupt":
        raise KeyboardInterrupt("stop")
    if payload == "recurse":
        return handle(payload)
    if payload == "memory":
        raise MemoryError("all gone")
    if payload == "cancel":
        raise asyncio.CancelledError("cancelled")
    return {"bytes": b"x", "set": {1}, "nan": float("nan"), "object": object(), "generator": [iter([])]}.get(
        payload, payload)

async def handle_async(payload):
    await asyncio.sleep(0)
    return handle(payload)
"""


def test_every_failure_gives_one_error_reply_and_the_process_lives(start_runtime):
    with start_runtime(SOURCE).connect() as client:
        for payload, kind in [
            ("bytes", "TypeError"),
            ("set", "TypeError"),
            ("object", "TypeError"),
            ("generator", "TypeError"),
            ("nan", "ValueError"),
            ("recurse", "RecursionError"),
            ("memory", "MemoryError"),
            ("cancel", "CancelledError"),
        ]:
            (element,) = client.call(envelope(payload))
            assert (payload, element["error"]) == (payload, "processing_error")
            assert element["details"]["type"] == kind
            assert client.call(envelope("fine"))[0]["payload"] == "fine"


@pytest.mark.parametrize("function", ["handle", "handle_async"])
@pytest.mark.parametrize(
    "payload, kind, status",
    [("exit", "SystemExit", 7), ("exit with text", "SystemExit", 1), ("interrupt", "KeyboardInterrupt", 130)],
)
def test_exit_replies_first(start_runtime, function, payload, kind, status):
    process = start_runtime(SOURCE, function)
    with process.connect() as client:
        (element,) = client.call(envelope(payload))
        assert (element["error"], element["details"]["type"]) == ("processing_error", kind)
        assert client.receive() is None
    assert process.wait_for_exit() == status
    assert not process.ready_file.exists() and not os.path.exists(process.socket_path)


def test_print_shows_up_at_once(start_runtime):
    process = start_runtime("def handle(payload):\n    print('seen', payload)\n    return payload\n")
    process.call(envelope(5))
    assert process.output_file.read_text() == "seen 5\n"


def test_log_format(start_runtime):
    first = start_runtime(SOURCE).errors().splitlines()[0]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - asya\.runtime - INFO - ", first)


def test_root_logger_is_configured(start_runtime):
    source = "import logging\ndef handle(payload):\n    logging.getLogger('mine').info('hello')\n    return payload\n"
    process = start_runtime(source)
    process.call(envelope(1))
    assert " - mine - INFO - hello" in process.errors()
    quiet = start_runtime(source, ASYA_LOG_LEVEL="warning")
    quiet.call(envelope(1))
    assert quiet.errors() == ""

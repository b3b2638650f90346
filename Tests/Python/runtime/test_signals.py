"""Signals and exit status (runtime.md 8)."""

import os
import signal
import socket
import threading

import pytest
from runtime_process import ECHO, envelope, frame, wait_until
from test_connections import GATED


@pytest.fixture
def gated(start_runtime):
    """A runtime that handles a request, and the client that waits for the reply; `gate` ends it."""
    process = start_runtime(GATED)
    process.gate = process.directory / "gate"
    os.mkfifo(str(process.gate))
    with process.connect() as client:
        client.send(envelope("wait"))
        process.wait_for_file("started")
        yield process, client


def is_gone(process):
    return not os.path.exists(process.socket_path) and not process.ready_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_runtime_exits_at_once(start_runtime, number):
    # With limits this long only a loop that is woken and has nothing to wait for ends in time.
    source = "import asya_runtime\nasya_runtime._DRAIN_SECONDS = asya_runtime._IDLE_CHECK_SECONDS = 3600\n" + ECHO
    process = start_runtime(source)
    with process.connect() as idle:  # An idle connection does not hold it up.
        assert idle.call(envelope(1))[0]["payload"] == 1
        process.signal(number)
        assert process.wait_for_exit() == 0
    assert is_gone(process)
    assert "Traceback" not in process.errors()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_request_is_finished_and_answered(gated, number):
    process, client = gated
    process.signal(number)
    wait_until(lambda: is_gone(process), "socket and ready file removed while the request runs")
    assert process.process.poll() is None
    process.gate.write_text("go")
    assert client.receive()[0]["payload"] == "wait"
    assert client.receive() is None
    assert process.wait_for_exit() == 0


def test_listener_refuses_clients_while_the_request_runs(gated):
    process, client = gated
    another_name = process.socket_path + ".link"
    os.link(process.socket_path, another_name)
    process.signal(signal.SIGTERM)
    wait_until(lambda: is_gone(process), "socket removed")

    def is_refused():
        with socket.socket(socket.AF_UNIX) as late:
            try:
                late.connect(another_name)
            except ConnectionRefusedError:
                return True
            return False

    wait_until(is_refused, "refused connection")
    process.gate.write_text("go")
    assert client.receive()[0]["payload"] == "wait"
    assert process.wait_for_exit() == 0


def test_second_signal_exits_at_once_with_status_one(gated):
    process, client = gated
    process.signal(signal.SIGTERM)
    wait_until(lambda: is_gone(process), "first signal noticed")
    process.signal(signal.SIGTERM)
    assert process.wait_for_exit() == 1


def test_requests_sent_ahead_are_answered_before_the_exit(gated):
    process, client = gated
    client.socket.sendall(b"".join(frame(envelope(number)) for number in range(8)))
    process.signal(signal.SIGTERM)
    wait_until(lambda: is_gone(process), "signal noticed")
    process.gate.write_text("go")
    replies = [client.receive() for _ in range(10)]
    assert [reply and reply[0]["payload"] for reply in replies] == ["wait"] + list(range(8)) + [None]
    assert process.wait_for_exit() == 0


def test_busy_client_does_not_keep_a_stopping_runtime(start_runtime):
    process = start_runtime("import time\ndef handle(payload):\n    time.sleep(0.01)\n    return payload\n")
    with process.connect() as client:
        client.socket.sendall(b"".join(frame(envelope(number)) for number in range(500)))
        assert client.receive()
        process.signal(signal.SIGTERM)
        assert process.wait_for_exit() == 0


def test_signal_while_the_handler_loads(start_runtime):
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()\n" + ECHO
    process = start_runtime(source, wait=False)
    assert process.wait_for_exit() == 0
    assert is_gone(process)


def test_handlers_own_signal_handler_is_replaced(start_runtime):
    process = start_runtime("import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)\n" + ECHO)
    process.signal(signal.SIGTERM)
    assert process.wait_for_exit() == 0


def test_stack_dump(gated):
    process, client = gated
    process.signal(signal.SIGUSR1)
    wait_until(lambda: 'user_handler.py", line 7 in handle' in process.errors(), "stack of the handler")
    process.gate.write_text("go")
    assert client.receive()[0]["payload"] == "wait"
    assert client.call(envelope("next"))[0]["payload"] == "next"


def test_signal_to_a_forked_worker_leaves_the_runtime_alone(start_runtime):
    source = """
import os, signal, time
def handle(payload):
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, b"x")
        time.sleep(20)
        os._exit(0)
    os.read(readable, 1)  # Python drops signals that arrive in a child before `fork` has returned there.
    os.kill(child, getattr(signal, payload))
    return os.WTERMSIG(os.waitpid(child, 0)[1])
"""
    process = start_runtime(source)
    assert process.call(envelope("SIGTERM"))[0]["payload"] == signal.SIGTERM
    assert not is_gone(process)
    assert process.call(envelope("SIGTERM"))[0]["payload"] == signal.SIGTERM


def test_broken_pipe_signal_reset_by_the_handler(start_runtime):
    process = start_runtime("import signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\n" + GATED)
    os.mkfifo(str(process.directory / "gate"))
    client = process.connect()
    client.send(envelope("wait"))
    process.wait_for_file("started")
    client.close()
    (process.directory / "gate").write_text("go")
    assert process.call(envelope(1))[0]["payload"] == 1


def test_left_behind_tasks_end_in_order(start_runtime):
    source = """
import asyncio, os
async def background():
    try:
        await asyncio.sleep(3600)
    finally:
        open(os.path.join(os.environ["TEST_DIRECTORY"], "cleaned"), "w").close()
async def handle(payload):
    handle.task = asyncio.ensure_future(background())
    await asyncio.sleep(0)
    return payload
"""
    process = start_runtime(source)
    assert process.call(envelope(1))[0]["payload"] == 1
    process.signal(signal.SIGTERM)
    assert process.wait_for_exit() == 0
    assert (process.directory / "cleaned").exists()
    assert "Traceback" not in process.errors() and "pending" not in process.errors()


def test_no_signal_handlers_outside_the_main_thread(runtime):
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=runtime._process.install_signal_handlers)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before

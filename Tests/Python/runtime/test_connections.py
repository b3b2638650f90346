"""Connections: kept, silent, broken, many; one request at a time (runtime.md 6)."""

import json
import os
import pathlib
import random
import select
import socket
import struct
import time

import pytest
from runtime_process import ECHO, envelope, frame, wait_until

# Tells when a request has begun, and ends when the test allows it.
GATED = """
import os
directory = os.environ["TEST_DIRECTORY"]
def handle(payload):
    if payload == "wait":
        open(os.path.join(directory, "started"), "w").close()
        with open(os.path.join(directory, "gate")) as gate:
            gate.read()
    return payload
"""


def payloads(client, count):
    return [client.receive()[0]["payload"] for _ in range(count)]


def test_thousand_requests_over_one_connection(start_runtime):
    with start_runtime(ECHO).connect() as client:
        for number in range(1000):
            assert client.call(envelope(number))[0]["payload"] == number


def test_one_request_per_connection(start_runtime):
    process = start_runtime(ECHO)
    for number in range(200):
        assert process.call(envelope(number))[0]["payload"] == number


@pytest.mark.parametrize("count, size", [(9, 10), (9, 20000), (500, 100)])
def test_requests_sent_ahead_are_answered_in_order(start_runtime, count, size):
    with start_runtime(ECHO).connect() as client:
        for number in range(0, count, 9):
            batch = range(number, min(number + 9, count))
            client.socket.sendall(b"".join(frame(envelope([[item, "x" * size]])) for item in batch))
            assert [payload[0] for payload in payloads(client, len(batch))] == list(batch)


def test_strictly_one_at_a_time_in_the_main_thread(start_runtime):
    source = """
import threading
active = []
def handle(payload):
    active.append(payload)
    result = [len(active), threading.current_thread() is threading.main_thread()]
    active.pop()
    return [result]
"""
    process = start_runtime(source)
    clients = [process.connect() for _ in range(10)]
    for _ in range(20):
        for client in clients:
            client.send(envelope(1))
        assert all(client.receive()[0]["payload"] == [1, True] for client in clients)
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    "sent",
    [b"", b"\x00\x00", b"\x00\x00\x10\x00", frame(envelope("x" * 300000))[:-1]],
    ids=["nothing", "two bytes", "header", "all but one byte"],
)
def test_silent_client_blocks_nobody(start_runtime, sent):
    process = start_runtime(ECHO)
    with process.connect() as silent:
        silent.socket.sendall(sent)
        started = time.monotonic()
        assert process.call(envelope("quick"))[0]["payload"] == "quick"
        elapsed = time.monotonic() - started
        print("served beside a silent client after %.1f ms" % (elapsed * 1000))
        assert elapsed < 5  # The requirement is 100 ms; a loaded machine gets more, a blocked runtime takes 60 s.


def test_client_that_reads_nothing_blocks_nobody(start_runtime):
    process = start_runtime(ECHO)
    with process.connect() as reader:
        reader.send(envelope("x" * (5 << 20)))  # The reply does not fit into the socket.
        assert process.call(envelope("quick"))[0]["payload"] == "quick"
        reader.send(envelope("behind"))
        assert [len(payload) for payload in payloads(reader, 2)] == [5 << 20, 6]


def test_byte_by_byte(start_runtime):
    with start_runtime(ECHO).connect() as client:
        for byte in frame(envelope("slow")) + frame(envelope("next")):
            client.socket.sendall(bytes((byte,)))
        assert payloads(client, 2) == ["slow", "next"]


@pytest.mark.parametrize("seed", range(3))
def test_frames_cut_anywhere(start_runtime, seed):
    randomness = random.Random(seed)
    sizes = [randomness.choice([0, 10, 1000, 65400, 65532, 65536, 70000, 300000]) for _ in range(12)]
    with start_runtime(ECHO, ASYA_CHUNK_SIZE=str(randomness.choice([100, 4096, 65536]))).connect() as client:
        for size in sizes:
            body = frame(envelope("x" * size))
            while body:
                cut = randomness.randint(1, len(body))
                client.socket.sendall(body[:cut])
                body = body[cut:]
            assert len(client.receive()[0]["payload"]) == size


def test_hundred_mebibytes(start_runtime):
    with start_runtime("def handle(payload):\n    return len(payload)\n").connect() as client:
        assert client.call(envelope("x" * (100 << 20)))[0]["payload"] == 100 << 20
        assert client.call(envelope("still here"))[0]["payload"] == 10


def test_hundred_mebibytes_of_reply(start_runtime):
    with start_runtime("def handle(payload):\n    return 'x' * payload\n").connect() as client:
        client.send(envelope(100 << 20))
        assert len(client.receive_bytes()) > 100 << 20


def test_hostile_length_is_answered_closed_and_not_allocated(start_runtime):
    process = start_runtime(ECHO)
    with process.connect() as client:
        before = process.peak_bytes()
        client.socket.sendall(b"\xff\xff\xff\xff" + b"x" * 1000)
        assert client.receive()[0]["error"] == "connection_error"
        assert client.receive() is None
    with process.connect() as client:
        client.socket.sendall(struct.pack(">I", 500 << 20) + b"x" * 1000)  # Allowed, but it never comes.
        assert process.call(envelope(1))[0]["payload"] == 1
        assert process.peak_bytes() - before < 4 << 20
    assert "connection_error: ValueError" in process.errors()


def test_end_of_file_between_frames_is_quiet(start_runtime):
    process = start_runtime(ECHO, ASYA_LOG_LEVEL="DEBUG")
    before = process.errors()
    process.connect().close()
    with process.connect() as client:
        client.call(envelope(1))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive() is None
    process.call(envelope(2))
    assert process.errors() == before


def test_end_of_file_within_a_frame_is_a_connection_error(start_runtime):
    process = start_runtime(ECHO)
    with process.connect() as client:
        client.socket.sendall(frame(envelope(1)) + frame(envelope(2))[:-1])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive()[0]["payload"] == 1
        (element,) = client.receive()
        assert element["details"]["message"] == "Connection closed while reading"
        assert client.receive() is None


def test_parsing_errors_keep_the_connection(start_runtime):
    with start_runtime(ECHO).connect() as client:
        for body in (b"", b"[]", b"{", b"\xff", b"{}", b'{"a":' * 100000):
            assert client.call(body)[0]["error"] == "msg_parsing_error"
        assert client.call(envelope(1))[0]["payload"] == 1


def test_client_that_leaves_before_the_reply(start_runtime):
    process = start_runtime(GATED)
    gate = process.directory / "gate"
    os.mkfifo(str(gate))
    client = process.connect()
    client.send(envelope("wait"))
    process.wait_for_file("started")
    client.close()
    gate.write_text("go")
    assert process.call(envelope("next"))[0]["payload"] == "next"
    assert "Reply not delivered: BrokenPipeError" in process.errors()


def test_frame_that_does_not_become_complete(start_runtime):
    # Shortened from outside: the handler's module runs in the runtime's process.
    source = "import asya_runtime\nasya_runtime.FRAME_TIMEOUT_SECONDS = 0.3\n" + ECHO
    process = start_runtime(source)
    with process.connect() as idle, process.connect() as client:
        client.socket.sendall(frame(envelope(1))[:-1])
        (element,) = client.receive()
        assert (element["error"], element["details"]["type"]) == ("connection_error", "TimeoutError")
        assert client.receive() is None
        assert idle.call(envelope(2))[0]["payload"] == 2  # Idle connections have no limit.


def test_reply_that_is_never_read(start_runtime):
    source = "import asya_runtime\nasya_runtime.FRAME_TIMEOUT_SECONDS = 0.3\n" + ECHO
    process = start_runtime(source)
    with process.connect() as client:
        client.send(envelope("x" * (2 << 20)))
        wait_until(lambda: "not read within 0.3 s" in process.errors(), "warning")
        assert process.call(envelope(1))[0]["payload"] == 1


def test_number_of_connections_is_bounded(start_runtime):
    process = start_runtime(ECHO)
    clients = [process.connect() for _ in range(300)]
    assert clients[-1].call(envelope(1))[0]["payload"] == 1
    assert clients[0].receive() is None  # Idle for the longest time.
    assert len(list(pathlib.Path("/proc/%d/fd" % process.process.pid).iterdir())) < 280
    for client in clients:
        client.close()


def test_no_descriptors_left(start_runtime):
    source = (
        """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
"""
        + ECHO
    )
    process = start_runtime(source)
    clients = [process.connect() for _ in range(30)]
    assert clients[0].call(envelope(1))[0]["payload"] == 1
    wait_until(lambda: "Accepting a connection failed" in process.errors(), "warning")
    for client in clients[:-1]:
        client.close()
    assert clients[-1].call(envelope(2))[0]["payload"] == 2
    clients[-1].close()


def test_keep_alive_is_served_fairly(start_runtime):
    process = start_runtime(ECHO)
    with process.connect() as busy, process.connect() as other:
        busy.socket.sendall(b"".join(frame(envelope(number)) for number in range(500)))
        assert other.call(envelope("other"))[0]["payload"] == "other"
        assert payloads(busy, 500) == list(range(500))


def test_replies_are_not_held_back_for_the_next_request(start_runtime):
    process = start_runtime(GATED)
    os.mkfifo(str(process.directory / "gate"))
    with process.connect() as client:
        client.socket.sendall(frame(envelope("first")) + frame(envelope("wait")))
        assert client.receive()[0]["payload"] == "first"
        process.wait_for_file("started")
        assert not select.select([client.socket], [], [], 0)[0]
        (process.directory / "gate").write_text("go")
        assert client.receive()[0]["payload"] == "wait"


def test_reply_is_compact_json_with_utf8(start_runtime):
    with start_runtime(ECHO).connect() as client:
        client.send(envelope({"k": ["é", 1]}))
        data = client.receive_bytes()
        assert b'{"k":["\xc3\xa9",1]}' in data
        json.loads(data.decode())

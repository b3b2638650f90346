"""Frames on a plain socket: `_recv_exact`, `_send_envelope`, `_handle_request` (runtime.md 4 and 5)."""

import json
import socket
import struct
import threading

import pytest
from runtime_process import envelope, frame


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("chunk_size", [1, 7, 65536])
def test_exact_reads(runtime, socket_pair, monkeypatch, chunk_size):
    monkeypatch.setattr(runtime, "ASYA_CHUNK_SIZE", chunk_size)
    ours, theirs = socket_pair
    theirs.sendall(b"hello world")
    assert runtime._recv_exact(ours, 5) == b"hello"
    assert runtime._recv_exact(ours, 0) == b""
    assert runtime._recv_exact(ours, 6) == b" world"


def test_end_of_file_while_reading(runtime, socket_pair):
    ours, theirs = socket_pair
    theirs.sendall(b"abc")
    theirs.close()
    with pytest.raises(ConnectionError, match="^Connection closed while reading$"):
        runtime._recv_exact(ours, 4)


@pytest.mark.parametrize("size", [0, 1, 10000, 20 << 20])
def test_frames_are_sent_completely(runtime, socket_pair, size):
    ours, theirs = socket_pair
    data = b"x" * size
    sender = in_background(runtime._send_envelope, ours, data)
    assert struct.unpack(">I", runtime._recv_exact(theirs, 4)) == (size,)
    assert runtime._recv_exact(theirs, size) == data
    sender.join(20)


def test_sending_to_a_closed_socket_fails(runtime, socket_pair):
    ours, theirs = socket_pair
    theirs.close()
    with pytest.raises(OSError):
        runtime._send_envelope(ours, b"x")


def test_byte_by_byte(runtime, socket_pair):
    ours, theirs = socket_pair

    def trickle():
        for byte in frame(envelope("slow")):
            theirs.sendall(bytes((byte,)))

    sender = in_background(trickle)
    assert runtime._handle_request(ours, lambda payload: payload)[0]["payload"] == "slow"
    sender.join(20)


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x00\x00\x00\x05", b"\x00\x00\x00\x05{}", frame(envelope(1))[:-1]])
def test_connection_closed_early(runtime, socket_pair, sent):
    ours, theirs = socket_pair
    theirs.sendall(sent)
    theirs.shutdown(socket.SHUT_WR)
    (element,) = runtime._handle_request(ours, lambda payload: payload)
    assert element["error"] == "connection_error"
    assert element["details"]["message"] == "Connection closed while reading"


def test_zero_length_frame(request_reply):
    (element,) = request_reply(lambda payload: payload, b"")
    assert (element["error"], element["details"]["type"]) == ("msg_parsing_error", "JSONDecodeError")


def test_failing_read_is_looked_up_at_call_time(runtime, socket_pair, monkeypatch):
    def broken(sock, count):
        raise RuntimeError("broken reader")

    monkeypatch.setattr(runtime, "_recv_exact", broken)
    (element,) = runtime._handle_request(socket_pair[0], lambda payload: payload)
    assert (element["error"], element["details"]["type"]) == ("connection_error", "RuntimeError")


def test_hostile_length(runtime, socket_pair):
    ours, theirs = socket_pair
    theirs.sendall(b"\xff\xff\xff\xff")
    (element,) = runtime._handle_request(ours, lambda payload: payload)
    assert (element["error"], element["details"]["type"]) == ("connection_error", "ValueError")


def test_error_response(runtime):
    assert runtime._error_response("some_error") == [{"error": "some_error"}]
    try:
        raise ValueError("text")
    except ValueError as exc:
        ((element),) = runtime._error_response("some_error", exc)
    assert set(element) == {"error", "details"}
    assert set(element["details"]) == {"message", "type", "traceback"}
    json.dumps(element)

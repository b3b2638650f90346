"""The question "does this broker really accept AMQP?", answered by logging in and opening the virtual host.

A listening port is not enough: RabbitMQ accepts connections a moment before its virtual host is recovered.
"""

import socket
import struct

_FRAME_END = 0xCE
_METHOD_FRAME = 1
_FRAME_BYTE_LIMIT = 131072
_START, _START_OK, _TUNE, _TUNE_OK, _OPEN, _OPEN_OK, _CLOSE, _CLOSE_OK = 10, 11, 30, 31, 40, 41, 50, 51
_CONNECTION_CLASS = 10


class NotReady(Exception):
    """Why the broker did not accept the connection."""


def accepts_amqp(host, port, user="guest", password="guest", virtual_host="/", timeout=2.0):
    """True when a client could log in; raises `NotReady` with the reason otherwise."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            _expect(connection, _START)
            response = b"\x00" + user.encode() + b"\x00" + password.encode()
            empty_table = struct.pack(">I", 0)
            _send(connection, _START_OK, empty_table + _short("PLAIN") + _long(response) + _short("en_US"))
            tune = _expect(connection, _TUNE)
            channel_limit, frame_byte_limit, _ = struct.unpack(">HIH", tune[:8])
            _send(connection, _TUNE_OK, struct.pack(">HIH", channel_limit, frame_byte_limit, 0))
            _send(connection, _OPEN, _short(virtual_host) + _short("") + b"\x00")
            _expect(connection, _OPEN_OK)
            _send(connection, _CLOSE, struct.pack(">H", 200) + _short("probe done") + struct.pack(">HH", 0, 0))
            _expect(connection, _CLOSE_OK)
            return True
    except OSError as error:
        raise NotReady(f"{host}:{port}: {error}") from None


def _send(connection, method, arguments):
    payload = struct.pack(">HH", _CONNECTION_CLASS, method) + arguments
    connection.sendall(struct.pack(">BHI", _METHOD_FRAME, 0, len(payload)) + payload + bytes([_FRAME_END]))


def _expect(connection, method):
    kind, channel, byte_count = struct.unpack(">BHI", _receive(connection, 7))
    if kind != _METHOD_FRAME or channel != 0 or byte_count > _FRAME_BYTE_LIMIT:
        raise NotReady(f"unexpected frame: type {kind}, channel {channel}, {byte_count} bytes")
    payload = _receive(connection, byte_count)
    _receive(connection, 1)
    received_class, received_method = struct.unpack(">HH", payload[:4])
    if (received_class, received_method) != (_CONNECTION_CLASS, method):
        raise NotReady(f"expected method {_CONNECTION_CLASS}.{method}, got {received_class}.{received_method}")
    return payload[4:]


def _receive(connection, byte_count):
    received = b""
    while len(received) < byte_count:
        part = connection.recv(byte_count - len(received))
        if not part:
            raise NotReady("connection closed by the broker")
        received += part
    return received


def _short(text):
    return bytes([len(text)]) + text.encode()


def _long(content):
    return struct.pack(">I", len(content)) + content

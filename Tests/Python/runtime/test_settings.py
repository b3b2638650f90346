"""Environment variables and the listening socket (runtime.md 2 and 4)."""

import logging
import os
import socket
import stat
import tempfile

import pytest


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="asya-") as path:
        yield path


def test_defaults(runtime):
    assert runtime.ASYA_HANDLER == ""
    assert runtime.ASYA_HANDLER_MODE == "payload"
    assert runtime.ASYA_SOCKET_CHMOD == "0o666"
    assert runtime.ASYA_CHUNK_SIZE == 65536
    assert runtime.SOCKET_DIR == "/var/run/asya"
    assert runtime.SOCKET_NAME == "asya-runtime.sock"
    assert runtime.SOCKET_PATH == "/var/run/asya/asya-runtime.sock"


def test_socket_directory(reload_with):
    module = reload_with(ASYA_SOCKET_DIR="/x", ASYA_SOCKET_NAME="y.sock")
    assert (module.SOCKET_DIR, module.SOCKET_NAME, module.SOCKET_PATH) == ("/x", "y.sock", "/x/y.sock")


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "1.5", "64k"])
def test_invalid_chunk_size(reload_with, text):
    with pytest.raises(SystemExit) as caught:
        reload_with(ASYA_CHUNK_SIZE=text)
    assert caught.value.code == 1


@pytest.mark.parametrize(
    "text, level",
    [("debug", logging.DEBUG), ("INFO", logging.INFO), ("Warning", logging.WARNING), ("ERROR", logging.ERROR)]
    + [("nonsense", logging.INFO), ("", logging.INFO), ("CRITICAL", logging.INFO), ("NOTSET", logging.INFO)],
)
def test_log_level(reload_with, text, level):
    assert reload_with(ASYA_LOG_LEVEL=text)._log_level_setting() == level


@pytest.mark.parametrize("text, mode", [("0o600", 0o600), ("660", 0o660), ("0640", 0o640), ("0o666", 0o666)])
def test_chmod(runtime, directory, monkeypatch, text, mode):
    monkeypatch.setattr(runtime, "ASYA_SOCKET_CHMOD", text)
    path = os.path.join(directory, "s")
    with runtime._setup_socket(path):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode


def test_no_chmod(runtime, directory, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_SOCKET_CHMOD", "")
    path = os.path.join(directory, "s")
    mask = os.umask(0o027)
    try:
        with runtime._setup_socket(path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o750
    finally:
        os.umask(mask)


@pytest.mark.parametrize("text", ["rw", "888", "0x1ff", "-1", "77777", "6.0"])
def test_invalid_chmod_leaves_no_socket(runtime, directory, monkeypatch, text):
    monkeypatch.setattr(runtime, "ASYA_SOCKET_CHMOD", text)
    path = os.path.join(directory, "s")
    with pytest.raises(SystemExit) as caught:
        runtime._setup_socket(path)
    assert caught.value.code == 1
    assert not os.path.exists(path)


def test_existing_file_is_replaced(runtime, directory):
    path = os.path.join(directory, "s")
    with open(path, "w") as file:
        file.write("stale")
    with runtime._setup_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def test_existing_socket_is_replaced(runtime, directory):
    path = os.path.join(directory, "s")
    runtime._setup_socket(path).close()
    with runtime._setup_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def test_directory_in_the_way(runtime, directory):
    with pytest.raises(OSError):
        runtime._setup_socket(directory)


def test_parent_directories_are_made(runtime, directory):
    with runtime._setup_socket(os.path.join(directory, "a", "b", "s")) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

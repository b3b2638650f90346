"""Fixtures: the runtime as a freshly imported module, and as a process."""

import importlib
import socket
import sys

import asya_runtime
import pytest
from runtime_process import RuntimeProcess, frame


@pytest.fixture
def runtime(monkeypatch):
    """The module as a new process would see it; use `reload_with` for other environments."""
    return importlib.reload(asya_runtime)


@pytest.fixture
def reload_with(monkeypatch):
    """Imports the module again under the environment variables given."""

    def reload(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return importlib.reload(asya_runtime)

    yield reload
    monkeypatch.undo()
    importlib.reload(asya_runtime)


@pytest.fixture
def socket_pair():
    """Two connected stream sockets: the runtime's end and the sidecar's."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(20)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def request_reply(runtime, socket_pair):
    """Sends a body and returns the list that `_handle_request` makes of it."""
    ours, theirs = socket_pair

    def call(handler, body):
        theirs.sendall(frame(body))
        return runtime._handle_request(ours, handler)

    return call


@pytest.fixture
def handler_module(tmp_path, monkeypatch):
    """Writes modules for `_load_function` to import, and forgets them afterwards."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text, name="user_handler"):
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in {path.stem for path in tmp_path.iterdir()}:
            del sys.modules[name]


@pytest.fixture
def start_runtime():
    """Starts runtimes as processes: `start_runtime(handler_source, "function", NAME="value", …)`."""
    processes = []

    def start(source, function="handle", wait=True, **environment):
        process = RuntimeProcess(source, function, environment)
        processes.append(process)
        if wait:
            process.wait_until_ready()
        return process

    yield start
    for process in processes:
        process.discard()

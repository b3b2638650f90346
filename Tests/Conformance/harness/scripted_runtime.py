"""A runtime whose every byte is scripted, on a Unix socket, with a record of what the sidecar did."""

import json
import os
import socket
import struct
import threading
import time

from .envelopes import advanced_reply, encode
from .waiting import eventually

KEEPALIVE = {"protocol": 2, "keepalive": True}
AHEAD = {"protocol": 2, "keepalive": True, "ahead": 8, "metrics": True}


class Wire:
    """An answer on the level of the socket: bytes after a delay, then perhaps the end of the connection."""

    def __init__(self, data=b"", close=False, delay=0.0, hang=False):
        self.data = data
        self.close = close
        self.delay = delay
        self.hang = hang


def reply(value, delay=0.0):
    """A well-formed reply: frame around the JSON of `value`, or around `value` itself when it is bytes."""
    data = value if isinstance(value, bytes) else encode(value)
    return Wire(struct.pack(">I", len(data)) + data, delay=delay)


def wire(data, close=True):
    """Raw bytes instead of a frame, then end of file unless told otherwise."""
    return Wire(data, close=close)


def closes():
    """The connection ends without a reply, as when the handler crashes the process."""
    return Wire(close=True)


def hangs():
    """No reply at all until the runtime is stopped."""
    return Wire(hang=True)


def error(code="processing_error", **details):
    """An error element as the Python runtime sends it."""
    return reply([{"error": code, "details": details}] if details else [{"error": code}])


class Request:
    """One request as it arrived."""

    def __init__(self, body, connection, number):
        self.body = body
        self.connection = connection
        self.number = number
        self.started = time.monotonic()
        self.finished = None

    @property
    def json(self):
        return json.loads(self.body)


class ScriptedRuntime:
    """Serves `script(request) -> Wire`; the default script is the echo of the Python runtime.

    Requests are handled one at a time, as the real runtime does; with `keepalive=False` the connection is
    closed after each reply, as the original's is.
    """

    def __init__(self, directory, script=None, announce=AHEAD):
        self.directory = directory
        self.socket_path = os.path.join(directory, "asya-runtime.sock")
        self.ready_path = os.path.join(directory, "runtime-ready")
        self.announce = announce
        self.script = script or echo
        self.requests = []
        self.connections = 0
        self.serving = 0
        self.max_serving = 0
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._listener = None
        self._open = set()
        self._stopping = threading.Event()

    @property
    def keepalive(self):
        return bool(self.announce and self.announce.get("keepalive"))

    def start(self):
        self._stopping = threading.Event()
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.socket_path)
        self._listener.listen(128)
        threading.Thread(target=self._accept, args=(self._listener, self._stopping), daemon=True).start()
        self.write_ready()
        return self

    def write_ready(self):
        """The ready file, in the original's form (no announcement) when `announce` is None."""
        text = "ready\n" if self.announce is None else "ready\n" + json.dumps(self.announce) + "\n"
        with open(self.ready_path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.ready_path + ".new", self.ready_path)

    def stop(self, remove_files=False):
        """Goes away like a killed process: listener and connections end, files stay unless removed."""
        self._stopping.set()
        if self._listener is not None:
            _shut(self._listener)  # Without the shutdown a thread inside accept() would keep it alive.
            self._listener = None
        with self._lock:
            open_now, self._open = list(self._open), set()
        for connection in open_now:
            _shut(connection)
        for path in (self.socket_path, self.ready_path) if remove_files else ():
            if os.path.exists(path):
                os.unlink(path)

    def wait_requests(self, count, timeout=10.0):
        """Waits until at least `count` requests have arrived."""
        eventually(lambda: len(self.requests) >= count, timeout, "%d runtime requests" % count)

    @property
    def bodies(self):
        return [request.body for request in self.requests]

    def serving_connections(self):
        """How many connections carried at least one request."""
        return len({request.connection for request in self.requests})

    def _accept(self, listener, stopping):
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # Closed by stop().
            with self._lock:
                self.connections += 1
                self._open.add(connection)
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number, stopping), daemon=True).start()

    def _serve(self, connection, number, stopping):
        try:
            while not stopping.is_set():
                body = _read_frame(connection)
                if body is None:
                    return
                if not self._answer(connection, number, body, stopping) or not self.keepalive:
                    return
        except OSError:
            return  # The sidecar went away, which several tests want.
        finally:
            with self._lock:
                self._open.discard(connection)
            _shut(connection)

    def _answer(self, connection, number, body, stopping):
        with self._one_at_a_time:
            request = Request(body, number, len(self.requests))
            with self._lock:
                self.serving += 1
                self.max_serving = max(self.max_serving, self.serving)
                self.requests.append(request)
            try:
                answer = self.script(request)
                if answer.delay:
                    stopping.wait(answer.delay)
                if answer.hang:
                    stopping.wait()
                    return False
                connection.sendall(answer.data)
                return not answer.close
            finally:
                request.finished = time.monotonic()
                with self._lock:
                    self.serving -= 1


def echo(request):
    """Route advanced, payload and headers as they were."""
    return reply(advanced_reply(request.body))


def delayed_echo(seconds):
    """Echo after a while."""
    return lambda request: reply(advanced_reply(request.body), delay=seconds)


def end_reply(_request):
    """The usual reply of a crew handler."""
    return reply([{}])


def always(answer):
    """The same answer to every request."""
    return lambda _request: answer


def gated_echo(gate):
    """Echo once `gate` (a threading.Event) is set: a handler that ends exactly when the test wants it."""

    def script(request):
        gate.wait(60)
        return echo(request)

    return script


def in_turn(*answers):
    """One answer per request in order, the last one for ever. Entries may be scripts."""

    def script(request):
        answer = answers[min(request.number, len(answers) - 1)]
        return answer(request) if callable(answer) else answer

    return script


def _read_frame(connection):
    header = _read_exact(connection, 4)
    return None if header is None else _read_exact(connection, struct.unpack(">I", header)[0])


def _read_exact(connection, count):
    data = bytearray(count)
    view = memoryview(data)
    received = 0
    while received < count:
        n = connection.recv_into(view[received:], count - received)
        if n == 0:
            return None
        received += n
    return bytes(data)


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # Not connected any more.
    connection.close()

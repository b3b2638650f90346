"""A gateway that is healthy and never answers a report: the worst one for whoever waits for it."""

import selectors
import socket
import threading

_MAX_CONNECTIONS = 256
_READ_BYTES = 65536
_HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK"


class HangingGateway:
    """Answers ``GET`` with 200 and swallows everything else, in a thread of its own, until `close`."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="hanging-gateway", daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        """Ends the thread and closes every connection."""
        self._wake_writer.send(b"x")
        self._thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self):
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.fileobj is self._wake_reader:
                        return
                    self._accept() if key.fileobj is self._listener else self._read(key.fileobj)
        finally:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()
            self._selector.close()

    def _accept(self):
        connection, _ = self._listener.accept()
        if len(self._selector.get_map()) > _MAX_CONNECTIONS:
            connection.close()
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection):
        try:
            data = connection.recv(_READ_BYTES)
            if data.startswith(b"GET "):
                connection.send(_HEALTHY)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            connection.close()

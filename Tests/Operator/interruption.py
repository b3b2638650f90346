"""Proxies between the operator and its servers that do something at one exact step: usually kill the operator after the
server has done its part and before the operator hears of it."""

import http.client
import socket
import ssl
import struct
import threading
import urllib.parse

from localservers.http_server import Handler, Server


class Step:
    """The n-th request (or answer) that matches; `action` runs once, when it comes."""

    def __init__(self, matches, action, occurrence=1):
        self._matches = matches
        self._action = action
        self._left = occurrence
        self._lock = threading.Lock()
        self.happened = threading.Event()

    def sees(self, *what):
        """Runs the action when this is the moment; whether it was."""
        if not self._matches(*what):
            return False
        with self._lock:
            self._left -= 1
            if self._left != 0:
                return False
        self._action()
        self.happened.set()
        return True


class _Connection(Handler):
    """One connection of the operator, with one to the server."""

    def setup(self):
        super().setup()
        self.upstream = self.server.owner.connect()

    def finish(self):
        self.upstream.close()
        super().finish()

    def handle_any(self):
        """Any method."""
        try:
            self.server.owner.forward(self)
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # One of the two sides has gone.

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


class HTTPProxy(Server):
    """Forwards plain HTTP to a server, watches included. `step` sees (method, path, headers) of each request that the
    server has answered; `answer` sees the body too, and may answer in the server's place with (status, headers, body)."""

    def __init__(self, upstream, ca_file=None):
        self._upstream = urllib.parse.urlsplit(upstream)
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self.step = None
        self.answer = lambda method, path, headers, body: None
        super().__init__(_Connection)

    @property
    def url(self):
        """Where the operator finds it."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def connect(self):
        """A connection to the server."""
        place = (self._upstream.hostname, self._upstream.port)
        if self._context:
            return http.client.HTTPSConnection(*place, context=self._context)
        return http.client.HTTPConnection(*place)

    def forward(self, request):
        """One request and its answer."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        what = (request.command, request.path, request.headers)
        answer = self.answer(*what, body)
        if answer is not None:
            self._respond(request, *answer)
            return
        skipped = ("host", "content-length", "connection")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in skipped}
        request.upstream.request(request.command, request.path, body=body or None, headers=headers)
        response = request.upstream.getresponse()
        if response.length is None and response.chunked and "watch=true" in request.path:
            self._stream(request, response)
            return
        content = response.read()
        if self.step is not None and self.step.sees(*what):
            request.close_connection = True
            return
        kept = [(name, value) for name, value in response.getheaders() if name.lower() in ("content-type", "retry-after")]
        self._respond(request, response.status, kept, content)

    @staticmethod
    def _respond(request, status, headers, content):
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    @staticmethod
    def _stream(request, response):
        request.send_response(response.status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        while piece := response.read1(65536):
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n")


class AMQPProxy:
    """Forwards AMQP; `step` sees (class, method) of each method frame that the broker sends."""

    EXCHANGE_DECLARED, QUEUE_DECLARED, QUEUE_BOUND, QUEUE_DELETED = (40, 11), (50, 11), (50, 21), (50, 41)

    def __init__(self, host, port):
        self._place = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.step = None

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(self._place)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pump, args=(client, broker), daemon=True).start()
            threading.Thread(target=self._watch, args=(broker, client), daemon=True).start()

    @staticmethod
    def _pump(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            pass
        # Both directions end together, so that the other thread ends as well.
        for one in (source, target):
            _close(one)

    def _watch(self, broker, client):
        pending = b""
        try:
            while piece := broker.recv(65536):
                pending += piece
                # Type, channel, length; payload; end mark.
                while len(pending) >= 7 and len(pending) >= 8 + struct.unpack(">I", pending[3:7])[0]:
                    length = 8 + struct.unpack(">I", pending[3:7])[0]
                    frame, pending = pending[:length], pending[length:]
                    is_method = frame[0] == 1
                    if is_method and self.step is not None and self.step.sees(*struct.unpack(">HH", frame[7:11])):
                        return
                    client.sendall(frame)
        except OSError:
            pass
        finally:
            for one in (broker, client):
                _close(one)


def _close(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # Closed by the other thread.
    one.close()

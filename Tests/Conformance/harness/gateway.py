"""A gateway that records every report in order of arrival and misbehaves on request."""

import http.server
import json
import threading
import time

from localservers.ports import free_port

from .waiting import eventually


class Report:
    """One request to the gateway."""

    def __init__(self, method, path, body, headers, connection):
        self.method = method
        self.path = path
        self.body = body
        self.headers = headers
        self.connection = connection
        self.at = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def kind(self):
        """`health`, `progress`, `final` or `child`."""
        return "child" if self.path.rstrip("/").endswith("/envelopes") else self.path.rsplit("/", 1)[-1]

    def __repr__(self):
        return "%s %s %r" % (self.method, self.path, self.body)


class FakeGateway:
    """HTTP/1.1 with keep-alive. `answers[kind]` is a status, `"hang"`, `"close"`, or a callable(report)."""

    def __init__(self, prefix=""):
        self.prefix = prefix
        self.reports = []
        self.answers = {"health": 200, "progress": 200, "child": 201, "final": 200}
        self.port = free_port()
        self._lock = threading.Lock()
        self._server = None
        self._released = threading.Event()

    @property
    def url(self):
        return "http://127.0.0.1:%d%s" % (self.port, self.prefix)

    def start(self):
        """Listens, on the same port as before when it was stopped."""
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.gateway = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        """Refuses connections from now on and ends the open ones."""
        self._released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.end_connections()
            self._server = None

    def of_kind(self, kind, envelope_id=None):
        """Reports of one kind, optionally of one envelope, in order of arrival."""
        with self._lock:
            chosen = [report for report in self.reports if report.kind == kind]
        if envelope_id is None:
            return chosen
        return [report for report in chosen if "/envelopes/%s/" % envelope_id in report.path]

    def wait(self, kind, count, timeout=10.0):
        """Waits for `count` reports of a kind and returns all of that kind."""
        eventually(lambda: len(self.of_kind(kind)) >= count, timeout, "%d %s reports" % (count, kind))
        return self.of_kind(kind)

    def record(self, report):
        with self._lock:
            self.reports.append(report)
        answer = self.answers.get(report.kind, 404)
        return answer(report) if callable(answer) else answer

    def hang(self):
        self._released.wait(60)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *args):
        self.sockets = set()
        super().__init__(*args)

    def process_request(self, request, client_address):
        self.sockets.add(request)
        super().process_request(request, client_address)

    def end_connections(self):
        for connection in list(self.sockets):
            try:
                connection.shutdown(2)
            except OSError:
                pass  # Ended by the sidecar already.


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        gateway = self.server.gateway
        answer = gateway.record(Report(self.command, self.path, body, dict(self.headers), self.client_address))
        if answer == "hang":
            gateway.hang()
        if answer in ("hang", "close"):
            self.close_connection = True
            return
        self.send_response(answer)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = _handle
    do_POST = _handle

    def log_message(self, *_arguments):
        """Quiet: the tests look at the record."""

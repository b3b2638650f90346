"""An HTTP proxy in front of an SQS emulator that refuses requests as AWS does, and an endpoint of credentials."""

import http.client
import json
import re
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server:
    """A threaded HTTP server on a free port of loopback, in the background."""

    def __init__(self, handler, certificates=None):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.server_cert, certificates.server_key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._server.owner = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class FaultProxy(_Server):
    """Forwards to `url`, except what `refuse(action, access_key, number)` answers with (status, code).

    Also serves as a forward proxy for http, and speaks TLS when it is given certificates.
    """

    def __init__(self, url, refuse=lambda action, access_key, number: None, certificates=None):
        self.target = urllib.parse.urlsplit(url).netloc
        self.refuse = refuse
        self.actions = []
        self.refused = []
        self._scheme = "http" if certificates is None else "https"
        super().__init__(_ProxyHandler, certificates)

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self._scheme, self.port)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        """Silent."""

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _ProxyHandler(_Handler):
    def do_POST(self):
        proxy = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        match = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        proxy.actions.append(action)
        refusal = proxy.refuse(action, match.group(1) if match else None, proxy.actions.count(action))
        if refusal is not None:
            proxy.refused.append(action)
            status, code = refusal
            document = {"__type": "com.amazon.coral.service#" + code, "message": "refused by the test"}
            self.answer(status, json.dumps(document).encode())
            return
        connection = http.client.HTTPConnection(proxy.target, timeout=40)
        try:
            headers = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "connection")}
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            self.answer(response.status, response.read())
        finally:
            connection.close()


class CredentialEndpoint(_Server):
    """Gives out temporary credentials with the keys `ASIA1`, `ASIA2`, … valid for an hour."""

    def __init__(self):
        self.count = 0
        super().__init__(_CredentialHandler)

    @property
    def url(self):
        # The name is one that AWS's clients accept without TLS.
        return "http://localhost:%d/credentials" % self.port


class _CredentialHandler(_Handler):
    def do_GET(self):
        endpoint = self.server.owner
        endpoint.count += 1
        document = {
            "AccessKeyId": "ASIA%d" % endpoint.count,
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        self.answer(200, json.dumps(document).encode())

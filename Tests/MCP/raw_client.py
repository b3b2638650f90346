"""MCP as raw HTTP: what is sent is exactly what a test says, headers and bytes included."""

import http.client
import itertools
import json

MODERN = "2026-07-28"
LIMIT_SECONDS = 60
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
VERSION = "io.modelcontextprotocol/protocolVersion"
TASKS = "io.modelcontextprotocol/tasks"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
SESSION = "Mcp-Session-Id"

_ids = itertools.count(1)
_NAMING = {
    "tools/call": "name", "resources/read": "uri",
    "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
}  # fmt: skip


class Answer:
    """A response; a stream is read event by event."""

    def __init__(self, connection, response):
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.type = response.headers.get("Content-Type", "").partition(";")[0]

    def body(self):
        return self._response.read()

    def json(self):
        return json.loads(self.body())

    def events(self):
        """Dictionaries with the fields of each event; `comment` for comments. Ends with the stream."""
        event = {}
        while line := self._response.readline():
            line = line.decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                name = name or "comment"
                event[name] = event[name] + "\n" + value if name == "data" and name in event else value
            elif event:
                yield event
                event = {}

    def messages(self):
        """The JSON-RPC messages of a stream."""
        for event in self.events():
            if event.get("event") == "message":
                yield json.loads(event["data"])

    def close(self):
        """As a client that goes away. The response holds the socket too: without closing it no FIN is sent."""
        self._response.close()
        self._connection.close()


class RawClient:
    """One connection per request."""

    def __init__(self, port):
        self._port = port
        self._answers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for answer in self._answers:
            answer.close()

    def send(self, method, headers, body=b"", path="/mcp"):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT_SECONDS)
        connection.putrequest(method, path, skip_host=any(name.lower() == "host" for name, _ in headers))
        for name, value in headers:
            connection.putheader(name, value)
        if body or method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = Answer(connection, connection.getresponse())
        self._answers.append(answer)
        return answer

    # MARK: modern

    def modern(self, method, params=None, *, changes=(), tasks=False, meta=None, drop_meta=(), message=None, **more):
        """A correct request of 2026-07-28 unless told otherwise: `changes` sets headers, or drops those with None."""
        capabilities = {"extensions": {TASKS: {}}} if tasks else {}
        full_meta = {VERSION: MODERN, CAPABILITIES: capabilities, **(meta or {})}
        for name in drop_meta:
            del full_meta[name]
        params = {**(params or {}), "_meta": full_meta}
        document = {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params, **(message or {})}
        headers = {"Content-Type": "application/json", "MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        name = params.get(_NAMING.get(method))
        if isinstance(name, str):
            headers["Mcp-Name"] = name
        headers.update(changes)
        fields = [(name, value) for name, value in headers.items() if value is not None]
        answer = self.send("POST", fields, json.dumps(document).encode(), **more)
        answer.id = document["id"]
        return answer

    def result(self, method, params=None, **more):
        """The result of a request that must succeed."""
        answer = self.modern(method, params, **more)
        document = answer.json()
        assert answer.status == 200 and document["id"] == answer.id, document
        return document["result"]

    # MARK: legacy

    def legacy(self, method, params=None, *, session=None, version=None, headers=(), notification=False):
        document = {"jsonrpc": "2.0", "method": method}
        if not notification:
            document["id"] = next(_ids)
        if params is not None:
            document["params"] = params
        fields = [("Content-Type", "application/json"), *headers]
        if session:
            fields.append((SESSION, session))
        if version:
            fields.append(("MCP-Protocol-Version", version))
        answer = self.send("POST", fields, json.dumps(document).encode())
        answer.id = document.get("id")
        return answer

    def initialize(self, version="2025-11-25"):
        """The session of a handshake."""
        client = {"name": "raw", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
        answer = self.legacy("initialize", params)
        assert answer.status == 200
        return answer.headers[SESSION], answer.json()["result"]

"""A stand-in of an OpenTelemetry collector: takes OTLP/HTTP in JSON, checks its form and keeps the spans."""

import json
import re

from .http_server import Handler, Server
from .processes import wait_until

HEX = {"traceId": re.compile(r"^[0-9a-f]{32}$"), "spanId": re.compile(r"^[0-9a-f]{16}$")}


class Collector(Server):
    """`status` is what it answers; spans are kept only when that is 200."""

    def __init__(self):
        self.spans = []
        self.requests = []
        self.status = 200
        super().__init__(_Handler)

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def wait(self, count, timeout=10.0):
        """Waits for `count` spans and returns all."""
        wait_until(lambda: len(self.spans) >= count, timeout, "%d spans (has %d)" % (count, len(self.spans)))
        return self.spans

    def of_trace(self, trace_id):
        return [span for span in self.spans if span["traceId"] == trace_id]

    def take(self, path, headers, body):
        """One request; returns the status to answer."""
        self.requests.append((path, headers))
        if self.status != 200:
            return self.status
        document = json.loads(body)
        for resource in document["resourceSpans"]:
            service = attributes(resource["resource"])["service.name"]
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    assert all(pattern.match(span[name]) for name, pattern in HEX.items()), span
                    assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), span
                    self.spans.append({**span, "service": service, "attributes": attributes(span)})
        return 200


def attributes(holder):
    """A list of OTLP attributes as a dictionary."""
    return {one["key"]: next(iter(one["value"].values())) for one in holder["attributes"]}


class _Handler(Handler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.server.owner.take(self.path, dict(self.headers), body), b"{}", "application/json")

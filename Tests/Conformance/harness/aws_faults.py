"""An HTTP proxy in front of an SQS emulator that refuses requests as AWS does."""

import http.client
import json
import re
import time
import urllib.parse
from datetime import datetime, timezone

from localservers.http_server import Handler, Server


class FaultProxy(Server):
    """Forwards to `url`, except what `refuse(action, access_key, number)` answers with (status, code).

    `keys` has (access key, session token) of each request. With a clock that is `clock_offset` seconds ahead, requests
    whose time is too far from it are refused. Also serves as a forward proxy for http, and speaks TLS when it is given
    certificates.
    """

    # What AWS allows.
    LONGEST_SKEW = 300

    def __init__(self, url, refuse=lambda action, access_key, number: None, certificates=None, clock_offset=0):
        self.clock_offset = clock_offset
        self.target = urllib.parse.urlsplit(url).netloc
        self.refuse = refuse
        self.actions = []
        self.keys = []
        self.refused = []
        self._scheme = "http" if certificates is None else "https"
        super().__init__(_ProxyHandler, certificates)

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self._scheme, self.port)

    @property
    def clock(self):
        return time.time() + self.clock_offset

    def is_skewed(self, signed_at):
        when = datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        return abs(when.timestamp() - self.clock) > self.LONGEST_SKEW


class _ProxyHandler(Handler):
    def date_time_string(self, timestamp=None):
        return super().date_time_string(self.server.owner.clock if timestamp is None else timestamp)

    def do_POST(self):
        proxy = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        match = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        key = match.group(1) if match else None
        proxy.actions.append(action)
        proxy.keys.append((key, self.headers.get("X-Amz-Security-Token")))
        refusal = proxy.refuse(action, key, proxy.actions.count(action))
        if proxy.clock_offset and proxy.is_skewed(self.headers["X-Amz-Date"]):
            refusal = (403, "RequestTimeTooSkewed")
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

"""RabbitMQ's management API, as far as the tests use it: vhosts, users, connections, unacknowledged counts."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request


class Management:
    """Thin client of one broker's HTTP API, user guest."""

    def __init__(self, base_url, user="guest", password="guest"):
        parts = urllib.parse.urlsplit(base_url)
        host = parts.netloc.rsplit("@", 1)[-1]
        self._base = "%s://%s" % (parts.scheme, host)
        self._authorization = "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()

    def request(self, method, path, value=None, missing_ok=False):
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self._base + "/api" + path, data=data, method=method)
        request.add_header("Authorization", self._authorization)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            if missing_ok and error.code == 404:
                return None
            raise
        return json.loads(text) if text.strip() else None

    def add_vhost(self, vhost):
        name = quote(vhost)
        self.request("PUT", "/vhosts/" + name, {})
        self.grant(vhost, "guest")

    def delete_vhost(self, vhost):
        self.request("DELETE", "/vhosts/" + quote(vhost), missing_ok=True)

    def add_user(self, user, password, vhost):
        self.request("PUT", "/users/" + quote(user), {"password": password, "tags": ""})
        self.grant(vhost, user)

    def grant(self, vhost, user):
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.request("PUT", "/permissions/%s/%s" % (quote(vhost), quote(user)), everything)

    def connections(self, vhost):
        """Open connections of a vhost, as the API describes them (fresh ones lack statistics)."""
        return self.request("GET", "/vhosts/%s/connections" % quote(vhost), missing_ok=True) or []

    def sidecar_connections(self, vhost):
        """Connections in `vhost` that are not the suite's own, by name."""
        names = []
        for connection in self.connections(vhost):
            properties = connection.get("client_properties") or {}
            if "name" in connection and properties.get("connection_name") != "conformance-suite":
                names.append(connection["name"])
        return names

    def close_connection(self, name):
        self.request("DELETE", "/connections/" + quote(name), missing_ok=True)


def quote(text):
    return urllib.parse.quote(text, safe="")

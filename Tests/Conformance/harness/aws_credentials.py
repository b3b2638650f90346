"""Where pods get AWS credentials: the container endpoint, the instance's metadata service and STS, each with a short memory.

Every one of them gives out the keys `ASIA1`, `ASIA2`, … with their own secrets and tokens, and checks what AWS checks.
"""

import datetime
import json
import threading
import urllib.parse

from localservers.http_server import Handler, Server

ROLE = "arn:aws:iam::123456789012:role/asya"


class CredentialSource(Server):
    """`lifetimes`: seconds until each of the first credentials ends; later ones are good for an hour.

    `gate` is a threading.Event: while it is clear, requests wait.
    """

    def __init__(self, handler, lifetimes=()):
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        # What was sent to prove who asks.
        self.proofs = []
        self.ends = {}
        self._lifetimes = list(lifetimes)
        super().__init__(handler)

    @property
    def origin(self):
        return "http://127.0.0.1:%d" % self.port

    def issue(self, proof):
        """New credentials as (key, secret, token, expiration)."""
        self.gate.wait(30)
        self.proofs.append(proof)
        self.count += 1
        seconds = self._lifetimes.pop(0) if self._lifetimes else 3600
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        key = "ASIA%d" % self.count
        self.ends[key] = end
        return key, "s3cret-%d" % self.count, "t0ken-%d" % self.count, end.strftime("%Y-%m-%dT%H:%M:%SZ")

    def issue_json(self, proof):
        key, secret, token, expiration = self.issue(proof)
        document = {
            "Code": "Success",
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "Token": token,
            "Expiration": expiration,
        }
        return json.dumps(document).encode()


class ContainerEndpoint(CredentialSource):
    """ECS and EKS Pod Identity."""

    def __init__(self, lifetimes=()):
        super().__init__(_ContainerHandler, lifetimes)

    @property
    def url(self):
        return self.origin + "/v1/credentials"


class _ContainerHandler(Handler):
    def do_GET(self):
        assert self.path == "/v1/credentials"
        self.answer(200, self.server.owner.issue_json(self.headers.get("Authorization")))


class InstanceMetadata(CredentialSource):
    """IMDSv2: a token first, by PUT, and nothing without it."""

    TOKEN = "session-token-of-the-instance"

    def __init__(self, lifetimes=()):
        self.is_down = False
        super().__init__(_InstanceHandler, lifetimes)


class _InstanceHandler(Handler):
    _ROLES = "/latest/meta-data/iam/security-credentials/"

    def do_PUT(self):
        if self.server.owner.is_down:
            self.answer(503, b"")
            return
        is_asked_well = self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        self.answer(*((200, InstanceMetadata.TOKEN.encode()) if is_asked_well else (400, b"")))

    def do_GET(self):
        token = self.headers.get("X-aws-ec2-metadata-token")
        if token != InstanceMetadata.TOKEN:
            self.answer(401, b"")
        elif self.path == self._ROLES:
            self.answer(200, b"role-of-the-instance\n", "text/plain")
        elif self.path == self._ROLES + "role-of-the-instance":
            self.answer(200, self.server.owner.issue_json(token))
        else:
            self.answer(404, b"")


class STS(CredentialSource):
    """AssumeRoleWithWebIdentity, whose proof is the token, and AssumeRole, whose proof is the key that signed."""

    def __init__(self, lifetimes=()):
        super().__init__(_STSHandler, lifetimes)


class _STSHandler(Handler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(urllib.parse.parse_qsl(text))
        assert form["RoleArn"] == ROLE and form["Version"] == "2011-06-15", form
        if form["Action"] == "AssumeRoleWithWebIdentity":
            proof = form["WebIdentityToken"]
        else:
            proof = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        parts = dict(zip(("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"), self.server.owner.issue(proof)))
        inner = "".join("<%s>%s</%s>" % (name, value, name) for name, value in parts.items())
        action = form["Action"]
        document = "<%sResponse><%sResult><Credentials>%s</Credentials></%sResult></%sResponse>" % (
            action,
            action,
            inner,
            action,
            action,
        )
        self.answer(200, document.encode(), "text/xml")

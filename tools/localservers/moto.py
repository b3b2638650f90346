"""A private moto: SQS, STS, S3 and IAM in one process on loopback, gone when the process that started it ends.

    with Moto() as aws:
        connect(aws.url)

As a command: ``python3 -m localservers.moto [--env] [--auth] [-- command …]`` (with ``tools`` on PYTHONPATH), in a Python
environment that has moto (requirements-dev.txt). For correctness only: it answers about a hundred requests per second and
closes every connection.
"""

import argparse
import json
import os
import sys
import urllib.parse
import urllib.request

from . import processes
from .ports import free_port
from .server import LocalServer, serve

_HOST = "127.0.0.1"
# Importing moto takes 2 s on an idle machine; several suites on two cores need much more.
_START_TIMEOUT_SECONDS = 120.0
_STOP_GRACE_SECONDS = 5.0
_REQUEST_TIMEOUT_SECONDS = 60.0
_REGION = "us-east-1"
ACCOUNT_ID = "123456789012"


class Moto(LocalServer):
    """One server. `reset` forgets all queues, users and buckets; `close` (or leaving ``with``) ends it.

    With `auth` moto checks access keys and signatures once `require_signatures` was called: until then everybody may do
    everything, which is how the first user is made.
    """

    _NAME = "moto"

    def __init__(self, auth=False):
        super().__init__()
        self.host = _HOST
        self.port = free_port()
        self.region = _REGION
        self._auth = auth
        self._process = None

    @property
    def url(self):
        """The endpoint of every service."""
        return f"http://{self.host}:{self.port}"

    @property
    def log_file(self):
        """What the server prints: one line per request."""
        return self._path("moto.log")

    @property
    def environment(self):
        """Variables with which AWS's clients, and this project's programs, use the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "ASYA_SQS_ENDPOINT": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": self.region,
            "ASYA_AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self):
        """Starts the server and returns when it answers. Does nothing when it is running."""
        if self._process is not None and self._process.poll() is None:
            return
        self._make_directory()
        # Nothing of the caller's AWS and moto settings, and no proxy.
        foreign = ("AWS_", "MOTO_", "INITIAL_NO_AUTH", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        environment["MOTO_ACCOUNT_ID"] = ACCOUNT_ID
        environment["HOME"] = self._directory
        if self._auth:
            # Far more actions than any test takes; `require_signatures` sets it to none.
            environment["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000000"
        with self._starting():
            self._process = processes.start(
                [sys.executable, "-m", "moto.server", "-H", self.host, "-p", self.port],
                env=environment,
                cwd=self._directory,
                output=self.log_file,
            )
            processes.wait_until(self._is_ready, _START_TIMEOUT_SECONDS, what="moto", interval=0.05)

    def stop(self):
        """Ends the server. Its data is in its memory alone, so a `restart` gives an empty one on the same port."""
        processes.stop(self._process, _STOP_GRACE_SECONDS)
        self._process = None

    def reset(self):
        """Forgets everything, as a new server would."""
        self.post("/moto-api/reset")

    def require_signatures(self, required=True):
        """From now on access keys and signatures are checked, or no longer (needs ``Moto(auth=True)``)."""
        # The type matters: a form would not be read as a number.
        self.post("/moto-api/reset-auth", b"0" if required else b"1000000", {"Content-Type": "text/plain"})

    def create_access_key(self, user_name="asya"):
        """A user who may do everything; returns (access key id, secret access key)."""
        self.iam("CreateUser", UserName=user_name)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.iam("PutUserPolicy", UserName=user_name, PolicyName="all", PolicyDocument=json.dumps(policy))
        reply = self.iam("CreateAccessKey", UserName=user_name)
        return _element(reply, "AccessKeyId"), _element(reply, "SecretAccessKey")

    def iam(self, action, **parameters):
        """One call of IAM, without a real signature; returns the reply's XML."""
        form = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode()
        scope = f"20260101/{self.region}/iam/aws4_request"
        authorization = f"AWS4-HMAC-SHA256 Credential=testing/{scope}, SignedHeaders=host, Signature=0"
        return self.post("/", form, {"Authorization": authorization})

    def post(self, path, body=b"", headers=None):
        """A POST; returns the reply as text."""
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {}, method="POST")
        # No proxy from the environment: the server is on loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
            return response.read().decode()

    def wait(self):
        """Blocks until the server ends and returns its exit status."""
        return self._process.wait()

    def _is_ready(self):
        self._check_alive(self._process, "moto")
        try:
            self.reset()
        except OSError:  # URLError and time-outs are OSErrors.
            return False
        return True

    def _failure_report(self):
        return processes.log_tail(self.log_file)

    def _end_processes(self):
        processes.kill(self._process)
        self._process = None


def _element(document, name):
    """The text of the first element with this name."""
    return document.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def main(arguments=None):
    """Runs a server for the duration of a command, or until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m localservers.moto", description=main.__doc__)
    parser.add_argument("--env", action="store_true", help="print shell export lines instead of prose")
    parser.add_argument("--auth", action="store_true", help="make a user and check signatures")
    parser.add_argument("command", nargs="*", help="command to run with the server's variables in its environment")
    options = parser.parse_args(arguments)
    with Moto(auth=options.auth) as aws:
        variables = aws.environment
        if options.auth:
            key, secret = aws.create_access_key()
            variables.update({"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret})
            aws.require_signatures()
        return serve("moto", variables, aws.wait, options.command, options.env)


if __name__ == "__main__":
    sys.exit(main())

"""A private Kubernetes API: etcd, kube-apiserver and kube-controller-manager on loopback, without nodes.

    with Kubernetes() as cluster:
        cluster.request("GET", "/api/v1/namespaces")

Nobody runs pods: tests that need a pod's status write it themselves. The programs come from Debian's source package
by `tools/build-kubernetes.sh`, once, into a cache; etcd is a package. Ready in about 5 s, 530 MB of memory.
As a command: ``python3 -m localservers.kubernetes [--env] [-- command …]`` (with ``tools`` on PYTHONPATH).
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys

from . import processes
from .certificates import Certificates
from .ports import free_port
from .server import LocalServer, serve

_HOST = "127.0.0.1"
_START_TIMEOUT_SECONDS = 180.0
_REQUEST_TIMEOUT_SECONDS = 60.0
_BUILD_TIMEOUT_SECONDS = 3600.0
_TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class ApiError(Exception):
    """An error answer: status code and the decoded body."""

    def __init__(self, code, body):
        self.code = code
        self.body = body
        message = body.get("message", body) if isinstance(body, dict) else body
        super().__init__(f"{code}: {message}")


class Kubernetes(LocalServer):
    """One cluster with RBAC. `admin_token` may do everything. It cannot be stopped and started again."""

    _NAME = "kubernetes"

    def __init__(self):
        super().__init__()
        self.port = free_port(_HOST)
        self.admin_token = secrets.token_hex(16)
        self._certificates = None
        self._processes = []

    # -- addresses

    @property
    def server(self):
        """Base URL of the API."""
        return f"https://{_HOST}:{self.port}"

    @property
    def ca_file(self):
        """The authority that signed the server's certificate."""
        return self._certificates.ca_file

    @property
    def certificates(self):
        """Authority and client certificate (user asya-sidecar, no rights of its own)."""
        return self._certificates

    @property
    def directory(self):
        """Where everything lives; gone with the cluster."""
        return self._directory

    # -- life cycle

    def start(self):
        """Starts the servers and returns when namespaces and service accounts work."""
        if self._directory is not None:
            return
        programs = build()
        self._make_directory()
        with self._starting():
            self._certificates = Certificates(self._path("certificates"))
            self._certificates.create()
            self._openssl_key("service-account.key")
            self._start_etcd()
            self._start_api_server(programs)
            self._start_controller_manager(programs)
            processes.wait_until(self._has_default_account, _START_TIMEOUT_SECONDS, what="the Kubernetes API")

    def wait(self):
        """Blocks until the API server ends and returns its exit status."""
        return self._processes[1].wait()

    # -- access

    def request(self, method, path, body=None, *, token=None, content_type="application/json"):
        """One call of the API; returns the decoded answer, raises `ApiError`."""
        context = ssl.create_default_context(cafile=self.ca_file)
        connection = http.client.HTTPSConnection(_HOST, self.port, timeout=_REQUEST_TIMEOUT_SECONDS, context=context)
        try:
            headers = {"Authorization": f"Bearer {token or self.admin_token}", "Accept": "application/json"}
            data = None
            if body is not None:
                data = json.dumps(body).encode()
                headers["Content-Type"] = content_type
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        try:
            decoded = json.loads(content)
        except ValueError:
            decoded = content.decode(errors="replace")
        if answer.status >= 300:
            raise ApiError(answer.status, decoded)
        return decoded

    def service_account_token(self, namespace, name):
        """A token of a service account, made by the API itself."""
        answer = self.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}},
        )
        return answer["status"]["token"]

    def kubeconfig(self, token=None, namespace="default", server=None):
        """Writes a kubeconfig and returns its path; `server` replaces the API's own address, for proxies."""
        path = self._path(f"kubeconfig-{secrets.token_hex(4)}")
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {"name": "test", "cluster": {"server": server or self.server, "certificate-authority": self.ca_file}}
            ],
            "users": [{"name": "test", "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        }
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            json.dump(config, file)
        return path

    # -- internals

    def _start(self, name, command):
        self._processes.append(processes.start(command, cwd=self._directory, output=self._path(f"{name}.log")))

    def _start_etcd(self):
        etcd = shutil.which("etcd")
        if etcd is None:
            raise RuntimeError("etcd is not installed. On Debian: apt-get install etcd-server")
        self._etcd_url = f"http://{_HOST}:{free_port(_HOST)}"
        peer_url = f"http://{_HOST}:{free_port(_HOST)}"
        self._start("etcd", [
            etcd, "--data-dir", self._path("etcd"),
            "--listen-client-urls", self._etcd_url, "--advertise-client-urls", self._etcd_url,
            "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
            "--initial-cluster", f"default={peer_url}",
            # The data of a test need not survive a power failure.
            "--unsafe-no-fsync",
        ])

    def _start_api_server(self, programs):
        tokens = self._path("tokens.csv")
        with open(tokens, "w", encoding="ascii", opener=_private) as file:
            file.write(f'{self.admin_token},admin,admin,"system:masters"\n')
        certificates = self._certificates
        self._start("kube-apiserver", [
            os.path.join(programs, "kube-apiserver"),
            "--etcd-servers", self._etcd_url,
            "--bind-address", _HOST, "--advertise-address", _HOST, "--secure-port", str(self.port),
            "--insecure-port", "0",
            "--cert-dir", self._path("api-server"),
            "--tls-cert-file", certificates.server_cert, "--tls-private-key-file", certificates.server_key,
            "--client-ca-file", certificates.ca_file, "--token-auth-file", tokens,
            "--authorization-mode", "RBAC",
            "--service-cluster-ip-range", "10.0.0.0/24",
            "--service-account-key-file", self._path("service-account.key"),
            "--service-account-signing-key-file", self._path("service-account.key"),
            "--service-account-issuer", "https://kubernetes.default.svc",
            # As generous as a real control plane; the default of 20 requests a second is per client anyway.
            "--max-requests-inflight", "800", "--max-mutating-requests-inflight", "400",
        ])
        processes.wait_until(self._is_healthy, _START_TIMEOUT_SECONDS, what="the Kubernetes API", interval=0.1)

    def _start_controller_manager(self, programs):
        self._start("kube-controller-manager", [
            os.path.join(programs, "kube-controller-manager"),
            "--kubeconfig", self.kubeconfig(),
            # Otherwise it listens on every interface.
            "--port", "0", "--bind-address", _HOST, "--secure-port", "0",
            "--service-account-private-key-file", self._path("service-account.key"),
            "--root-ca-file", self.ca_file,
            "--use-service-account-credentials=false", "--leader-elect=false",
            "--controllers", "deployment,replicaset,garbagecollector,namespace,serviceaccount,serviceaccount-token",
            "--kube-api-qps", "400", "--kube-api-burst", "400",
            "--concurrent-deployment-syncs", "10", "--concurrent-replicaset-syncs", "10",
        ])

    def _is_healthy(self):
        self._check_all_alive()
        try:
            return self.request("GET", "/readyz") == "ok"
        except (OSError, ApiError):
            return False

    def _has_default_account(self):
        self._check_all_alive()
        try:
            return self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        except (OSError, ApiError):
            return False

    def _check_all_alive(self):
        for process in self._processes:
            self._check_alive(process, process.args[0])

    def _failure_report(self):
        names = ("etcd", "kube-apiserver", "kube-controller-manager")
        return "\n".join(f"-- {name}\n{processes.log_tail(self._path(name + '.log'), 15)}" for name in names)

    def _openssl_key(self, name):
        command = ["openssl", "genrsa", "-out", self._path(name), "2048"]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)

    def _end_processes(self):
        for process in reversed(self._processes):
            processes.stop(process, 5)
        self._processes = []


def build():
    """Folder of kube-apiserver and kube-controller-manager; builds them when the cache is empty."""
    done = subprocess.run(
        [os.path.join(_TOOLS, "build-kubernetes.sh")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_BUILD_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"tools/build-kubernetes.sh failed with status {done.returncode}")
    return done.stdout.strip().splitlines()[-1]


def _private(path, flags):
    return os.open(path, flags, 0o600)


def main(arguments=None):
    """Runs a cluster for the duration of a command, or until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m localservers.kubernetes", description=main.__doc__)
    parser.add_argument("--env", action="store_true", help="print a shell export line instead of prose")
    parser.add_argument("command", nargs="*", help="command to run with KUBECONFIG in its environment")
    options = parser.parse_args(arguments)
    with Kubernetes() as cluster:
        variables = {"KUBECONFIG": cluster.kubeconfig()}
        return serve("the Kubernetes API", variables, cluster.wait, options.command, options.env)


if __name__ == "__main__":
    sys.exit(main())

"""Where the install guide is followed: a cluster that somebody named, or a private API server of this machine.

    ASYA_E2E_CONTEXT   a context of kubectl's configuration (KUBECONFIG counts as usual), or `local`
    ASYA_E2E_REGISTRY  where the cluster pulls the project's images from, with a trailing slash; default: none
    ASYA_E2E_TAG       their tag; default: latest

The context is always named: the current one, which may be somebody's production, is never used. `local` needs no cluster:
API server, controller manager and RabbitMQ are real, pods run as processes of this machine (localservers.node), an
autoscaler plays KEDA (localservers.autoscaler), and charts are rendered without Helm (tools/helm_stand_in.py).
"""

import contextlib
import os
import shlex
import shutil
import stat
import subprocess
import sys

import charts
import yaml
from localservers import ports, processes
from localservers.autoscaler import Autoscaler
from localservers.kubernetes import Kubernetes
from localservers.node import Image, Node
from localservers.rabbitmq import RabbitMQ

ROOT = charts.ROOT
BIN = os.path.join(ROOT, "bin")
BROKER_NAMESPACE = "messaging"
BROKER_HOST = "rabbitmq.messaging.svc.cluster.local"
PASSWORD = "guide-" + os.urandom(6).hex()
KEDA = os.path.join(ROOT, "Tests", "Operator", "keda-reduced.yaml")
BLOCK_LIMIT_SECONDS = 500
LOCAL = "local"


class Site:
    """A folder in which blocks of a guide are run, with `kubectl` and `helm` bound to one cluster."""

    def __init__(self, folder, commands, replacements):
        self.folder = folder
        self._replacements = replacements
        programs = os.path.join(folder, ".programs")
        os.makedirs(programs)
        for name, text in commands.items():
            path = os.path.join(programs, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{text}\n")
            os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        self.environment = {**os.environ, "PATH": f"{programs}:{BIN}:{os.environ['PATH']}", "PASSWORD": PASSWORD}
        os.symlink(os.path.join(ROOT, "deploy"), os.path.join(folder, "deploy"))

    def text(self, block):
        """A block as it is for this cluster."""
        text = block.body
        for old, new in self._replacements:
            text = text.replace(old, new)
        return text

    def write(self, block):
        """Puts a block of YAML into its file."""
        with open(os.path.join(self.folder, block.file), "w", encoding="utf-8") as file:
            file.write(self.text(block))

    def run(self, block):
        """Runs a block of commands; returns its output, fails with it."""
        return self.shell(self.text(block), what=repr(block))

    def shell(self, script, what="", check=True):
        """Runs a script in the folder."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BLOCK_LIMIT_SECONDS, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{what}\n{script}\n{done.stdout}\n{self.report()}"
        return done.stdout

    def get(self, *words):
        """An object or a list, by kubectl; None when it does not exist."""
        done = subprocess.run(
            ["kubectl", "get", *words, "-o", "yaml"], env=self.environment, capture_output=True, text=True, check=False
        )
        return yaml.safe_load(done.stdout) if done.returncode == 0 else None

    def wait_until(self, condition, what, limit=180.0):
        """The first true value of a condition."""
        return processes.wait_until(condition, limit, what=lambda: f"{what}\n{self.report()}", interval=0.3)

    def report(self):
        """What helps to understand a failure."""
        done = subprocess.run(
            ["sh", "-c", "kubectl get asya,deployments,pods -A; kubectl get events -A | tail -30"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return done.stdout


class LocalSite(Site):
    """The private one; it can also tell what its pods logged."""

    node = None
    autoscaler = None

    def report(self):
        """With the logs of the pods."""
        return f"{super().report()}\nautoscaler: {self.autoscaler.problems}\n{self.node.log('')}"


def open_site(folder, context):
    """The site for a context, as a context manager."""
    return local_site(folder) if context == LOCAL else cluster_site(folder, context)


@contextlib.contextmanager
def cluster_site(folder, context):
    """A cluster of the user's."""
    registry, tag = os.environ.get("ASYA_E2E_REGISTRY", ""), os.environ.get("ASYA_E2E_TAG", "latest")
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not installed; with ASYA_E2E_CONTEXT={LOCAL} neither it nor a cluster is needed")
    commands = {
        "kubectl": f'exec {shutil.which("kubectl")} --context {shlex.quote(context)} "$@"',
        "helm": f'exec {shutil.which("helm")} --kube-context {shlex.quote(context)} "$@"',
    }
    yield Site(folder, commands, [("REGISTRY/", registry), ('"0.2.0"', f'"{tag}"'), (":0.2.0", f":{tag}")])


@contextlib.contextmanager
def local_site(folder):
    """API server, broker, pods as processes, autoscaler."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        installer = os.path.join(ROOT, "tools", "install-debian-packages.sh")
        subprocess.run(["bash", installer, "kubernetes-client"], check=True, stdin=subprocess.DEVNULL)
        kubectl = shutil.which("kubectl")
    with Kubernetes() as cluster, RabbitMQ(management=True) as broker:
        login_of_the_guide(broker)
        gateway_port = ports.free_port()
        gateway = f"127.0.0.1:{gateway_port}"
        configuration = cluster.kubeconfig()
        commands = {
            "kubectl": f'exec {kubectl} --kubeconfig {configuration} "$@"',
            "helm": f'exec {sys.executable} {ROOT}/tools/helm_stand_in.py "$@"',
        }
        site = LocalSite(
            folder, commands,
            [
                (f"host: {BROKER_HOST}",
                 f"host: {broker.host}\n      port: {broker.port}\n      managementPort: {broker.management_port}"),
                ("rabbitmq.messaging:5672", f"{broker.host}:{broker.port}"),
                # The API server of the tests is older than the CRD's rules; it drops them.
                ("kubectl apply -f deploy/crd/", "kubectl apply --validate=false -f deploy/crd/"),
                ("queueLength: 10}", "queueLength: 10, cooldownPeriod: 5}"),
                # Nothing to forward to: pods are processes of this machine.
                ("$(asya mcp-forward --namespace asya)", f"http://{gateway}"),
            ],
        )  # fmt: skip
        site.environment["HELM_STAND_IN_HOME"] = os.path.join(folder, ".releases")
        subprocess.run(["kubectl", "apply", "-f", KEDA], env=site.environment, check=True, stdout=subprocess.DEVNULL)
        node = Node(cluster, images(gateway_port), [
            ("http://asya-gateway.asya.svc.cluster.local", f"http://{gateway}"), ("http://asya-gateway:80", f"http://{gateway}"),
        ])  # fmt: skip
        with node, Autoscaler(cluster) as autoscaler:
            site.node, site.autoscaler = node, autoscaler
            yield site


def images(gateway_port):
    """What runs in the place of each image."""
    python = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    return {
        "asya-operator": Image(
            [os.path.join(BIN, "asya-operator")],
            {"ASYA_RUNTIME_SCRIPT_PATH": os.path.join(ROOT, "Sources", "Runtime", "asya_runtime.py")},
            [(r"^(--[a-z-]+-bind-address)=:\d+$", r"\1=127.0.0.1:0")],
        ),
        "asya-sidecar": Image([os.path.join(BIN, "asya-sidecar")], {"ASYA_METRICS_ADDR": "127.0.0.1:0"}),
        "asya-gateway": Image(
            [os.path.join(BIN, "asya-gateway")],
            {"ASYA_GATEWAY_PORT": str(gateway_port), "ASYA_GATEWAY_HOST": "127.0.0.1"},
        ),
        "asya-crew": Image([], {**python, "PYTHONPATH": os.path.join(ROOT, "Sources", "Crew")}),
        "python": Image([], python),
    }  # fmt: skip


def login_of_the_guide(broker):
    """The user that the guide's values name."""
    broker.api("PUT", "/api/users/asya", {"password": PASSWORD, "tags": "administrator"})
    broker.api("PUT", "/api/permissions/%2F/asya", {"configure": ".*", "write": ".*", "read": ".*"})


"""What the operator's tests act on: a real API server, a real broker, the built operator, and the parts that tests play
themselves because no node and no KEDA run (kubelet, autoscaler)."""

import json
import os
import re
import subprocess
import time
import urllib.request

import yaml
from localservers import ports, processes
from localservers.kubernetes import ApiError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("ASYA_OPERATOR_BINARY", os.path.join(ROOT, "bin", "asya-operator"))
SCRIPT = os.path.join(ROOT, "Sources", "Runtime", "asya_runtime.py")
# Generous: several suites share two cores. Conditions usually hold within a second.
LIMIT = 60.0

ACTORS = "/apis/asya.sh/v1alpha1/namespaces/{}/asyncactors"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
SCALED_OBJECTS = "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects"
TRIGGER_AUTHENTICATIONS = "/apis/keda.sh/v1alpha1/namespaces/{}/triggerauthentications"
MERGE = "application/merge-patch+json"


def wait_until(condition, what, limit=LIMIT):
    """The first true value of `condition`; a `TimeoutError` that says `what` otherwise."""
    return processes.wait_until(condition, limit, what=what, interval=0.05)


def actor(name, **spec):
    """A small valid actor; keyword arguments replace members of its spec."""
    whole = {
        "transport": "rabbitmq",
        "workload": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "asya-runtime",
                            "image": "registry.example/word-counter:1.4",
                            "env": [{"name": "ASYA_HANDLER", "value": "counter.count_words"}],
                        }
                    ]
                }
            }
        },
    }
    whole.update(spec)
    return {"apiVersion": "asya.sh/v1alpha1", "kind": "AsyncActor", "metadata": {"name": name}, "spec": whole}


class World:
    """One namespace of the cluster, for one test."""

    def __init__(self, cluster, namespace):
        self.cluster = cluster
        self.namespace = namespace

    # -- objects

    def get(self, template, name, namespace=None):
        """An object or None."""
        try:
            return self.cluster.request("GET", f"{template.format(namespace or self.namespace)}/{name}")
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, template, namespace=None):
        """All objects of a collection."""
        return self.cluster.request("GET", template.format(namespace or self.namespace))["items"]

    def create(self, template, body, namespace=None):
        """Creates an object."""
        return self.cluster.request("POST", template.format(namespace or self.namespace), body)

    def patch(self, template, name, body, subresource="", namespace=None):
        """A merge patch."""
        path = f"{template.format(namespace or self.namespace)}/{name}{subresource}"
        return self.cluster.request("PATCH", path, body, content_type=MERGE)

    def delete(self, template, name, namespace=None):
        """Deletes an object; one that is gone is fine."""
        try:
            self.cluster.request("DELETE", f"{template.format(namespace or self.namespace)}/{name}")
        except ApiError as error:
            if error.code != 404:
                raise

    # -- actors

    def apply(self, body, namespace=None):
        """Creates an actor."""
        return self.create(ACTORS, body, namespace)

    def actor(self, name, namespace=None):
        """The actor as it is."""
        return self.get(ACTORS, name, namespace)

    def deployment(self, name):
        """The actor's Deployment."""
        return self.get(DEPLOYMENTS, name)

    def wait_for_deployment(self, name):
        """The actor's Deployment, once it is there."""
        return wait_until(lambda: self.deployment(name), lambda: f"Deployment {name}: {self.actor(name)}")

    def wait_gone(self, template, name):
        """Until an object is gone."""
        wait_until(lambda: self.get(template, name) is None, f"{name} to go")

    def condition(self, name, kind, namespace=None):
        """One condition of an actor, or {}."""
        found = self.actor(name, namespace) or {}
        for condition in found.get("status", {}).get("conditions", []):
            if condition["type"] == kind:
                return condition
        return {}

    def wait_for_condition(self, name, kind, status, reason=None, namespace=None):
        """The condition, once it has that status (and reason)."""

        def holds():
            found = self.condition(name, kind, namespace)
            matches = found.get("status") == status and (reason is None or found.get("reason") == reason)
            return found if matches else None

        return wait_until(holds, lambda: f"{kind}={status}/{reason} of {name}: {self.actor(name, namespace)}")

    def wait_for_state(self, name, state):
        """Until `status.status` is `state`."""
        return wait_until(
            lambda: (self.actor(name) or {}).get("status", {}).get("status") == state,
            lambda: f"{name} to be {state}: {json.dumps((self.actor(name) or {}).get('status'))}",
        )

    def events(self, name, reason):
        """Events about an actor with a reason."""
        found = self.list("/api/v1/namespaces/{}/events")
        return [event for event in found if event["involvedObject"]["name"] == name and event["reason"] == reason]

    def wait_for_event(self, name, reason):
        """Such an event, once it is there."""
        return wait_until(lambda: self.events(name, reason), f"event {reason} on {name}")[0]

    # -- playing the kubelet

    def pods(self, name):
        """Pods of an actor."""
        found = self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=asya.sh/asya%3D{name}")
        return found["items"]

    def wait_for_pods(self, name, count):
        """The actor's pods, once the ReplicaSet controller has made that many."""
        return wait_until(
            lambda: self.pods(name) if len(self.pods(name)) == count else None, f"{count} pods of {name}"
        )

    def set_pod_status(self, pod, **status):
        """Writes the status of a pod, as its kubelet would."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}/status"
        self.cluster.request("PATCH", path, {"status": status}, content_type=MERGE)

    def make_ready(self, pod):
        """A pod that runs and is ready."""
        self.set_pod_status(pod, phase="Running", conditions=[condition("Ready", "True"), condition("PodScheduled", "True")])

    def make_waiting(self, pod, container, reason, message=""):
        """A pod with a container that waits for a reason."""
        waiting = {"reason": reason, "message": message}
        status = {"name": container, "image": "x", "imageID": "", "ready": False, "restartCount": 1}
        self.set_pod_status(
            pod,
            phase="Pending",
            conditions=[condition("Ready", "False")],
            containerStatuses=[{**status, "state": {"waiting": waiting}}],
        )


def condition(kind, status, reason="", message=""):
    """A pod's condition."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}


class Operator:
    """The built operator as a process."""

    def __init__(
        self, cluster, directory, transports, *flags, token=None, namespace="asya-system", server=None, **variables
    ):
        self.metrics_port = ports.free_port()
        self.probe_port = ports.free_port()
        self.log_file = os.path.join(directory, f"operator-{self.metrics_port}.log")
        self._command = [
            BINARY, "--metrics-bind-address", f"127.0.0.1:{self.metrics_port}",
            "--health-probe-bind-address", f"127.0.0.1:{self.probe_port}",
            "--kubeconfig", cluster.kubeconfig(token=token, namespace=namespace, server=server), *flags,
        ]
        self._environment = {
            **os.environ,
            "ASYA_TRANSPORT_CONFIG": json.dumps({"transports": transports}),
            "ASYA_RUNTIME_SCRIPT_PATH": SCRIPT,
            "ASYA_RUNTIME_NAMESPACE": "asya-system",
            "POD_NAMESPACE": namespace,
            **variables,
        }
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, wait=True):
        """Starts it and waits for its readiness."""
        self.process = processes.start(self._command, env=self._environment, output=self.log_file)
        if wait:
            wait_until(self.is_ready, lambda: f"the operator\n{processes.log_tail(self.log_file)}")

    def is_ready(self):
        """Whether /readyz says so."""
        if self.process.poll() is not None:
            raise RuntimeError(f"ended with {self.process.returncode}\n{processes.log_tail(self.log_file)}")
        try:
            return self.fetch(self.probe_port, "/readyz") == "ok"
        except OSError:
            return False

    def stop(self):
        """SIGTERM; returns the exit status."""
        return processes.stop(self.process, 20)

    def kill(self):
        """SIGKILL."""
        processes.kill(self.process)

    def fetch(self, port, path):
        """One page of its servers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metrics(self):
        """The metrics page."""
        return self.fetch(self.metrics_port, "/metrics")

    def writes(self):
        """Write requests to the API server so far, those of the Lease included."""
        pattern = r'^rest_client_requests_total\{code="[^"]*",method="(?:POST|PUT|PATCH|DELETE)"\} (\d+)$'
        return sum(int(number) for number in re.findall(pattern, self.metrics(), re.MULTILINE))

    def log(self):
        """Everything it logged."""
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()


def install(cluster, *paths):
    """Creates every object of YAML files; those that exist stay."""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for body in yaml.safe_load_all(file):
                create(cluster, body)


def collection(body):
    """The path of the collection an object belongs to."""
    kind = body["kind"]
    plural = {"ConfigMap": "configmaps", "Ingress": "ingresses", "CustomResourceDefinition": "customresourcedefinitions"}.get(
        kind, re.sub("y$", "ie", kind.lower()) + "s"
    )
    version = body["apiVersion"]
    root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    namespace = body["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def create(cluster, body):
    """Creates one object, wherever its kind lives; one that is there already will do."""

    def is_there():
        try:
            cluster.request("POST", collection(body), body)
        except ApiError as error:
            # A pod of an account that is so new that it has no token yet is refused for a moment.
            if error.code == 500 and "retry after the token is automatically created" in str(error):
                return False
            if error.code != 409:
                raise
        return True

    wait_until(is_there, f"{body['kind']} {body['metadata']['name']}")


def run(*command, limit=60):
    """Runs the operator's binary with arguments; returns the finished process."""
    return subprocess.run(
        [BINARY, *command], capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL, check=False
    )

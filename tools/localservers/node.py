"""A node made of processes: runs the pods of a `Kubernetes` of this package on this machine, without containers.

What a kubelet does is done where processes can have it: a folder for each volume, ConfigMaps and Secrets read from the
API, variables, the rights of the ServiceAccount (a kubeconfig with its token), probes by command, restarts, status, an
orderly end when the pod goes. Not done: images (each is mapped to a program of this machine), networks (all pods share
the machine's), limits. Paths of mounts are rewritten in commands and variables, since nobody changes the root.
"""

import base64
import contextlib
import os
import re
import subprocess
import tempfile
import threading
import time

from . import processes
from .kubernetes import ApiError
from .turns import Turns

_POLL_SECONDS = 0.2
_PROBE_TIMEOUT_SECONDS = 5.0
_MERGE = "application/merge-patch+json"


class Image:
    """What stands for an image: the words of its entry point, and variables that are added or replaced.

    `rewrites` are (pattern, text) pairs for arguments, such as ports: the network is shared.
    """

    def __init__(self, command=(), environment=None, rewrites=()):
        self.command = list(command)
        self.environment = dict(environment or {})
        self._rewrites = list(rewrites)

    def rewritten(self, argument):
        """An argument as this machine needs it."""
        for pattern, text in self._rewrites:
            argument = re.sub(pattern, text, argument)
        return argument


class Node(Turns):
    """Runs every pod whose images are all known; use with ``with``. `images` is keyed by the last part of the name.

    `replacements` are pairs of texts, applied to arguments and values of variables: names of Services become addresses
    of this machine.
    """

    def __init__(self, cluster, images, replacements=()):
        super().__init__(_POLL_SECONDS)
        self._cluster = cluster
        self._images = images
        self._replacements = list(replacements)
        self._directory = tempfile.mkdtemp(prefix="asya-node-")
        self._pods = {}
        self._ending = []

    def __exit__(self, *details):
        super().__exit__(*details)
        processes.remove_tree(self._directory)

    def log(self, name):
        """What the containers of the pods whose name begins with `name` have written."""
        found = []
        for folder in sorted(os.listdir(self._directory)):
            if folder.startswith(name):
                for file in sorted(os.listdir(os.path.join(self._directory, folder, "logs"))):
                    path = os.path.join(self._directory, folder, "logs", file)
                    found.append(f"-- {folder} {file}\n{processes.log_tail(path, 40)}")
        return "\n".join(found)

    def _turn(self):
        # The API or an object may be gone; the next turn sees what is left.
        with contextlib.suppress(OSError, ApiError):
            self._look_at_pods()

    def _ended(self):
        # Processes are children of this thread: the kernel ends them when it ends.
        for uid in list(self._pods):
            self._end(uid)
        for thread in self._ending:
            thread.join()

    def _look_at_pods(self):
        wanted = {pod["metadata"]["uid"]: pod for pod in self._cluster.request("GET", "/api/v1/pods")["items"]}
        for uid in [uid for uid in self._pods if uid not in wanted]:
            self._end(uid)
        for uid, pod in wanted.items():
            if uid not in self._pods and self._can_run(pod):
                # What it refers to may come later; until then it waits, as a pod does.
                with contextlib.suppress(ApiError, KeyError):
                    self._pods[uid] = _Pod(self._cluster, pod, self._directory, self._images, self._replacements)
        for pod in self._pods.values():
            # It may have been deleted since.
            with contextlib.suppress(ApiError):
                pod.look_after()

    def _end(self, uid):
        """In a thread of its own: a pod may take its time, the others go on."""
        self._ending.append(threading.Thread(target=self._pods.pop(uid).stop, daemon=True))
        self._ending[-1].start()

    def _can_run(self, pod):
        names = [image_name(container["image"]) for container in pod["spec"]["containers"]]
        return all(name in self._images for name in names)


def image_name(image):
    """The last part of an image's name, without tag: what `images` of a node is keyed by."""
    return image.rsplit("/", 1)[-1].split(":")[0]


class _Pod:
    """The processes of one pod."""

    def __init__(self, cluster, pod, directory, images, replacements):
        self._cluster = cluster
        self._pod = pod
        self._replacements = replacements
        self._namespace = pod["metadata"]["namespace"]
        # Names of pods of hooks come again.
        self._folder = os.path.join(directory, f"{pod['metadata']['name']}-{pod['metadata']['uid'][:4]}")
        self._status = None
        os.makedirs(os.path.join(self._folder, "logs"), exist_ok=True)
        volumes = {volume["name"]: self._make_volume(volume) for volume in pod["spec"].get("volumes", [])}
        self._containers = [
            _Container(self, container, images[image_name(container["image"])], volumes)
            for container in pod["spec"]["containers"]
        ]

    @property
    def restarts(self):
        """Whether a container that ended is started again."""
        return self._pod["spec"].get("restartPolicy", "Always") == "Always"

    @property
    def name(self):
        """The pod's name."""
        return self._pod["metadata"]["name"]

    def read(self, kind, name):
        """Data of a ConfigMap or Secret of the pod's namespace."""
        return self._cluster.request("GET", f"/api/v1/namespaces/{self._namespace}/{kind}/{name}").get("data", {})

    def field(self, path):
        """The downward API's fields that our pods use."""
        return {"metadata.namespace": self._namespace, "metadata.name": self.name}[path]

    def replaced(self, text):
        """With the node's own addresses."""
        for old, new in self._replacements:
            text = text.replace(old, new)
        return text

    def log_file(self, container):
        """Where a container writes."""
        return os.path.join(self._folder, "logs", container)

    def kubeconfig(self):
        """The rights of the pod's ServiceAccount, or None when it wants no token."""
        if self._pod["spec"].get("automountServiceAccountToken") is False:
            return None
        account = self._pod["spec"].get("serviceAccountName", "default")
        token = self._cluster.service_account_token(self._namespace, account)
        return self._cluster.kubeconfig(token=token, namespace=self._namespace)

    def look_after(self):
        """Restarts what ended, probes, and writes the status when it changed."""
        for container in self._containers:
            container.look_after()
        status = self._current_status()
        if status != self._status:
            path = f"/api/v1/namespaces/{self._namespace}/pods/{self.name}/status"
            self._cluster.request("PATCH", path, {"status": self._dated(status)}, content_type=_MERGE)
            self._status = status

    def stop(self):
        """The end of all processes: SIGTERM, and SIGKILL after the pod's own time."""
        grace = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        # The last one is the sidecar, which still needs the runtime.
        for container in reversed(self._containers):
            container.stop(grace)

    def _current_status(self):
        """(phase, whether it is ready, restarts per container)"""
        codes = [container.exit_code for container in self._containers]
        if not self.restarts and all(code is not None for code in codes):
            phase = "Succeeded" if not any(codes) else "Failed"
        else:
            phase = "Running"
        ready = [container.is_ready for container in self._containers]
        return phase, all(ready), tuple(zip(ready, (container.restart_count for container in self._containers)))

    def _dated(self, status):
        phase, is_ready, containers = status
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": kind, "status": str(value), "lastTransitionTime": now}
            for kind, value in (("PodScheduled", True), ("ContainersReady", is_ready), ("Ready", is_ready))
        ]
        return {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [
                {
                    "name": container.name, "image": container.image, "imageID": "", "ready": ready,
                    "restartCount": restarts, "state": {"running": {"startedAt": now}} if phase == "Running" else {},
                }
                for container, (ready, restarts) in zip(self._containers, containers)
            ],
        }

    def _make_volume(self, volume):
        folder = os.path.join(self._folder, "volumes", volume["name"])
        os.makedirs(folder, exist_ok=True)
        if "configMap" in volume:
            for key, text in self.read("configmaps", volume["configMap"]["name"]).items():
                with open(os.path.join(folder, key), "w", encoding="utf-8") as file:
                    file.write(text)
        return folder


class _Container:
    """One process, started again when it ends."""

    def __init__(self, pod, container, image, volumes):
        self._pod = pod
        self._container = container
        self._image = image
        self._mounts = {
            mount["mountPath"].rstrip("/"): os.path.join(volumes[mount["name"]], mount.get("subPath", "")).rstrip("/")
            for mount in container.get("volumeMounts", [])
        }
        self._process = None
        self._last_probe = 0.0
        self.is_ready = False
        self.exit_code = None
        self.restart_count = 0
        self._environment = self._variables()

    @property
    def name(self):
        """The container's name."""
        return self._container["name"]

    @property
    def image(self):
        """The image it says it has."""
        return self._container["image"]

    def look_after(self):
        """Starts it, notices its end, asks the readiness probe once a second."""
        if self._process is None:
            given = [*self._container.get("command", []), *self._container.get("args", [])]
            words = [self._image.rewritten(self._local(word)) for word in given]
            self._process = processes.start(
                [*self._image.command, *words], env=self._environment, output=self._pod.log_file(self.name)
            )
        self.exit_code = self._process.poll()
        if self.exit_code is not None:
            self.is_ready = False
            if self._pod.restarts:
                self._process = None
                self.restart_count += 1
        elif time.monotonic() - self._last_probe >= 1.0:
            self._last_probe = time.monotonic()
            self.is_ready = self._answers_probe()

    def stop(self, grace):
        """Ends it."""
        processes.stop(self._process, grace)

    def _answers_probe(self):
        probe = self._container.get("readinessProbe", {})
        if "exec" not in probe:
            return True
        command = [self._local(word) for word in probe["exec"]["command"]]
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_TIMEOUT_SECONDS, check=False)
        return done.returncode == 0

    def _variables(self):
        values = {"PATH": os.environ["PATH"], "HOME": self._mounts.get("/tmp", "/nonexistent")}
        kubeconfig = self._pod.kubeconfig()
        if kubeconfig:
            values["KUBECONFIG"] = kubeconfig
        for entry in self._container.get("env", []):
            values[entry["name"]] = self._local(self._value(entry))
        values.update(self._image.environment)
        return values

    def _value(self, entry):
        source = entry.get("valueFrom")
        if source is None:
            return entry.get("value", "")
        if "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            return base64.b64decode(self._pod.read("secrets", reference["name"])[reference["key"]]).decode()
        return self._pod.field(source["fieldRef"]["fieldPath"])

    def _local(self, text):
        text = self._pod.replaced(text)
        if not self._mounts:
            return text
        paths = "|".join(re.escape(path) for path in sorted(self._mounts, key=len, reverse=True))
        return re.sub(rf"(?<![\w./-])({paths})(?![\w.-])", lambda match: self._mounts[match.group(1)], text)

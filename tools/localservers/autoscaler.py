"""KEDA's part on a cluster without KEDA: scales Deployments by the RabbitMQ queues that ScaledObjects name.

It reads what KEDA would read (trigger, TriggerAuthentication, Secret), asks the broker's management API with those
credentials, and writes the scale subresource: ceil(messages / value), between minimum and maximum, down only after the
cooldown. So a wrong host, secret or queue name in what the operator wrote keeps an actor at zero here as well.
"""

import base64
import json
import time
import urllib.parse
import urllib.request

from .kubernetes import ApiError
from .turns import Turns

_POLL_SECONDS = 0.5
_MERGE = "application/merge-patch+json"


def wanted_replicas(messages, value, minimum, maximum):
    """KEDA's rule for a queue of that length."""
    return max(minimum, min(maximum, -(-messages // value)))


class Autoscaler(Turns):
    """Serves all ScaledObjects of a cluster; use with ``with``."""

    def __init__(self, cluster):
        super().__init__(_POLL_SECONDS)
        self._cluster = cluster
        self._busy_at = {}
        self.problems = {}

    def _turn(self):
        try:
            found = self._cluster.request("GET", "/apis/keda.sh/v1alpha1/scaledobjects")["items"]
        except (OSError, ApiError):
            return  # Not installed yet, or the end.
        for scaled in found:
            name = f"{scaled['metadata']['namespace']}/{scaled['metadata']['name']}"
            try:
                self._scale(name, scaled)
                self.problems.pop(name, None)
            except (OSError, ApiError, KeyError, ValueError) as error:
                self.problems[name] = repr(error)

    def _scale(self, name, scaled):
        spec, namespace = scaled["spec"], scaled["metadata"]["namespace"]
        messages = self._message_count(namespace, spec["triggers"][0])
        value = int(spec["triggers"][0]["metadata"]["value"])
        wanted = wanted_replicas(messages, value, spec["minReplicaCount"], spec["maxReplicaCount"])
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{spec['scaleTargetRef']['name']}/scale"
        current = self._cluster.request("GET", path)["spec"].get("replicas", 0)
        now = time.monotonic()
        if wanted >= current:
            self._busy_at[name] = now
        if wanted < current and now - self._busy_at.get(name, now) < spec["cooldownPeriod"]:
            self._busy_at.setdefault(name, now)
        elif wanted != current:
            self._cluster.request("PATCH", path, {"spec": {"replicas": wanted}}, content_type=_MERGE)

    def _message_count(self, namespace, trigger):
        """Waiting and unacknowledged messages, as `protocol: http` counts them."""
        metadata = trigger["metadata"]
        host = urllib.parse.urlsplit(metadata["host"])
        secrets = self._credentials(namespace, trigger["authenticationRef"]["name"])
        user = secrets.get("username") or urllib.parse.unquote(host.username)
        queue = urllib.parse.quote(metadata["queueName"], safe="")
        request = urllib.request.Request(f"http://{host.hostname}:{host.port}/api/queues{host.path}/{queue}")
        login = base64.b64encode(f"{user}:{secrets['password']}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.load(answer).get("messages", 0)

    def _credentials(self, namespace, name):
        path = f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/triggerauthentications/{name}"
        found = {}
        for target in self._cluster.request("GET", path)["spec"]["secretTargetRef"]:
            secret = self._cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{target['name']}")
            found[target["parameter"]] = base64.b64decode(secret["data"][target["key"]]).decode()
        return found

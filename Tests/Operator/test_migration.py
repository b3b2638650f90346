"""Releases of the original's charts become ours and the original's again, on a real API server, with every value that the
original documents: same names, nothing that an API server refuses to change, no object made anew."""

import copy
import json
import os
import sys

import pytest
from world import ACTORS, DEPLOYMENTS, actor, collection, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "Tests", "Deploy"))

import charts  # noqa: E402

VALUES = os.path.join(ROOT, "Tests", "Deploy", "original-values")
APPLY = "application/apply-patch+yaml"
FINALIZER = "asya.sh/finalizer"


def labels(chart):
    """Those of the original's charts."""
    return {"app.kubernetes.io/name": chart, "app.kubernetes.io/instance": chart}


def deployment(chart, namespace, container, **members):
    """A Deployment as the original's charts render it."""
    selector = labels(chart)
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": chart, "namespace": namespace,
            "labels": {**selector, "helm.sh/chart": f"{chart}-0.1.0", "app.kubernetes.io/managed-by": "Helm"},
        },
        "spec": {
            "replicas": 1, "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": selector},
                "spec": {"serviceAccountName": chart, "containers": [container], **members},
            },
        },
    }  # fmt: skip


def probes(alive, ready, port):
    """Both probes of a container."""
    return {
        "livenessProbe": {"httpGet": {"path": alive, "port": port}, "periodSeconds": 20},
        "readinessProbe": {"httpGet": {"path": ready, "port": port}, "periodSeconds": 10},
    }


def plain(version, kind, name, namespace=None, **members):
    """Another object of a release."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **members}


def operator_objects(namespace):
    """deploy.md 1, "Objects"."""
    role = f"asya-operator-manager-role-{namespace}"
    container = {
        "name": "manager", "image": "asya-operator:latest",
        "args": ["--health-probe-bind-address=:8081", "--metrics-bind-address=:8080", "--leader-elect", "--zap-log-level=info"],
        "env": [{"name": "ASYA_RUNTIME_NAMESPACE", "value": namespace}, {"name": "ASYA_TRANSPORT_CONFIG", "value": "{}"}],
        "ports": [
            {"name": "metrics", "containerPort": 8080, "protocol": "TCP"},
            {"name": "health", "containerPort": 8081, "protocol": "TCP"},
        ],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        **probes("/healthz", "/readyz", "health"),
    }  # fmt: skip
    return [
        plain("v1", "ServiceAccount", "asya-operator", namespace),
        plain("rbac.authorization.k8s.io/v1", "ClusterRole", role, rules=[]),
        plain("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", f"asya-operator-manager-rolebinding-{namespace}",
              roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
              subjects=[{"kind": "ServiceAccount", "name": "asya-operator", "namespace": namespace}]),
        deployment("asya-operator", namespace, container, volumes=[{"name": "tmp", "emptyDir": {}}]),
        plain("v1", "Service", "asya-operator-metrics", namespace,
              spec={"type": "ClusterIP", "selector": labels("asya-operator"),
                    "ports": [{"name": "metrics", "port": 8080, "targetPort": "metrics", "protocol": "TCP"}]}),
    ]  # fmt: skip


def gateway_objects(namespace):
    """deploy.md 4, "Objects", without a database."""
    container = {
        "name": "gateway", "image": "asya-gateway:latest",
        "env": [{"name": "ASYA_GATEWAY_PORT", "value": "8080"}, {"name": "ASYA_DATABASE_URL", "value": ""}],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "volumeMounts": [{"name": "routes", "mountPath": "/config"}],
        **probes("/health", "/health", "http"),
    }  # fmt: skip
    return [
        plain("v1", "ServiceAccount", "asya-gateway", namespace),
        plain("v1", "ConfigMap", "gateway-routes", namespace, data={"routes.yaml": "tools: []\n"}),
        plain("v1", "Service", "asya-gateway", namespace,
              spec={"type": "ClusterIP", "selector": labels("asya-gateway"),
                    "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]}),
        deployment("asya-gateway", namespace, container,
                   volumes=[{"name": "routes", "configMap": {"name": "gateway-routes"}}]),
    ]  # fmt: skip


def crew_objects(namespace):
    """deploy.md 3."""
    return [
        plain("asya.sh/v1alpha1", "AsyncActor", name, namespace, spec=actor(name)["spec"]) for name in ("happy-end", "error-end")
    ]


ORIGINALS = {"asya-operator": operator_objects, "asya-gateway": gateway_objects, "asya-crew": crew_objects}


class Release:
    """What Helm does to the objects of one release, with its field manager."""

    def __init__(self, world):
        self._world = world

    def apply(self, objects):
        """An install, upgrade or rollback."""
        for one in objects:
            path = f"{collection(one)}/{one['metadata']['name']}?fieldManager=helm&force=true"
            self._world.cluster.request("PATCH", path, one, content_type=APPLY)

    def stored(self, objects):
        """What the API server holds of them, by kind and name."""
        found = {}
        for one in objects:
            key = (one["kind"], one["metadata"]["name"])
            found[key] = self._world.cluster.request("GET", f"{collection(one)}/{one['metadata']['name']}")
        return found


def ours(chart, namespace):
    """The objects of our chart, hooks aside, where a test may have them."""
    objects = []
    for one in charts.render(chart, "-f", os.path.join(VALUES, f"{chart}.yaml"), namespace=namespace, release=chart):
        if "helm.sh/hook" in one["metadata"].get("annotations", {}):
            continue
        # Cluster-wide names would collide between tests.
        if "namespace" not in one["metadata"]:
            one["metadata"]["name"] += f"-{namespace}"
            if "roleRef" in one:
                one["roleRef"]["name"] += f"-{namespace}"
        objects.append(one)
    return objects


@pytest.mark.parametrize("chart", sorted(ORIGINALS))
def test_a_release_goes_to_ours_and_back(world, chart):
    originals, release = ORIGINALS[chart](world.namespace), Release(world)
    release.apply(originals)
    before = release.stored(originals)

    release.apply(ours(chart, world.namespace))
    between = release.stored(originals)
    assert {key: one["metadata"]["uid"] for key, one in between.items()} == {
        key: one["metadata"]["uid"] for key, one in before.items()
    }
    assert any(between[key].get("spec") != before[key].get("spec") for key in before), "nothing changed"

    release.apply(originals)
    after = release.stored(originals)
    for one in originals:
        key = (one["kind"], one["metadata"]["name"])
        assert after[key]["metadata"]["uid"] == before[key]["metadata"]["uid"]
        assert list(missing(after[key], one)) == [], key


def missing(stored, wanted, path=""):
    """What an object lacks of what was applied, or has beyond it in a list; the API server's defaults do not count."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            yield from missing(stored.get(key) if isinstance(stored, dict) else None, value, f"{path}.{key}")
    elif isinstance(wanted, list) and wanted:
        stored = stored or []
        unmatched = [one for one in wanted if not any(not list(missing(other, one)) for other in stored)]
        if unmatched or len(stored) != len(wanted):
            yield f"{path}: {stored} instead of {wanted}"
    elif stored != wanted and (stored or wanted):
        yield f"{path}: {stored!r} instead of {wanted!r}"


def test_the_values_of_the_original_reach_the_operator(world):
    manager = next(one for one in ours("asya-operator", world.namespace) if one["kind"] == "Deployment")
    container = manager["spec"]["template"]["spec"]["containers"][0]
    entries = {entry["name"]: entry.get("value") for entry in container["env"]}
    rabbitmq = json.loads(entries["ASYA_TRANSPORT_CONFIG"])["transports"]["rabbitmq"]["config"]
    assert rabbitmq["host"] == "asya-rabbitmq.asya-e2e.svc.cluster.local"
    assert entries["ASYA_GATEWAY_URL"] == "http://asya-gateway.asya.svc.cluster.local"
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "512Mi"}


@pytest.mark.usefixtures("keda")
def test_the_originals_operator_can_take_an_actor_back(world, operators):
    """It replaces whole objects as the manager `manager`, and knows one finalizer."""
    operators.shared()
    world.apply(actor("back"))
    stored = world.wait_for_deployment("back")
    world.wait_for_condition("back", "TransportReady", "True")
    assert world.actor("back")["metadata"]["finalizers"] == [FINALIZER]
    operators.stop_shared()

    body = copy.deepcopy(world.deployment("back"))
    body["metadata"] = {key: body["metadata"][key] for key in ("name", "namespace", "ownerReferences")}
    body["spec"]["template"]["metadata"] = {"labels": body["spec"]["selector"]["matchLabels"]}
    containers = body["spec"]["template"]["spec"]["containers"]
    body["spec"]["template"]["spec"]["containers"] = [
        {"name": one["name"], "image": f"{one['image']}-original"} for one in containers
    ]
    path = f"{DEPLOYMENTS.format(world.namespace)}/back?fieldManager=manager"
    replaced = world.cluster.request("PUT", path, body)
    assert replaced["metadata"]["uid"] == stored["metadata"]["uid"]
    images = [one["image"] for one in replaced["spec"]["template"]["spec"]["containers"]]
    assert all(image.endswith("-original") for image in images)

    patch = {"status": {"observedGeneration": 1, "status": "Running"}}
    world.patch(ACTORS, "back", patch, subresource="/status")
    # And once more here.
    operators.shared()

    def is_ours():
        found = world.deployment("back")["spec"]["template"]["spec"]["containers"]
        return not [one for one in found if one["image"].endswith("-original")] and len(found) == 2

    wait_until(is_ours, lambda: f"our containers: {world.deployment('back')}")
    assert world.deployment("back")["metadata"]["uid"] == stored["metadata"]["uid"]

"""Everything that is built is valid for current Kubernetes, and the CRD is as the contract says."""

import json
import os

import custom_resources
import kubernetes_validate
import pytest
import yaml
from conftest import ROOT
from interruption import HTTPProxy
from world import ACTORS, DEPLOYMENTS, SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS, actor

VERSION = "1.36"
GPU = {
    "transport": "rabbitmq",
    "timeout": {"processing": 900, "gracefulShutdown": 120},
    "sidecar": {
        "image": "registry.example/asya-sidecar:2.0",
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "env": [{"name": "ASYA_LOG_LEVEL", "value": "debug"}],
    },
    "workload": {
        "pythonExecutable": "/opt/venv/bin/python",
        "template": {
            "metadata": {"labels": {"team": "vision"}},
            "spec": {
                "nodeSelector": {"node.example/gpu": "true"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
                "containers": [
                    {
                        "name": "asya-runtime",
                        "image": "registry.example/caption:7",
                        "env": [{"name": "ASYA_HANDLER", "value": "caption.Model.run"}],
                        "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "24Gi", "cpu": "1000m"}},
                    }
                ],
            },
        },
    },
}


def validate(body):
    """Against the schemas of a current Kubernetes or of KEDA; raises with the mistake."""
    if custom_resources.is_known(body):
        custom_resources.validate(body)
        return
    kubernetes_validate.validate(body, VERSION, strict=True)


def applied(stored):
    """What we applied, from what the API server stored."""
    return {key: stored[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": "x"}}


@pytest.mark.usefixtures("shared_operator")
@pytest.mark.parametrize("spec", [{}, GPU], ids=["small", "gpu"])
def test_a_deployment_is_valid(world, spec, shared_operator):
    world.apply(actor("valid", **spec))
    stored = world.wait_for_deployment("valid")
    validate(applied(stored))
    world.wait_for_condition("valid", "TransportReady", "True")


def test_a_native_sidecar_is_valid(world, start_operator):
    # The API server of the tests is older than native sidecars and drops the field, which is then reported.
    with start_operator(ASYA_NATIVE_SIDECAR="true"):
        world.apply(actor("native"))
        spec = world.wait_for_deployment("native")["spec"]["template"]["spec"]
        assert [container["name"] for container in spec["containers"]] == ["asya-runtime"]
        assert [container["name"] for container in spec["initContainers"]] == ["asya-sidecar"]
        world.wait_for_event("native", "UnknownFields")


@pytest.mark.usefixtures("keda")
def test_everything_that_is_sent_is_valid(world, cluster, start_operator):
    sent = []

    def record(method, path, _headers, body):
        if method in ("POST", "PATCH") and "/asyncactors/" not in path and "fieldManager=asya-operator-replicas" not in path:
            sent.append(json.loads(body))

    cloud = {"region": "eu-west-1", "accountId": "1", "actorRoleArn": "arn:aws:iam::1:role/a"}
    mq = {"host": "mq", "port": 5672, "username": "app", "passwordSecretRef": {"name": "mq", "key": "password"}}
    config = {
        "sqs": {"type": "sqs", "enabled": True, "config": cloud},
        "rabbitmq": {"type": "rabbitmq", "enabled": True, "config": mq},
    }
    advanced = {"formula": "queueLength * 2", "target": "4", "activationTarget": "1", "metricType": "Value",
                "restoreToOriginalReplicaCount": True}
    scaling = {"enabled": True, "advanced": advanced}
    with HTTPProxy(cluster.server, cluster.ca_file) as api:
        api.answer = record
        with start_operator(config=config, server=api.url, ASYA_DISABLE_QUEUE_MANAGEMENT="true"):
            for transport in ("sqs", "rabbitmq"):
                body = actor(f"on-{transport}", **{**GPU, "transport": transport, "scaling": scaling})
                body["metadata"]["annotations"] = {"asya.sh/pdb": "true"}
                world.apply(body)
                world.wait_for_condition(body["metadata"]["name"], "ScalingReady", "True")
            # This API server is older than the budget's API. Nothing else suffers.
            event = world.wait_for_event("on-sqs", "NoDisruptionBudget")
            assert "asya.sh/pdb" in event["message"]
            for transport in ("sqs", "rabbitmq"):
                world.delete(ACTORS, f"on-{transport}")
                world.wait_gone(ACTORS, f"on-{transport}")
    kinds = {body["kind"] for body in sent}
    assert kinds >= {
        "Deployment", "ServiceAccount", "ConfigMap", "PodDisruptionBudget", "Event", "ScaledObject",
        "TriggerAuthentication",
    }
    for body in sent:
        validate(body)


@pytest.mark.usefixtures("keda")
def test_kedas_schema_keeps_everything_that_is_sent(world, cluster, start_operator):
    sent = {}

    def record(method, path, _headers, body):
        if method == "PATCH" and "/apis/keda.sh/" in path:
            found = json.loads(body)
            sent[found["kind"]] = found

    mq = {"host": "mq", "port": 5672, "username": "app", "passwordSecretRef": {"name": "mq", "key": "password"}}
    config = {"rabbitmq": {"type": "rabbitmq", "enabled": True, "config": mq}}
    with HTTPProxy(cluster.server, cluster.ca_file) as api:
        api.answer = record
        with start_operator(config=config, server=api.url, ASYA_DISABLE_QUEUE_MANAGEMENT="true"):
            advanced = {"formula": "queueLength", "target": "4", "activationTarget": "1", "metricType": "Value"}
            world.apply(actor("kept", scaling={"enabled": True, "advanced": advanced}))
            world.wait_for_condition("kept", "ScalingReady", "True")
            assert world.get(SCALED_OBJECTS, "kept")["spec"] == sent["ScaledObject"]["spec"]
            stored = world.get(TRIGGER_AUTHENTICATIONS, "kept-trigger-auth")
            assert stored["spec"] == sent["TriggerAuthentication"]["spec"]


def accepted_manifests():
    """Manifests that the original's CRD accepted, by name."""
    with open(os.path.join(os.path.dirname(__file__), "accepted-manifests.yaml"), encoding="utf-8") as file:
        return {body["metadata"]["name"]: body for body in yaml.safe_load_all(file)}


@pytest.mark.parametrize("name", accepted_manifests())
def test_a_manifest_of_the_original_is_still_accepted(world, name):
    # Without an operator's part: what the API server itself stores.
    body = accepted_manifests()[name]
    pruned = body["metadata"].pop("annotations", {}).get("pruned", "").split()
    path = f"{ACTORS.format(world.namespace)}?dryRun=All"
    stored = world.cluster.request("POST", path, body)
    for field in pruned:
        remove(body["spec"], field.split("."))
    assert_contains(stored["spec"], body["spec"], "spec")


def remove(value, steps):
    """Takes a member out."""
    for step in steps[:-1]:
        value = value[step]
    del value[steps[-1]]


def assert_contains(stored, wanted, path):
    """Everything that was wanted was stored; defaults may have been added."""
    if isinstance(wanted, dict):
        assert isinstance(stored, dict), path
        for name, value in wanted.items():
            assert name in stored, f"{path}.{name} was dropped"
            assert_contains(stored[name], value, f"{path}.{name}")
    elif isinstance(wanted, list):
        assert len(stored) == len(wanted), path
        for index, value in enumerate(wanted):
            assert_contains(stored[index], value, f"{path}[{index}]")
    else:
        assert stored == wanted, path


def test_our_manifests_are_valid():
    for name in ("crd/asya.sh_asyncactors.yaml", "rbac/operator.yaml", "webhook/operator.yaml"):
        with open(os.path.join(ROOT, "deploy", name), encoding="utf-8") as file:
            for body in yaml.safe_load_all(file):
                validate(body)


@pytest.fixture(scope="module")
def crd():
    """The CRD."""
    with open(os.path.join(ROOT, "deploy", "crd", "asya.sh_asyncactors.yaml"), encoding="utf-8") as file:
        return yaml.safe_load(file)


def test_names_are_those_of_the_contract(crd):
    names = crd["spec"]["names"]
    assert names["shortNames"] == ["asyncactor", "asya", "asyas"]
    assert list(crd["spec"]["versions"][0]["subresources"]) == ["status"]


def test_columns_are_those_of_the_contract(world, cluster):
    world.apply(actor("column"))
    path = f"/apis/asya.sh/v1alpha1/namespaces/{world.namespace}/asyncactors/column"
    stored = cluster.request("GET", path)
    assert stored["spec"]["scaling"]["minReplicas"] == 0 and stored["spec"]["scaling"]["maxReplicas"] == 50
    definition = cluster.request(
        "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/asyncactors.asya.sh"
    )
    columns = [column["name"] for column in definition["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert columns == [
        "Status", "Running", "Failing", "Total", "Desired", "Min", "Max", "Last-Scale", "Age", "Workload", "Transport",
        "Scaling", "Queued", "Processing", "Scaled",
    ]
    assert world.get(DEPLOYMENTS, "nothing") is None

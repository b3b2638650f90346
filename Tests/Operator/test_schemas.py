"""Everything that is built is valid for current Kubernetes, and the CRD is as the contract says."""

import os

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT
from world import DEPLOYMENTS, actor

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
    """Against the schemas of a current Kubernetes; raises with the mistake."""
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


def test_our_manifests_are_valid():
    for name in ("crd/asya.sh_asyncactors.yaml", "rbac/operator.yaml"):
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

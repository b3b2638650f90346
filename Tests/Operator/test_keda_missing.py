"""KEDA is not installed at first. In a cluster of its own: the other tests install it in theirs."""

import os

import pytest
from conftest import ROOT, wait_for_api
from localservers.kubernetes import Kubernetes
from world import SCALED_OBJECTS, Operator, World, actor, create, install


@pytest.fixture(scope="module")
def bare_cluster():
    """Without KEDA."""
    with Kubernetes() as kubernetes:
        for name in ("asya-system", "demo"):
            create(kubernetes, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        install(
            kubernetes,
            os.path.join(ROOT, "deploy", "crd", "asya.sh_asyncactors.yaml"),
            os.path.join(ROOT, "deploy", "rbac", "operator.yaml"),
        )
        wait_for_api(kubernetes, "/apis/asya.sh/v1alpha1/asyncactors")
        yield kubernetes


def test_a_scaled_actor_waits_for_keda(bare_cluster, transports, tmp_path):
    world = World(bare_cluster, "demo")
    token = bare_cluster.service_account_token("asya-system", "asya-operator")
    with Operator(bare_cluster, str(tmp_path), transports, token=token):
        world.apply(actor("early", scaling={"enabled": True}))
        found = world.wait_for_condition("early", "ScalingReady", "False", "ReconcileError")
        assert found["message"].startswith("KEDA CRDs not installed")
        world.wait_for_deployment("early")
        world.wait_for_event("early", "KEDANotInstalled")
        # Switched off and deleted without KEDA: nothing hangs.
        world.apply(actor("manual"))
        world.wait_for_deployment("manual")
        world.delete("/apis/asya.sh/v1alpha1/namespaces/{}/asyncactors", "manual")
        world.wait_gone("/apis/asya.sh/v1alpha1/namespaces/{}/asyncactors", "manual")
        install(bare_cluster, os.path.join(os.path.dirname(__file__), "keda-reduced.yaml"))
        world.wait_for_condition("early", "ScalingReady", "True", "ScaledObjectCreated")
        assert world.get(SCALED_OBJECTS, "early")

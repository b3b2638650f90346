"""Actors that KEDA scales. Nobody runs KEDA: the tests write what it would write."""

import pytest
from world import ACTORS, DEPLOYMENTS, SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS, actor, wait_until

pytestmark = pytest.mark.usefixtures("keda")

HPAS = "/apis/autoscaling/v1/namespaces/{}/horizontalpodautoscalers"


def write_hpa(world, name, desired):
    """The autoscaler that KEDA makes, with a status."""
    body = {
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": f"keda-hpa-{name}"},
        "spec": {"maxReplicas": 50, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
    }
    if world.get(HPAS, f"keda-hpa-{name}") is None:
        world.create(HPAS, body)
    status = {"status": {"currentReplicas": 0, "desiredReplicas": desired}}
    world.patch(HPAS, f"keda-hpa-{name}", status, "/status")


@pytest.mark.usefixtures("shared_operator")
def test_a_scaled_actor_gets_its_scaledobject(world, broker):
    world.apply(actor("scaled", scaling={"enabled": True, "minReplicas": 1, "maxReplicas": 8, "cooldownPeriod": 180}))
    world.wait_for_condition("scaled", "ScalingReady", "True", "ScaledObjectCreated")
    scaled = world.get(SCALED_OBJECTS, "scaled")
    spec = scaled["spec"]
    assert spec["scaleTargetRef"] == {"name": "scaled"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (1, 8, 180)
    trigger = spec["triggers"][0]
    assert trigger["type"] == "rabbitmq" and trigger["name"] == "queueLength"
    assert trigger["metadata"]["protocol"] == "http"
    assert trigger["metadata"]["host"] == f"http://guest@{broker.host}:{broker.management_port}/%2F"
    assert scaled["metadata"]["annotations"]["asya.sh/source-generation"] == "1"
    assert scaled["metadata"]["ownerReferences"][0]["controller"] is True
    assert "replicas" not in world.deployment("scaled")["spec"] or world.deployment("scaled")["spec"]["replicas"] == 1
    world.wait_for_event("scaled", "ScaledObjectCreated")
    status = world.actor("scaled")["status"]
    assert status["scalingMode"] == "KEDA"
    assert status["scaledObjectRef"] == {"name": "scaled", "namespace": world.namespace}


@pytest.mark.usefixtures("shared_operator")
def test_the_autoscalers_wish_shows_and_nobody_undoes_its_work(world):
    world.apply(actor("wish", scaling={"enabled": True}))
    world.wait_for_condition("wish", "ScalingReady", "True")
    write_hpa(world, "wish", 4)
    wait_until(lambda: world.actor("wish")["status"]["desiredReplicas"] == 4, "the autoscaler's number")
    world.patch(DEPLOYMENTS, "wish", {"spec": {"replicas": 4}})
    world.wait_for_pods("wish", 4)
    assert world.deployment("wish")["spec"]["replicas"] == 4


@pytest.mark.usefixtures("shared_operator")
def test_scaled_to_zero_is_napping(world):
    world.apply(actor("nap", scaling={"enabled": True}))
    world.wait_for_condition("nap", "ScalingReady", "True")
    world.patch(DEPLOYMENTS, "nap", {"spec": {"replicas": 0}})
    world.wait_for_state("nap", "Napping")
    world.wait_for_condition("nap", "Ready", "True")


@pytest.mark.usefixtures("shared_operator")
def test_drift_of_kedas_objects_is_repaired(world):
    world.apply(actor("drift", scaling={"enabled": True, "maxReplicas": 9}))
    world.wait_for_condition("drift", "ScalingReady", "True")
    world.patch(SCALED_OBJECTS, "drift", {"spec": {"maxReplicaCount": 99}})
    wait_until(lambda: world.get(SCALED_OBJECTS, "drift")["spec"]["maxReplicaCount"] == 9, "the maximum to return")
    world.delete(SCALED_OBJECTS, "drift")
    wait_until(lambda: world.get(SCALED_OBJECTS, "drift"), "the ScaledObject to return")


@pytest.mark.usefixtures("shared_operator")
def test_switching_scaling_on_and_off_never_makes_replicas_jump(world):
    workload = {**actor("x")["spec"]["workload"], "replicas": 5}
    world.apply(actor("switch", workload=workload))
    wait_until(lambda: (world.deployment("switch") or {}).get("spec", {}).get("replicas") == 5, "five replicas")
    world.patch(ACTORS, "switch", {"spec": {"scaling": {"enabled": True}}})
    world.wait_for_condition("switch", "ScalingReady", "True")
    assert world.deployment("switch")["spec"]["replicas"] == 5
    world.patch(DEPLOYMENTS, "switch", {"spec": {"replicas": 2}})
    world.patch(ACTORS, "switch", {"spec": {"scaling": {"enabled": False}}})
    world.wait_gone(SCALED_OBJECTS, "switch")
    wait_until(lambda: world.deployment("switch")["spec"]["replicas"] == 5, "the number to be set back")
    wait_until(lambda: world.condition("switch", "ScalingReady") == {}, "ScalingReady to go")
    world.wait_for_event("switch", "ScalingDisabled")


@pytest.mark.usefixtures("shared_operator")
def test_a_scaledobject_of_somebody_else_is_replaced(world):
    owner = {
        "apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "00000000-0000-0000-0000-000000000001",
        "controller": True,
    }
    foreign = {
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "taken", "ownerReferences": [owner]},
        "spec": {"scaleTargetRef": {"name": "x"}, "triggers": []},
    }
    world.create(SCALED_OBJECTS, foreign)
    world.apply(actor("taken", scaling={"enabled": True}))
    world.wait_for_condition("taken", "ScalingReady", "True")
    assert world.get(SCALED_OBJECTS, "taken")["metadata"]["ownerReferences"][0]["kind"] == "AsyncActor"


def test_a_password_comes_from_the_secret(world, broker, start_operator):
    config = {
        "rabbitmq": {
            "type": "rabbitmq", "enabled": True,
            "config": {
                "host": broker.host, "port": broker.port, "username": "guest",
                "passwordSecretRef": {"name": "mq", "key": "password"},
            },
        }
    }
    # A world of its own: the shared operator has another configuration for the same transport.
    with start_operator(config=config) as operator:
        world.apply(actor("secret", scaling={"enabled": True}))
        found = world.wait_for_condition("secret", "TransportReady", "False", "QueueError")
        assert found["message"] == (
            'failed to load RabbitMQ password: failed to get RabbitMQ password secret: secrets "mq" not found'
        )
        assert world.actor("secret")["status"]["status"] == "TransportError"
        secrets = "/api/v1/namespaces/{}/secrets"
        world.create(secrets, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mq"}, "stringData": {"password": "guest"}})
        world.wait_for_condition("secret", "TransportReady", "True")
        targets = lambda: (world.get(TRIGGER_AUTHENTICATIONS, "secret-trigger-auth") or {}).get("spec", {}).get("secretTargetRef")
        wait_until(targets, "the TriggerAuthentication")
        assert [target["parameter"] for target in targets()] == ["password"]
        host = world.get(SCALED_OBJECTS, "secret")["spec"]["triggers"][0]["metadata"]["host"]
        assert host == f"amqp://guest@{broker.host}:{broker.port}"
        assert "guest:guest" not in operator.log()

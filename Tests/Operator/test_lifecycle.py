"""Create, update, delete and repair an actor with fixed replicas."""

import copy
import time

import pytest
from localservers.kubernetes import ApiError
from world import ACTORS, DEPLOYMENTS, actor, wait_until

pytestmark = pytest.mark.usefixtures("shared_operator")


def test_an_actor_becomes_a_deployment_a_queue_and_a_configmap(world, broker):
    world.apply(actor("word-counter"))
    deployment = world.wait_for_deployment("word-counter")
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["asya-runtime", "asya-sidecar"]
    owner = deployment["metadata"]["ownerReferences"]
    assert [(o["kind"], o["name"], o["controller"], o["blockOwnerDeletion"]) for o in owner] == [
        ("AsyncActor", "word-counter", True, True)
    ]
    config_map = world.get("/api/v1/namespaces/{}/configmaps", "asya-runtime")
    assert "asya_runtime.py" in config_map["data"]
    assert "ownerReferences" not in config_map["metadata"]
    assert config_map["metadata"]["labels"]["app.kubernetes.io/component"] == "runtime"
    world.wait_for_condition("word-counter", "TransportReady", "True", "TransportValidated")
    queue = broker.api("GET", "/api/queues/%2F/asya-word-counter")
    assert queue["durable"] and not queue["auto_delete"]
    assert queue["arguments"] == {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "asya-word-counter-dlq",
    }
    bindings = broker.api("GET", "/api/queues/%2F/asya-word-counter/bindings")
    keys = {binding["routing_key"] for binding in bindings if binding["source"] == "asya"}
    assert keys == {"word-counter", "asya-word-counter"}
    world.wait_for_event("word-counter", "QueueCreated")
    world.wait_for_event("word-counter", "WorkloadCreated")
    world.delete(ACTORS, "word-counter")
    world.wait_gone(ACTORS, "word-counter")


def test_a_pod_that_runs_makes_the_actor_ready(world):
    world.apply(actor("ready"))
    pod = world.wait_for_pods("ready", 1)[0]
    assert pod["metadata"]["labels"]["asya.sh/actor"] == "ready"
    world.make_ready(pod)
    world.wait_for_state("ready", "Running")
    world.wait_for_condition("ready", "Ready", "True", "AllConditionsReady")
    status = world.actor("ready")["status"]
    assert status["replicas"] == status["readyReplicas"] == status["desiredReplicas"] == 1
    assert status["readySummary"] == "2/2"
    assert status["lastScaleDirection"] == "up"


def test_nothing_is_written_at_rest(world, shared_operator):
    for number in range(5):
        world.apply(actor(f"rest-{number}"))
    for number in range(5):
        world.make_ready(world.wait_for_pods(f"rest-{number}", 1)[0])
        world.wait_for_state(f"rest-{number}", "Running")
    versions = lambda: [world.actor(f"rest-{number}")["metadata"]["resourceVersion"] for number in range(5)]
    # Events are written a moment later.
    wait_until(lambda: _is_still(shared_operator.writes), "the operator to be quiet")
    before, writes = versions(), shared_operator.writes()
    # An event of the watched kind that changes nothing of ours.
    world.patch(ACTORS, "rest-0", {"metadata": {"annotations": {"note": "x"}}})
    time.sleep(2)
    assert shared_operator.writes() == writes
    assert versions()[1:] == before[1:]


def _is_still(number):
    first = number()
    time.sleep(1)
    return number() == first


def test_a_changed_spec_changes_the_deployment_and_keeps_what_others_added(world):
    world.apply(actor("changed"))
    world.wait_for_deployment("changed")
    restarted = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    world.patch(DEPLOYMENTS, "changed", restarted)
    spec = copy.deepcopy(world.actor("changed")["spec"])
    spec["workload"]["template"]["spec"]["containers"][0]["image"] = "registry.example/word-counter:2"
    spec["workload"]["template"]["spec"]["containers"][0]["env"] = [{"name": "ASYA_HANDLER", "value": "x.y"}]
    spec["workload"]["template"]["spec"]["nodeSelector"] = {"gpu": "true"}
    world.patch(ACTORS, "changed", {"spec": spec})
    image = lambda: world.deployment("changed")["spec"]["template"]["spec"]["containers"][0]["image"]
    wait_until(lambda: image() == "registry.example/word-counter:2", "the new image")
    template = world.deployment("changed")["spec"]["template"]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"
    assert template["spec"]["nodeSelector"] == {"gpu": "true"}
    # A field that is no longer wanted goes.
    spec["workload"]["template"]["spec"]["nodeSelector"] = None
    world.patch(ACTORS, "changed", {"spec": spec})
    wait_until(
        lambda: "nodeSelector" not in world.deployment("changed")["spec"]["template"]["spec"], "the node selector to go"
    )
    world.wait_for_event("changed", "WorkloadUpdated")


def test_drift_is_repaired(world):
    world.apply(actor("drift", workload={**actor("x")["spec"]["workload"], "replicas": 2}))
    wait_until(lambda: (world.deployment("drift") or {}).get("spec", {}).get("replicas") == 2, "two replicas")
    containers = world.deployment("drift")["spec"]["template"]["spec"]["containers"]
    containers[1]["image"] = "evil:1"
    world.patch(DEPLOYMENTS, "drift", {"spec": {"replicas": 7, "template": {"spec": {"containers": containers}}}})
    wait_until(
        lambda: world.deployment("drift")["spec"]["template"]["spec"]["containers"][1]["image"] != "evil:1",
        "the sidecar's image to return",
    )
    wait_until(lambda: world.deployment("drift")["spec"]["replicas"] == 2, "the number of replicas to return")
    world.delete(DEPLOYMENTS, "drift")
    wait_until(
        lambda: "deletionTimestamp" not in (world.deployment("drift") or {"metadata": {"deletionTimestamp": 1}})["metadata"],
        "the Deployment to return",
    )


def test_zero_replicas_never_start_a_pod(world):
    world.apply(actor("zero", workload={**actor("x")["spec"]["workload"], "replicas": 0}))
    world.wait_for_state("zero", "Running")
    assert world.deployment("zero")["spec"]["replicas"] == 0
    events = [e for e in world.list("/api/v1/namespaces/{}/events") if e["reason"] == "SuccessfulCreate"]
    assert events == []


def test_unknown_fields_and_explicit_zeros_survive_and_the_generation_stays(world):
    body = actor("future", timeout={"processing": 0})
    body["spec"]["workload"]["template"]["spec"]["someFutureField"] = 1
    world.apply(body)
    world.wait_for_deployment("future")
    stored = world.actor("future")
    assert stored["metadata"]["generation"] == 1
    assert stored["spec"]["timeout"]["processing"] == 0
    assert stored["spec"]["workload"]["template"]["spec"]["someFutureField"] == 1
    env = world.deployment("future")["spec"]["template"]["spec"]["containers"][1]["env"]
    assert "ASYA_RUNTIME_TIMEOUT" not in [variable["name"] for variable in env]
    world.wait_for_event("future", "UnknownFields")


def test_a_deleted_actor_leaves_nothing(world, broker):
    for _ in range(3):
        world.apply(actor("cycle"))
        world.wait_for_deployment("cycle")
        world.delete(ACTORS, "cycle")
        world.wait_gone(ACTORS, "cycle")
        assert world.deployment("cycle") is None
    names = [queue["name"] for queue in broker.api("GET", "/api/queues")]
    assert "asya-cycle" not in names and "asya-cycle-dlq" not in names


def test_an_actor_whose_deployment_is_gone_can_be_deleted(world):
    world.apply(actor("bare"))
    world.wait_for_deployment("bare")
    world.delete(DEPLOYMENTS, "bare")
    world.delete(ACTORS, "bare")
    world.wait_gone(ACTORS, "bare")


def test_a_deleted_namespace_does_not_hang(world, cluster):
    world.apply(actor("last"))
    world.wait_for_deployment("last")
    cluster.request("DELETE", f"/api/v1/namespaces/{world.namespace}")

    def is_gone():
        try:
            cluster.request("GET", f"/api/v1/namespaces/{world.namespace}")
        except ApiError as error:
            return error.code == 404
        return False

    wait_until(is_gone, "the namespace to go")


def test_a_condition_of_somebody_else_survives(world, cluster):
    world.apply(actor("shared"))
    world.wait_for_deployment("shared")
    foreign = {
        "apiVersion": "asya.sh/v1alpha1", "kind": "AsyncActor", "metadata": {"name": "shared"},
        "status": {"conditions": [{
            "type": "Audited", "status": "True", "reason": "Yes", "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }]},
    }
    path = f"{ACTORS.format(world.namespace)}/shared/status?fieldManager=auditor&force=true"
    cluster.request("PATCH", path, foreign, content_type="application/apply-patch+yaml")
    world.make_ready(world.wait_for_pods("shared", 1)[0])
    world.wait_for_state("shared", "Running")
    assert world.condition("shared", "Audited")["status"] == "True"


def test_a_configmap_that_was_changed_is_repaired_and_keeps_other_keys(world):
    world.apply(actor("map"))
    world.wait_for_deployment("map")
    maps = "/api/v1/namespaces/{}/configmaps"
    world.patch(maps, "asya-runtime", {"data": {"asya_runtime.py": "broken", "other": "kept"}})
    wait_until(lambda: world.get(maps, "asya-runtime")["data"]["asya_runtime.py"] != "broken", "the script to return")
    assert world.get(maps, "asya-runtime")["data"]["other"] == "kept"

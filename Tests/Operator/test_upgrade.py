"""Objects that the original wrote: same names, whole-object updates by the field manager `manager`."""

import copy

import pytest
from world import ACTORS, DEPLOYMENTS, SCALED_OBJECTS, actor, wait_until

pytestmark = pytest.mark.usefixtures("keda")


def as_original(world, template, name, body):
    """Creates an object the way the original did: a plain create by its field manager."""
    path = f"{template.format(world.namespace)}?fieldManager=manager"
    return world.cluster.request("POST", path, body)


def adopted(world, name):
    """What the operator made of an actor, without anything of this operator's own: as the original would have left it."""
    world.apply(actor(name))
    deployment = world.wait_for_deployment(name)
    world.make_ready(world.wait_for_pods(name, 1)[0])
    world.wait_for_state(name, "Running")
    return deployment


def original_deployment(stored):
    """The Deployment as a plain create with a field of the original's that is no longer wanted."""
    body = {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": stored["metadata"]["name"], "ownerReferences": stored["metadata"]["ownerReferences"]},
        "spec": copy.deepcopy(stored["spec"]),
    }
    return body


def hash_of(world, name):
    """The ReplicaSets of a Deployment: one as long as no pod was replaced."""
    sets = world.list("/apis/apps/v1/namespaces/{}/replicasets")
    return sorted(s["metadata"]["name"] for s in sets if s["metadata"]["name"].startswith(name))


def test_a_deployment_of_the_original_is_taken_over_without_a_restart(world, operators, start_operator):
    operators.shared()
    stored = adopted(world, "taken")
    body = original_deployment(stored)
    with start_operator() as operator:
        operator.stop()
        world.cluster.request("DELETE", f"{DEPLOYMENTS.format(world.namespace)}/taken")
        wait_until(lambda: not world.pods("taken"), "the old pods to go")
        body["spec"]["replicas"] = 1
        as_original(world, DEPLOYMENTS, "taken", body)
        world.make_ready(world.wait_for_pods("taken", 1)[0])
        before = hash_of(world, "taken")
        operator.start()
        managed = lambda: world.deployment("taken")["metadata"]["managedFields"]
        wait_until(
            lambda: not [m for m in managed() if m["manager"] == "manager"]
            and [m for m in managed() if m["manager"] == "asya-operator" and m["operation"] == "Apply"],
            lambda: f"the take-over: {managed()}",
        )
        world.wait_for_state("taken", "Running")
        assert hash_of(world, "taken") == before
        assert world.deployment("taken")["spec"]["replicas"] == 1
        # What the original had written and nobody wants any more goes.
        pod = body["spec"]["template"]["spec"]
        assert "nodeSelector" not in pod


def test_stale_fields_of_the_original_go(world, operators, start_operator):
    operators.shared()
    stored = adopted(world, "stale")
    body = original_deployment(stored)
    body["spec"]["template"]["spec"]["nodeSelector"] = {"old": "true"}
    body["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "OLD", "value": "1"})
    body["spec"]["replicas"] = 3
    with start_operator() as operator:
        operator.stop()
        world.cluster.request("DELETE", f"{DEPLOYMENTS.format(world.namespace)}/stale")
        wait_until(lambda: world.deployment("stale") is None, "the Deployment to go")
        as_original(world, DEPLOYMENTS, "stale", body)
        world.patch(ACTORS, "stale", {"spec": {"scaling": {"enabled": True}}})
        operator.start()
        wait_until(
            lambda: "nodeSelector" not in world.deployment("stale")["spec"]["template"]["spec"], "the stale field to go"
        )
        deployment = world.deployment("stale")
        names = [v["name"] for v in deployment["spec"]["template"]["spec"]["containers"][0]["env"]]
        assert "OLD" not in names
        # KEDA's number, which the original's entry owned too.
        assert deployment["spec"]["replicas"] == 3


def test_a_scaledobject_of_the_original_is_taken_over(world, operators, start_operator):
    operators.shared()
    world.apply(actor("scaled", scaling={"enabled": True}))
    world.wait_for_condition("scaled", "ScalingReady", "True")
    stored = world.get(SCALED_OBJECTS, "scaled")
    with start_operator() as operator:
        operator.stop()
        world.delete(SCALED_OBJECTS, "scaled")
        spec = copy.deepcopy(stored["spec"])
        spec["advanced"]["restoreToOriginalReplicaCount"] = True
        metadata = {"name": "scaled", "ownerReferences": stored["metadata"]["ownerReferences"]}
        body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec}
        as_original(world, SCALED_OBJECTS, "scaled", body)
        operator.start()
        found = lambda: world.get(SCALED_OBJECTS, "scaled")
        wait_until(
            lambda: "restoreToOriginalReplicaCount" not in found()["spec"]["advanced"],
            lambda: f"the stale field to go: {found()}",
        )
        assert not [m for m in found()["metadata"]["managedFields"] if m["manager"] == "manager"]

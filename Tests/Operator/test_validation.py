"""Invalid actors: what the API server refuses, and what the operator reports with which words."""

import pytest
from localservers.kubernetes import ApiError
from world import ACTORS, actor, wait_until

RUNTIME = {"name": "asya-runtime", "image": "x:1"}


def with_pod(**pod):
    """A workload with this pod spec."""
    return {"template": {"spec": pod}}


def nested(levels):
    """A list in a list in a list."""
    return [nested(levels - 1)] if levels > 1 else []


REPORTED = {
    "reserved-container": (
        {"workload": with_pod(containers=[RUNTIME, {"name": "asya-sidecar", "image": "x"}])},
        "container name 'asya-sidecar' is reserved for the injected sidecar and cannot be defined in the AsyncActor spec",
    ),
    "reserved-init": (
        {"workload": with_pod(containers=[RUNTIME], initContainers=[{"name": "asya-sidecar", "image": "x"}])},
        "init container name 'asya-sidecar' is reserved for operator use and cannot be defined in the AsyncActor spec",
    ),
    "command": (
        {"workload": with_pod(containers=[{**RUNTIME, "command": ["sh"]}])},
        "container 'asya-runtime' cannot override command (command is managed by operator)",
    ),
    "no-runtime": (
        {"workload": with_pod(containers=[{"name": "other", "image": "x"}])},
        "workload must contain exactly one container named 'asya-runtime', but found 0",
    ),
    "two-runtimes": (
        {"workload": with_pod(containers=[RUNTIME, RUNTIME])},
        "workload must contain exactly one container named 'asya-runtime', but found 2",
    ),
    "no-pod-spec": (
        {"workload": {"template": {}}},
        "workload must contain exactly one container named 'asya-runtime', but found 0",
    ),
    "min-above-max": (
        {"scaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 2}},
        "spec.scaling.minReplicas (5) must not be greater than spec.scaling.maxReplicas (2)",
    ),
    "formula": (
        {"scaling": {"enabled": True, "advanced": {"formula": "queueLength"}}},
        "spec.scaling.advanced.formula needs spec.scaling.advanced.target",
    ),
    "volume": (
        {"workload": with_pod(containers=[RUNTIME], volumes=[{"name": "socket-dir", "emptyDir": {}}])},
        "volume name 'socket-dir' is reserved for the operator",
    ),
    "volume-tmp": (
        {"workload": with_pod(containers=[RUNTIME], volumes=[{"name": "tmp", "emptyDir": {}}])},
        "volume name 'tmp' is reserved for the operator",
    ),
    "volume-script": (
        {"workload": with_pod(containers=[RUNTIME], volumes=[{"name": "asya-runtime", "emptyDir": {}}])},
        "volume name 'asya-runtime' is reserved for the operator",
    ),
    "mount-script": (
        {"workload": with_pod(containers=[RUNTIME, {
            "name": "helper", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/opt/asya/asya_runtime.py"}]}])},
        "container 'helper' cannot mount anything at '/opt/asya/asya_runtime.py' (the path is used by the operator)",
    ),
    "no-name": (
        {"workload": with_pod(containers=[RUNTIME, {"image": "x"}])},
        "spec.workload.template.spec.containers[1] has no name",
    ),
    "mount": (
        {"workload": with_pod(containers=[
            {**RUNTIME, "volumeMounts": [{"name": "v", "mountPath": "/var/run/asya"}]}])},
        "container 'asya-runtime' cannot mount anything at '/var/run/asya' (the path is used by the operator)",
    ),
    "duplicate": (
        {"workload": with_pod(containers=[RUNTIME, {"name": "a", "image": "x"}, {"name": "a", "image": "x"}])},
        "container name 'a' is used more than once",
    ),
    "no-image": ({"workload": with_pod(containers=[{"name": "asya-runtime"}])}, "container 'asya-runtime' has no image"),
    "socket-dir": (
        {"workload": with_pod(containers=[{**RUNTIME, "env": [{"name": "ASYA_SOCKET_DIR", "value": "/x"}]}])},
        "container 'asya-runtime' cannot set ASYA_SOCKET_DIR (it is managed by operator)",
    ),
    # Deeper than the operator reads at all.
    "nested": (
        {"workload": with_pod(containers=[RUNTIME], future=nested(100))},
        "spec.workload.template must not be nested more than 24 levels deep",
    ),
}


@pytest.mark.usefixtures("shared_operator")
@pytest.mark.parametrize("name", sorted(REPORTED))
def test_a_mistake_is_reported_with_its_words(world, name):
    spec, message = REPORTED[name]
    world.apply(actor(name, **spec))
    found = world.wait_for_condition(name, "WorkloadReady", "False", "ValidationError")
    assert found["message"] == message
    assert world.condition(name, "TransportReady")["status"] == "True"
    assert world.actor(name)["status"]["status"] == "WorkloadError"
    assert world.condition(name, "Ready")["status"] == "False"
    assert world.deployment(name) is None
    assert world.wait_for_event(name, "ValidationError")["message"] == message


@pytest.mark.usefixtures("shared_operator")
def test_a_long_name_is_reported(world):
    name = "a" * 64
    world.apply(actor(name))
    found = world.wait_for_condition(name, "WorkloadReady", "False", "ValidationError")
    assert found["message"] == "actor name must not be longer than 63 characters, but has 64"


@pytest.mark.usefixtures("shared_operator")
def test_an_unknown_transport_is_reported_once(world, shared_operator):
    world.apply(actor("lost", transport="carrier-pigeon"))
    found = world.wait_for_condition("lost", "TransportReady", "False", "InvalidTransport")
    assert found["message"] == "transport 'carrier-pigeon' not found in operator configuration"
    assert world.actor("lost")["status"]["status"] == "TransportError"
    assert world.deployment("lost") is None
    world.wait_for_event("lost", "InvalidTransport")
    version = world.actor("lost")["metadata"]["resourceVersion"]
    # Another actor's life goes on meanwhile, so the operator has had its chance to write again.
    world.apply(actor("fine"))
    world.wait_for_deployment("fine")
    assert world.actor("lost")["metadata"]["resourceVersion"] == version


@pytest.mark.usefixtures("shared_operator")
def test_statefulsets_are_refused_with_the_originals_words(world):
    body = actor("stateful")
    body["spec"]["workload"]["kind"] = "StatefulSet"
    world.apply(body)
    found = world.wait_for_condition("stateful", "WorkloadReady", "False", "ReconcileError")
    assert found["message"] == "StatefulSet support not yet implemented"


@pytest.mark.usefixtures("shared_operator")
def test_a_corrected_actor_is_healed(world):
    world.apply(actor("healed", workload=with_pod(containers=[])))
    world.wait_for_condition("healed", "WorkloadReady", "False", "ValidationError")
    world.patch(ACTORS, "healed", {"spec": {"workload": with_pod(containers=[RUNTIME])}})
    world.wait_for_deployment("healed")
    wait_until(lambda: world.condition("healed", "WorkloadReady")["reason"] != "ValidationError", "the error to go")


@pytest.mark.usefixtures("shared_operator")
def test_repeated_variables_and_a_label_app_of_ones_own_are_accepted(world):
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    workload = {"template": {"metadata": {"labels": {"app": "mine"}}, "spec": {"containers": [{**RUNTIME, "env": env}]}}}
    world.apply(actor("odd", workload=workload))
    deployment = world.wait_for_deployment("odd")
    assert deployment["spec"]["template"]["metadata"]["labels"]["app"] == "mine"
    assert "app" not in deployment["spec"]["selector"]["matchLabels"]
    assert {"name": "A", "value": "2"} in deployment["spec"]["template"]["spec"]["containers"][0]["env"]


REFUSED = {
    "no-transport": {"transport": None},
    "empty-transport": {"transport": ""},
    "no-workload": {"workload": None},
    "no-template": {"workload": {}},
    "kind": {"workload": {"kind": "DaemonSet", "template": {}}},
    "replicas": {"workload": {"replicas": -1, "template": {}}},
    "min": {"scaling": {"minReplicas": -1}},
    "max": {"scaling": {"maxReplicas": 0}},
    "queue-length": {"scaling": {"queueLength": 0}},
    "polling": {"scaling": {"pollingInterval": 0}},
    "cooldown": {"scaling": {"cooldownPeriod": -1}},
    "metric": {"scaling": {"advanced": {"metricType": "InvalidType"}}},
    "policy": {"sidecar": {"imagePullPolicy": "InvalidPolicy"}},
    "processing": {"timeout": {"processing": -1}},
    "grace": {"timeout": {"gracefulShutdown": -10}},
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_api_server_refuses(world, name):
    body = actor("refused")
    for member, value in REFUSED[name].items():
        if value is None:
            del body["spec"][member]
        else:
            body["spec"][member] = value
    with pytest.raises(ApiError) as error:
        world.apply(body)
    assert error.value.code == 422


@pytest.mark.parametrize("name", ["Upper", "under_score", "at@sign", "a" * 254])
def test_the_api_server_refuses_names(world, name):
    with pytest.raises(ApiError) as error:
        world.apply(actor(name))
    assert error.value.code in (400, 422)

"""The operator is killed at every step of a reconcile, after the server has done it and before the operator knows; the
next one brings the world to its right state. Create, update and delete, on RabbitMQ and on SQS."""

import copy
import json
import random
import re
import subprocess

import pytest
from interruption import AMQPProxy, HTTPProxy, Step
from localservers.moto import ACCOUNT_ID
from world import ACTORS, DEPLOYMENTS, SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS, actor, wait_until

pytestmark = pytest.mark.usefixtures("keda")
SECRETS = "/api/v1/namespaces/{}/secrets"


def write(method, path):
    """A write to the API whose path ends in a pattern."""
    pattern = re.compile(path + r"(\?|$)")
    return "api", lambda sent, uri, headers: sent == method and pattern.search(uri)


def frame(kind):
    """An answer of the broker."""
    return "broker", lambda *seen: seen == kind


def call(action):
    """A call of SQS."""
    return "broker", lambda method, path, headers: headers.get("X-Amz-Target", "").endswith(f".{action}")


# Where a step is seen, and which one of its kind it is. `fixed`: of an actor with a number of replicas.
CREATE = {
    "finalizer": (write("PATCH", "/asyncactors/[^/]+"), 1),
    "dead-letter-queue": (frame(AMQPProxy.QUEUE_DECLARED), 1),
    "queue": (frame(AMQPProxy.QUEUE_DECLARED), 2),
    "exchange": (frame(AMQPProxy.EXCHANGE_DECLARED), 1),
    "first-binding": (frame(AMQPProxy.QUEUE_BOUND), 1),
    "second-binding": (frame(AMQPProxy.QUEUE_BOUND), 2),
    "config-map": (write("PATCH", "/configmaps/asya-runtime"), 1),
    "deployment": (write("PATCH", "/deployments/[^/]+"), 1),
    "fixed-deployment": (write("PATCH", "/deployments/[^/]+"), 1),
    "fixed-replicas": (write("PATCH", "/deployments/[^/]+"), 2),
    "fixed-deployment-again": (write("PATCH", "/deployments/[^/]+"), 3),
    "trigger-authentication": (write("PATCH", "/triggerauthentications/[^/]+"), 1),
    "scaled-object": (write("PATCH", "/scaledobjects/[^/]+"), 1),
    "status": (write("PATCH", "/asyncactors/[^/]+/status"), 1),
}
# Scaling is switched off, and the pods get another image.
UPDATE = {
    "deployment": (write("PATCH", "/deployments/[^/]+"), 1),
    "replicas": (write("PATCH", "/deployments/[^/]+"), 2),
    "scaled-object-gone": (write("DELETE", "/scaledobjects/[^/]+"), 1),
    "trigger-authentication-gone": (write("DELETE", "/triggerauthentications/[^/]+"), 1),
    "status": (write("PATCH", "/asyncactors/[^/]+/status"), 1),
}
DELETE = {
    "scaled-object-gone": (write("DELETE", "/scaledobjects/[^/]+"), 1),
    "trigger-authentication-gone": (write("DELETE", "/triggerauthentications/[^/]+"), 1),
    "deployment-gone": (write("DELETE", "/deployments/[^/]+"), 1),
    "queue-gone": (frame(AMQPProxy.QUEUE_DELETED), 1),
    "dead-letter-queue-gone": (frame(AMQPProxy.QUEUE_DELETED), 2),
    "finalizer-gone": (write("PATCH", "/asyncactors/[^/]+"), 1),
}
SQS = {
    "dead-letter-queue": (call("CreateQueue"), 1),
    "queue": (call("CreateQueue"), 2),
    "service-account": (write("PATCH", "/serviceaccounts/[^/]+"), 1),
}


class Interrupted:
    """An operator behind proxies that kill it at a step, and once more at a moment that is drawn."""

    def __init__(self, operator, generator, api, broker):
        self.operator = operator
        self._generator = generator
        self._proxies = {"api": api, "broker": broker}

    def during(self, step, change):
        """Makes a change, has the operator killed at a step of what follows, and started until it stays."""
        (place, matches), occurrence = step
        armed = Step(matches, self.operator.kill, occurrence)
        self._proxies[place].step = armed
        if self.operator.process is None:
            self.operator.start(wait=False)
        change()
        wait_until(armed.happened.is_set, lambda: f"the step\n{self.operator.log()[-3000:]}")
        self._proxies[place].step = None
        self.operator.start(wait=False)
        self._kill_soon()
        self.operator.start()

    def _kill_soon(self):
        try:
            self.operator.process.wait(self._generator.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            pass  # It runs, as it should.
        self.operator.kill()


@pytest.fixture
def api(cluster):
    """In front of the API server."""
    with HTTPProxy(cluster.server, cluster.ca_file) as proxy:
        yield proxy


@pytest.fixture
def amqp(broker):
    """In front of RabbitMQ."""
    with AMQPProxy(broker.host, broker.port) as proxy:
        yield proxy


@pytest.fixture
def interrupted(world, api, amqp, start_operator, seed, request):
    """An operator of RabbitMQ, not yet running, and the secret that it and KEDA need."""
    data = {"username": "guest", "password": "guest"}
    world.create(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mq"}, "stringData": data})
    config = {
        "host": "127.0.0.1", "port": amqp.port, "username": "guest",
        "passwordSecretRef": {"name": "mq", "key": "password"}, "queues": {"dlq": {"enabled": True}},
    }
    transports = {"rabbitmq": {"type": "rabbitmq", "enabled": True, "config": config}}
    operator = start_operator(config=transports, server=api.url)
    yield Interrupted(operator, random.Random(f"{seed}-{request.node.name}"), api, amqp)
    operator.stop()


def body(name, image="x:1", replicas=None):
    """An actor scaled by KEDA, or one with a number of replicas and a field that an update takes away."""
    workload = {"template": {"spec": {"containers": [{"name": "asya-runtime", "image": image}]}}}
    if replicas is None:
        workload["template"]["spec"]["nodeSelector"] = {"old": "true"}
        return actor(name, scaling={"enabled": True}, workload=workload)
    return actor(name, workload={**workload, "replicas": replicas})


def expect_complete(world, broker, name, wanted):
    """Everything an actor has when nothing was interrupted."""
    spec, is_scaled = wanted["spec"], wanted["spec"].get("scaling", {}).get("enabled", False)

    def is_settled():
        stored = world.actor(name)
        status = stored.get("status", {})
        ready = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
        return (
            status.get("observedGeneration") == stored["metadata"]["generation"]
            and ready.get("TransportReady") == "True"
            and ready.get("ScalingReady") == ("True" if is_scaled else None)
            and status.get("scalingMode") == ("KEDA" if is_scaled else "Manual")
            and stored["metadata"]["finalizers"] == ["asya.sh/finalizer"]
        )

    wait_until(is_settled, lambda: f"the status: {world.actor(name)}")
    wait_until(lambda: is_as_wanted(world.deployment(name), spec), lambda: f"the Deployment: {world.deployment(name)}")
    assert world.get("/api/v1/namespaces/{}/configmaps", "asya-runtime")["data"]["asya_runtime.py"]
    assert (world.get(SCALED_OBJECTS, name) is not None) == is_scaled
    assert (world.get(TRIGGER_AUTHENTICATIONS, f"{name}-trigger-auth") is not None) == is_scaled
    queue = broker.api("GET", f"/api/queues/%2F/asya-{name}")
    assert queue["arguments"]["x-dead-letter-routing-key"] == f"asya-{name}-dlq"
    assert f"asya-{name}-dlq" in queue_names(broker)
    bindings = broker.api("GET", f"/api/queues/%2F/asya-{name}/bindings")
    assert {each["routing_key"] for each in bindings if each["source"]} == {name, f"asya-{name}"}


def is_as_wanted(deployment, spec):
    """Its pods, its number of replicas, and who owns what: a field that is no longer wanted can go later."""
    pod = deployment["spec"]["template"]["spec"]
    wanted = spec["workload"]["template"]["spec"]
    owners = {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]["f:spec"]
        for entry in deployment["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]
    }
    fixed = spec["workload"].get("replicas")
    replicas = owners.get(("asya-operator-replicas", "Apply"))
    return (
        pod["containers"][0]["image"] == wanted["containers"][0]["image"]
        and pod.get("nodeSelector") == wanted.get("nodeSelector")
        and "f:replicas" not in owners[("asya-operator", "Apply")]
        and (fixed is None or (deployment["spec"]["replicas"] == fixed and replicas == {"f:replicas": {}}))
    )


def queue_names(broker):
    """All queues."""
    return {queue["name"] for queue in broker.api("GET", "/api/queues?columns=name")}


@pytest.mark.parametrize("step", CREATE)
def test_created(world, broker, interrupted, step):
    wanted = body("created", replicas=3 if step.startswith("fixed") else None)
    interrupted.during(CREATE[step], lambda: world.apply(wanted))
    expect_complete(world, broker, "created", wanted)
    world.delete(ACTORS, "created")
    world.wait_gone(ACTORS, "created")


@pytest.mark.parametrize("step", UPDATE)
def test_changed(world, broker, interrupted, step):
    world.apply(body("changed"))
    interrupted.operator.start()
    expect_complete(world, broker, "changed", body("changed"))
    wanted = body("changed", "x:2", replicas=2)
    wanted["spec"]["scaling"] = {"enabled": False}
    patch = copy.deepcopy(wanted["spec"])
    patch["workload"]["template"]["spec"]["nodeSelector"] = None
    interrupted.during(UPDATE[step], lambda: world.patch(ACTORS, "changed", {"spec": patch}))
    expect_complete(world, broker, "changed", wanted)
    world.delete(ACTORS, "changed")
    world.wait_gone(ACTORS, "changed")


@pytest.mark.parametrize("step", DELETE)
def test_deleted(world, broker, interrupted, step):
    world.apply(body("deleted"))
    interrupted.operator.start()
    expect_complete(world, broker, "deleted", body("deleted"))
    interrupted.during(DELETE[step], lambda: world.delete(ACTORS, "deleted"))
    world.wait_gone(ACTORS, "deleted")
    for template in (DEPLOYMENTS, SCALED_OBJECTS):
        world.wait_gone(template, "deleted")
    world.wait_gone(TRIGGER_AUTHENTICATIONS, "deleted-trigger-auth")
    assert not {name for name in queue_names(broker) if name.startswith("asya-deleted")}


@pytest.fixture
def no_queues(sqs):
    """Nothing that another test left behind, not even the dead letters."""
    for url in sqs.list_queues().get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)


@pytest.mark.usefixtures("no_queues")
@pytest.mark.parametrize("step", [*SQS, "queue-gone"])
def test_on_sqs(world, api, aws, sqs, start_operator, seed, step):
    data = {"id": "testing", "secret": "testing"}
    world.create(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws"}, "stringData": data})
    with HTTPProxy(aws.url) as front:
        config = {
            "region": aws.region, "accountId": ACCOUNT_ID, "endpoint": front.url, "actorRoleArn": "arn:aws:iam::1:role/a",
            "credentials": {
                "accessKeyIdSecretRef": {"name": "aws", "key": "id"},
                "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
            },
            "queues": {"dlq": {"enabled": True, "maxRetryCount": 4}},
        }
        transports = {"sqs": {"type": "sqs", "enabled": True, "config": config}}
        with start_operator(config=transports, server=api.url) as operator:
            interrupted = Interrupted(operator, random.Random(f"{seed}-{step}"), api, front)
            apply = lambda: world.apply(actor("cloud", transport="sqs", scaling={"enabled": True}))
            if step in SQS:
                interrupted.during(SQS[step], apply)
            else:
                apply()
            world.wait_for_condition("cloud", "ScalingReady", "True")
            url = sqs.get_queue_url(QueueName="asya-cloud")["QueueUrl"]
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] in (4, "4")
            assert world.get("/api/v1/namespaces/{}/serviceaccounts", "asya-cloud")
            assert world.deployment("cloud")["spec"]["template"]["spec"]["serviceAccountName"] == "asya-cloud"
            delete = lambda: world.delete(ACTORS, "cloud")
            if step in SQS:
                delete()
            else:
                interrupted.during((call("DeleteQueue"), 1), delete)
            world.wait_gone(ACTORS, "cloud")
            assert [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]] == ["asya-dlq"]

"""Queues on a real RabbitMQ: lost, shared, different, unreachable."""

import pika
import pytest
from localservers.rabbitmq import RabbitMQ
from world import ACTORS, actor, create, wait_until


def queue_names(broker):
    """All queues of the broker."""
    return {queue["name"] for queue in broker.api("GET", "/api/queues")}


def send(broker, queue, count):
    """Puts messages into a queue."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.confirm_delivery()
    for _ in range(count):
        channel.basic_publish("", queue, b"{}")
    connection.close()


@pytest.mark.usefixtures("shared_operator")
def test_queues_deleted_by_hand_come_back(world, broker):
    for name in ("lost-1", "lost-2", "kept"):
        world.apply(actor(name))
    for name in ("lost-1", "lost-2", "kept"):
        world.wait_for_condition(name, "TransportReady", "True")
    for name in ("lost-1", "lost-2"):
        broker.api("DELETE", f"/api/queues/%2F/asya-{name}")
    wait_until(lambda: {"asya-lost-1", "asya-lost-2", "asya-kept"} <= queue_names(broker), "the queues to return")
    world.wait_for_event("lost-1", "QueueRecreated")
    bindings = broker.api("GET", "/api/queues/%2F/asya-lost-1/bindings")
    assert "lost-1" in {binding["routing_key"] for binding in bindings}


@pytest.mark.usefixtures("shared_operator")
def test_two_actors_of_one_name_share_a_queue_until_the_last_is_gone(world, broker, cluster):
    other = f"{world.namespace}-b"
    create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    world.apply(actor("twin"))
    world.wait_for_condition("twin", "TransportReady", "True")
    # Ages are told apart by the second.
    wait_until(lambda: _is_older(world.actor("twin")), "a second to pass")
    world.apply(actor("twin"), other)
    found = wait_until(
        lambda: world.condition("twin", "TransportReady", other) or None, "the second twin's condition"
    )
    assert "shared with the older actor" in found["message"]
    events = wait_until(lambda: _conflicts(world, other), "the event")
    assert events[0]["type"] == "Warning"
    send(broker, "asya-twin", 2)
    world.delete(ACTORS, "twin")
    world.wait_gone(ACTORS, "twin")
    assert "asya-twin" in queue_names(broker)
    wait_until(
        lambda: "shared" not in world.condition("twin", "TransportReady", other)["message"], "the note to go"
    )
    world.delete(ACTORS, "twin", other)
    wait_until(lambda: world.actor("twin", other) is None, "the second twin to go")
    assert "asya-twin" not in queue_names(broker)


def _is_older(stored):
    import time

    created = stored["metadata"]["creationTimestamp"]
    return created < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _conflicts(world, namespace):
    found = world.list("/api/v1/namespaces/{}/events", namespace)
    return [event for event in found if event["reason"] == "QueueNameConflict"]


@pytest.mark.usefixtures("shared_operator")
def test_a_deleted_queue_that_held_messages_is_told(world, broker):
    world.apply(actor("full"))
    world.wait_for_condition("full", "TransportReady", "True")
    send(broker, "asya-full", 3)
    world.delete(ACTORS, "full")
    world.wait_gone(ACTORS, "full")
    event = world.wait_for_event("full", "QueueDeleted")
    assert event["type"] == "Warning"
    assert event["message"] == "Queue asya-full deleted with 3 messages in it"


@pytest.mark.usefixtures("shared_operator")
def test_a_queue_with_other_arguments_keeps_its_messages(world, broker):
    broker.api("PUT", "/api/queues/%2F/asya-strange", {"durable": True, "arguments": {"x-max-length": 5}})
    send(broker, "asya-strange", 2)
    world.apply(actor("strange"))
    found = world.wait_for_condition("strange", "TransportReady", "False", "QueueMismatch")
    assert "asya-strange" in found["message"]
    world.wait_for_event("strange", "QueueMismatch")
    wait_until(lambda: broker.queue_depth("asya-strange")[0] == 2, "the messages to be counted")
    assert world.actor("strange")["status"]["status"] == "TransportError"


def test_a_broker_that_is_away_is_reported_and_waited_for(world, start_operator):
    with RabbitMQ() as own:
        config = {"rabbitmq": {"type": "rabbitmq", "enabled": True, "config": {"host": own.host, "port": own.port}}}
        with start_operator(config=config):
            world.apply(actor("first"))
            world.wait_for_condition("first", "TransportReady", "True")
            own.stop()
            world.apply(actor("second"))
            found = world.wait_for_condition("second", "TransportReady", "False", "QueueError")
            assert found["message"].startswith("failed to connect to RabbitMQ")
            world.wait_for_event("second", "QueueError")
            # What runs is left running.
            assert world.deployment("first") is not None
            own.start()
            world.wait_for_condition("second", "TransportReady", "True")
            world.wait_for_deployment("second")
            # A broker that is away when an actor goes: the actor goes all the same, within its budget.
            own.stop()
            world.delete(ACTORS, "first")
            world.wait_gone(ACTORS, "first")
            world.wait_for_event("first", "QueueDeleteFailed")


def test_without_queue_management_no_queue_is_touched(world, broker, start_operator):
    with start_operator(ASYA_DISABLE_QUEUE_MANAGEMENT="true", config=_renamed(broker)):
        world.apply(actor("alone", transport="unmanaged"))
        world.wait_for_deployment("alone")
        world.wait_for_condition("alone", "TransportReady", "True")
        assert "asya-alone" not in queue_names(broker)


def test_missing_queues_are_reported_where_they_are_not_made(world, broker, start_operator):
    with start_operator(config=_renamed(broker, queues={"autoCreate": False})):
        world.apply(actor("manual", transport="unmanaged"))
        found = world.wait_for_condition("manual", "TransportReady", "False", "QueueMissing")
        assert found["message"].startswith("queue asya-manual does not exist (autoCreate disabled)")
        broker.api("PUT", "/api/queues/%2F/asya-manual", {"durable": True})
        world.wait_for_condition("manual", "TransportReady", "True")


def _renamed(broker, **config):
    return {
        "unmanaged": {
            "type": "rabbitmq", "enabled": True,
            "config": {"host": broker.host, "port": broker.port, "username": "guest", **config},
        }
    }


def test_a_quorum_queue_gives_a_poison_message_up(world, broker, start_operator):
    config = _renamed(broker, managementPort=broker.management_port, queues={
        "type": "quorum", "dlq": {"enabled": True, "maxRetryCount": 2},
    })
    with start_operator(config=config):
        world.apply(actor("poison", transport="unmanaged"))
        world.wait_for_condition("poison", "TransportReady", "True")
        assert broker.api("GET", "/api/queues/%2F/asya-poison")["type"] == "quorum"
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("asya", "poison", b"{}")
        for _ in range(3):
            method, _, _ = wait_until(
                lambda: (found := channel.basic_get("asya-poison"))[0] and found, "the message"
            )
            channel.basic_nack(method.delivery_tag, requeue=True)
        wait_until(lambda: channel.basic_get("asya-poison-dlq", auto_ack=True)[0], "the dead letter")
        connection.close()
        world.delete(ACTORS, "poison")
        world.wait_gone(ACTORS, "poison")


def test_a_queue_with_other_arguments_is_replaced_only_when_asked_and_empty(world, broker, start_operator):
    config = _renamed(broker, managementPort=broker.management_port, queues={"forceRecreate": True})
    for name in ("empty", "held"):
        broker.api("PUT", f"/api/queues/%2F/asya-{name}", {"durable": True, "arguments": {"x-max-length": 5}})
    send(broker, "asya-held", 2)
    with start_operator(config=config):
        for name in ("empty", "held"):
            world.apply(actor(name, transport="unmanaged"))
        world.wait_for_condition("empty", "TransportReady", "True")
        assert broker.api("GET", "/api/queues/%2F/asya-empty")["arguments"] == {}
        world.wait_for_condition("held", "TransportReady", "False", "QueueMismatch")
        wait_until(lambda: broker.queue_depth("asya-held")[0] == 2, "the messages to be counted")
        for name in ("empty", "held"):
            world.delete(ACTORS, name)
            world.wait_gone(ACTORS, name)


def test_a_rotated_password_is_found_without_a_restart(world, broker, start_operator):
    secrets = "/api/v1/namespaces/{}/secrets"

    def set_password(password):
        broker.api("PUT", "/api/users/rotated", {"password": password, "tags": "management"})

    set_password("first")
    broker.api("PUT", "/api/permissions/%2F/rotated", {"configure": ".*", "write": ".*", "read": ".*"})
    world.create(secrets, {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mq"}, "stringData": {"password": "first"},
    })
    config = _renamed(broker, username="rotated", passwordSecretRef={"name": "mq", "key": "password"})
    with start_operator(config=config) as operator:
        world.apply(actor("before", transport="unmanaged"))
        world.wait_for_condition("before", "TransportReady", "True")
        reference = {"name": "mq", "key": "password"}
        env = world.wait_for_deployment("before")["spec"]["template"]["spec"]["containers"][1]["env"]
        assert [v["valueFrom"]["secretKeyRef"] for v in env if v["name"] == "ASYA_RABBITMQ_PASSWORD"] == [reference]
        version = world.deployment("before")["metadata"]["generation"]
        set_password("second")
        is_operators = lambda connection: connection["user"] == "rotated"
        # It is seen a moment after it was made.
        wait_until(lambda: broker.close_connections(is_operators), "the operator's connection to be closed")
        world.apply(actor("between", transport="unmanaged"))
        world.wait_for_condition("between", "TransportReady", "False", "QueueError")
        world.patch(secrets, "mq", {"stringData": {"password": "second"}})
        world.wait_for_condition("between", "TransportReady", "True")
        # Pods read the Secret themselves when they start; nothing restarts them.
        assert world.deployment("before")["metadata"]["generation"] == version
        for word in ("first", "second"):
            assert word not in operator.log()
        for name in ("before", "between"):
            world.delete(ACTORS, name)
            world.wait_gone(ACTORS, name)


@pytest.mark.usefixtures("shared_operator")
def test_dead_letters_that_go_with_an_actor_are_told(world, broker):
    world.apply(actor("dead"))
    world.wait_for_condition("dead", "TransportReady", "True")
    send(broker, "asya-dead-dlq", 1)
    world.delete(ACTORS, "dead")
    world.wait_gone(ACTORS, "dead")
    wait_until(lambda: len(world.events("dead", "QueueDeleted")) == 2, "an event for each queue")
    assert {(event["type"], event["message"]) for event in world.events("dead", "QueueDeleted")} == {
        ("Normal", "Queue asya-dead deleted"), ("Warning", "Queue asya-dead-dlq deleted with 1 messages in it"),
    }


def test_a_broker_with_tls_is_reached_through_its_authority(world, start_operator):
    with RabbitMQ(tls=True) as own:
        config = {
            # A name: the AMQP library verifies no addresses.
            "host": "localhost", "port": own.tls_port, "username": "guest",
            "tls": {"enabled": True, "caSecretRef": {"name": "mq-ca", "key": "ca.crt"}},
        }
        with open(own.ca_file, encoding="ascii") as file:
            data = {"ca.crt": file.read()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mq-ca"}, "stringData": data}
        world.create("/api/v1/namespaces/{}/secrets", secret)
        with start_operator(config={"secure": {"type": "rabbitmq", "enabled": True, "config": config}}):
            world.apply(actor("secure", transport="secure"))
            world.wait_for_condition("secure", "TransportReady", "True")
            world.delete(ACTORS, "secure")
            world.wait_gone(ACTORS, "secure")

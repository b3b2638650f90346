"""Queues, bindings and the exchange in every state an operator can leave them; sidecar.md 6 and 14.6, 14.17."""

import pytest
from harness.envelopes import body
from harness.waiting import observe_for

pytestmark = [pytest.mark.concurrent]


@pytest.mark.parametrize("bound", ["actor", "queue", None])
def test_delivery_does_not_depend_on_how_the_destination_is_bound(world, bound):
    world.declare("a", "error-end").declare("b", "happy-end", bound=bound)
    runtime = world.scripted()
    world.sidecar("a", runtime)
    world.send_many("a", [body("m-%d" % i) for i in range(50)] + [body("end", actors=["a"])])
    assert [m.json["id"] for m in world.receive_many("b", 50)] == ["m-%d" % i for i in range(50)]
    assert world.receive("happy-end").json["id"] == "end"
    world.wait_settled("a")
    assert world.depth("b") == 0, "every message arrives once"
    assert len(runtime.requests) == 51


def test_error_end_without_binding_gets_its_messages(world):
    world.declare("a").declare("error-end", bound=None)
    world.sidecar("a", world.scripted())
    world.send("a", b"{")
    assert world.receive("error-end").json["payload"]["original_body"] == "{"
    world.wait_settled("a")


def test_the_sidecar_declares_a_missing_exchange_and_no_queue(world):
    world.client.declare_queue("asya-a")
    world.client.declare_queue("asya-happy-end")
    world.sidecar("a", world.scripted())
    exchange = world.management.request("GET", "/exchanges/%s/asya" % world.vhost)
    assert (exchange["type"], exchange["durable"], exchange["auto_delete"]) == ("topic", True, False)
    assert exchange["internal"] is False and exchange["arguments"] == {}
    world.send("a", body("x", actors=["a"]))
    assert world.receive("happy-end").json["id"] == "x"
    queues = {queue["name"] for queue in world.management.request("GET", "/queues/%s" % world.vhost)}
    assert queues == {"asya-a", "asya-happy-end"}


def test_another_exchange_name_is_used_when_configured(world):
    world.client.declare_queue("asya-a")
    world.client.declare_exchange("other")
    world.client.declare_queue("asya-b", ["b"], exchange="other")
    world.sidecar("a", world.scripted(), ASYA_RABBITMQ_EXCHANGE="other")
    world.send("a", body("x"))
    arrived = world.receive("b")
    assert (arrived.exchange, arrived.routing_key) == ("other", "b")


def test_an_exchange_of_another_type_ends_the_start_with_status_1(world):
    world.client.declare_queue("asya-a")
    world.client._open().exchange_declare("asya", "fanout", durable=True)
    sidecar = world.sidecar("a", world.scripted(), ready=False)
    assert sidecar.wait_exit(40) == 1
    assert any("asya" in line for line in sidecar.log_lines("ERROR"))


def test_the_exchange_is_deleted_while_running_and_messages_still_arrive(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted())
    world.send("a", body("before"))
    assert world.receive("b").json["id"] == "before"
    world.client.delete_exchange()
    world.send_many("a", [body("after-%d" % i) for i in range(5)])
    ids = {m.json["id"] for m in world.receive_many("b", 5, timeout=40)}
    assert ids == {"after-%d" % i for i in range(5)}
    world.wait_settled("a")
    assert sidecar.is_running


def test_an_own_queue_that_is_missing_at_the_start_is_found_later(world):
    world.declare("b", "happy-end", "error-end")
    runtime = world.scripted()
    sidecar = world.sidecar(
        "a", runtime, ready=False, ASYA_QUEUE_RETRY_MAX_ATTEMPTS=8, ASYA_QUEUE_RETRY_BACKOFF="200ms"
    )
    sidecar.wait_up()
    observe_for(2)
    assert sidecar.is_running
    world.declare("a")
    world.send("a", body("x"))
    assert world.receive("b", timeout=15).json["id"] == "x"


@pytest.mark.slow
def test_after_the_last_attempt_a_missing_queue_is_tried_every_30_seconds(world):
    world.declare("b", "happy-end", "error-end")
    sidecar = world.sidecar(
        "a", world.scripted(), ready=False, ASYA_QUEUE_RETRY_MAX_ATTEMPTS=1, ASYA_QUEUE_RETRY_BACKOFF="100ms"
    )
    sidecar.wait_up()
    observe_for(3)
    assert sidecar.is_running
    world.declare("a")
    world.send("a", body("x"))
    assert world.receive("b", timeout=35).json["id"] == "x"


def test_the_own_queue_is_deleted_and_recreated(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), ASYA_QUEUE_RETRY_BACKOFF="200ms")
    world.send("a", body("one"))
    assert world.receive("b").json["id"] == "one"
    world.client.delete_queue("asya-a")
    observe_for(1)
    world.declare("a")
    world.send("a", body("two"))
    assert world.receive("b", timeout=20).json["id"] == "two"
    assert sidecar.is_running


def test_the_own_queue_is_deleted_during_a_handler_and_the_result_still_arrives(world):
    from harness.scripted_runtime import delayed_echo

    world.declare_usual()
    runtime = world.scripted(delayed_echo(1.5))
    sidecar = world.sidecar("a", runtime, ASYA_QUEUE_RETRY_BACKOFF="200ms")
    world.send("a", body("inside"))
    runtime.wait_requests(1)
    world.client.delete_queue("asya-a")
    world.declare("a")
    assert world.receive("b").json["id"] == "inside"
    world.send("a", body("later"))
    assert world.receive("b", timeout=20).json["id"] == "later"
    assert sidecar.is_running


def test_the_destination_is_deleted_and_recreated(world):
    world.declare_usual()
    runtime = world.scripted()
    world.sidecar("a", runtime)
    world.send("a", body("one"))
    assert world.receive("b").json["id"] == "one"
    world.client.delete_queue("asya-b")
    world.send("a", body("two"))
    runtime.wait_requests(2)
    observe_for(6)
    world.declare("b")
    assert world.receive("b", timeout=40).json["id"] == "two"
    world.send("a", body("three"))
    assert world.receive("b", timeout=20).json["id"] == "three"


def test_a_missing_destination_does_not_disturb_unacknowledged_deliveries(world):
    """The original loses the consuming channel with all its deliveries when a destination is missing."""
    world.declare_usual()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime, ASYA_RABBITMQ_PREFETCH=5)
    world.send("a", body("stuck", actors=["a", "missing"]))
    world.send_many("a", [body("m-%d" % i) for i in range(10)])
    world.receive_many("b", 10)
    calls = [request.json["id"] for request in runtime.requests if request.json["id"] != "stuck"]
    assert calls == ["m-%d" % i for i in range(10)], "none was delivered twice"
    assert sidecar.metrics().total("asya_actor_transport_reconnects_total") == 0


def test_priorities_and_length_limits_of_the_queue_are_left_alone(world):
    world.declare("b", "happy-end", "error-end")
    world.declare("a", arguments={"x-max-priority": 5, "x-message-ttl": 600_000})
    world.sidecar("a", world.scripted())
    world.send("a", body("x"), priority=3)
    assert world.receive("b").json["id"] == "x"


def test_a_queue_that_refuses_publications_keeps_the_message_until_there_is_room(world):
    """`reject-publish` answers with basic.nack: retried like a lost connection (5.3)."""
    world.declare("a", "happy-end", "error-end")
    world.declare("b", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    runtime = world.scripted()
    world.sidecar("a", runtime)
    world.send("a", body("one"))
    world.wait_depth("b", 1)
    world.send("a", body("two"))
    observe_for(2)
    assert sum(world.queue_counts("a")) == 1
    assert world.receive("b").json["id"] == "one"
    assert world.receive("b", timeout=15).json["id"] == "two"
    world.wait_settled("a")
    assert len(runtime.requests) == 2
    assert world.depth("error-end") == 0

"""Acknowledgement, back-off, retried publications and dead letters; sidecar.md 5 and 14.2, 14.6, 14.7."""

import pytest
from harness.envelopes import advanced_reply, body
from harness.scripted_runtime import always, closes, end_reply, error, in_turn, reply
from harness.waiting import eventually, holds_for, observe_for

pytestmark = [pytest.mark.concurrent]


def test_a_missing_next_queue_does_not_make_a_hot_loop_and_is_found_when_it_appears(world):
    world.declare("a", "happy-end", "error-end")
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    world.send("a", body("lost?", payload=1))
    observe_for(20)
    # Each attempt takes 3.5 s of publication retries (5.3) and then min(2^(n-1), 30) s - 20 % of back-off (5.2):
    # calls at 0, 4.3, 9.4, 16.1 s at the earliest. The same formula gives the 6 calls in 60 s of 14.2.
    assert 1 <= len(runtime.requests) <= 4
    assert sidecar.metric("messages_failed_total", queue="a", reason="routing_error") >= 1
    assert sidecar.metrics().total("asya_actor_nacks_total") >= 1
    world.declare("b")
    assert world.receive("b", timeout=30).json["id"] == "lost?"
    world.wait_settled("a")
    assert world.depth("error-end") == 0
    assert sidecar.is_running


MALFORMED = {
    "not JSON": b"{invalid",
    "no id": b'{"route":{"actors":["a"],"current":0},"payload":1}',
    "misrouted": body("m", actors=["b"]),
    "runtime error": body("r"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_failed_message_stays_in_its_queue_while_error_end_is_missing(world, name):
    world.declare("a", "b", "happy-end")
    runtime = world.scripted(always(error("processing_error")))
    sidecar = world.sidecar("a", runtime)
    world.send("a", MALFORMED[name])
    holds_for(lambda: sum(world.queue_counts("a")) == 1, 12, "the message to stay in the queue of a")
    assert sidecar.metric("messages_failed_total", queue="a", reason="error_queue_send_failed") >= 1
    assert sidecar.stop() == 0
    world.wait_depth("a", 1)
    assert world.receive("a").body == MALFORMED[name]


def test_when_error_end_appears_the_error_envelope_is_delivered(world):
    world.declare("a", "happy-end")
    world.sidecar("a", world.scripted())
    world.send("a", b"{invalid")
    world.wait_unacknowledged("a", 1)
    world.declare("error-end")
    assert world.receive("error-end", timeout=20).json["payload"]["original_body"] == "{invalid"
    world.wait_settled("a")


def test_after_the_last_delivery_the_original_body_goes_to_the_dead_letter_queue(world):
    world.declare("a", "happy-end", "error-end")
    world.client.declare_queue("asya-a-dlq")
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime, ASYA_QUEUE_MAX_DELIVERIES=2, ASYA_QUEUE_DLQ="asya-a-dlq")
    text = b'{ "id":"x", "route":{"actors":["a","missing"],"current":0},"payload":1.0}'
    world.send("a", text)
    dead = world.client.get("asya-a-dlq", timeout=30)
    assert dead.body == text
    assert dead.properties.delivery_mode == 2
    world.wait_settled("a")
    assert len(runtime.requests) == 2
    assert sidecar.metric("messages_failed_total", queue="a", reason="dead_lettered") == 1
    assert world.depth("error-end") == 0


def test_with_one_delivery_the_first_failure_is_dead_lettered(world):
    world.declare("a", "happy-end")
    world.client.declare_queue("dead")
    world.sidecar("a", world.scripted(), ASYA_QUEUE_MAX_DELIVERIES=1, ASYA_QUEUE_DLQ="dead")
    world.send("a", b"{invalid")
    assert world.client.get("dead", timeout=15).body == b"{invalid"
    world.wait_settled("a")


def test_a_quorum_queue_counts_deliveries_itself(world):
    world.declare("happy-end", "error-end")
    world.declare("a", arguments={"x-queue-type": "quorum"})
    world.client.declare_queue("dead")
    runtime = world.scripted()
    world.sidecar("a", runtime, ASYA_QUEUE_MAX_DELIVERIES=2, ASYA_QUEUE_DLQ="dead")
    world.send("a", body("q", actors=["a", "missing"]))
    assert world.client.get("dead", timeout=30).json["id"] == "q"
    assert len(runtime.requests) == 2


@pytest.mark.parametrize("dlq", [None, "does-not-exist"])
def test_without_a_usable_dead_letter_queue_the_message_keeps_backing_off(world, dlq):
    world.declare("a", "happy-end", "error-end")
    sidecar = world.sidecar("a", world.scripted(), ASYA_QUEUE_MAX_DELIVERIES=1, ASYA_QUEUE_DLQ=dlq)
    world.send("a", body("kept", actors=["a", "missing"]))
    holds_for(lambda: sum(world.queue_counts("a")) == 1, 10, "the message to stay in the queue of a")
    assert sidecar.is_running
    assert sidecar.stop() == 0
    world.wait_depth("a", 1)


def test_an_end_actors_runtime_failure_is_retried_with_backoff_until_it_succeeds(world):
    world.declare("happy-end")
    tap = world.tap()
    runtime = world.scripted(in_turn(error("processing_error"), closes(), end_reply))
    sidecar = world.end_sidecar("happy-end", runtime)
    world.send("happy-end", body("end"))
    runtime.wait_requests(3, timeout=15)
    gaps = [b.started - a.finished for a, b in zip(runtime.requests, runtime.requests[1:])]
    assert gaps[0] >= 0.7 and gaps[1] >= 1.5, gaps
    world.wait_settled("happy-end")
    assert world.client.depth(tap) == 0
    assert sidecar.metric("messages_processed_total", queue="happy-end", status="end_consumed") == 1
    assert sidecar.metric("messages_failed_total", queue="happy-end", reason="runtime_error") == 2


def test_an_end_actor_dead_letters_a_message_its_runtime_never_accepts(world):
    world.declare("happy-end")
    world.client.declare_queue("dead")
    runtime = world.scripted(always(error("processing_error")))
    world.end_sidecar("happy-end", runtime, ASYA_QUEUE_MAX_DELIVERIES=2, ASYA_QUEUE_DLQ="dead")
    world.send("happy-end", body("end"))
    assert world.client.get("dead", timeout=15).json["id"] == "end"
    assert len(runtime.requests) == 2


def test_an_end_actor_dead_letters_a_body_it_cannot_parse(world):
    world.declare("happy-end")
    tap = world.tap()
    world.client.declare_queue("dead")
    runtime = world.scripted(end_reply)
    sidecar = world.end_sidecar("happy-end", runtime, ASYA_QUEUE_MAX_DELIVERIES=2, ASYA_QUEUE_DLQ="dead")
    world.send("happy-end", b"{invalid")
    assert world.client.get("dead", timeout=15).body == b"{invalid"
    world.wait_settled("happy-end")
    assert runtime.requests == []
    assert world.client.depth(tap) == 0
    assert sidecar.metric("messages_failed_total", queue="happy-end", reason="dead_lettered") == 1


def test_an_end_actor_without_dead_letter_queue_keeps_a_body_it_cannot_parse(world):
    world.declare("error-end")
    tap = world.tap()
    sidecar = world.end_sidecar("error-end", world.scripted(end_reply))
    world.send("error-end", b"{invalid")
    holds_for(lambda: sum(world.queue_counts("error-end")) == 1, 5, "the message to stay")
    assert world.client.depth(tap) == 0
    assert sidecar.stop() == 0
    world.wait_depth("error-end", 1)


@pytest.mark.parametrize("name", ["x" * 251, "y" * 5000])
def test_an_actor_name_too_long_for_a_queue_loses_nothing_and_blocks_nobody(world, name):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_PREFETCH=4)
    world.send("a", body("bad", actors=["a", name], payload=1))
    world.send("a", body("good", payload=2))
    assert world.receive("b").json["id"] == "good"
    observe_for(5)
    assert sidecar.is_running
    errors = world.drain("error-end")
    assert len(errors) + sum(world.queue_counts("a")) == 1, "handled or kept, but neither lost nor multiplied"


def test_while_one_message_waits_in_backoff_others_go_on(world):
    world.declare_usual()
    world.sidecar("a", world.scripted(), ASYA_RABBITMQ_PREFETCH=3)
    world.send("a", body("stuck", actors=["a", "missing"]))
    world.send_many("a", [body("m-%d" % i) for i in range(20)])
    assert [m.json["id"] for m in world.receive_many("b", 20)] == ["m-%d" % i for i in range(20)]


def test_one_missing_destination_of_a_fan_out_keeps_the_input_and_repeats_the_same_ids(world):
    world.declare_usual()
    elements = [
        {"payload": 0, "route": {"actors": ["a", "b"], "current": 1}},
        {"payload": 1, "route": {"actors": ["a", "late"], "current": 1}},
    ]
    runtime = world.scripted(always(reply(elements)))
    world.sidecar("a", runtime)
    world.send("a", body("x"))
    eventually(lambda: len(runtime.requests) >= 2, 15, "the second attempt")
    world.declare("late")
    assert world.receive("late", timeout=20).json["id"] == "x-1"
    world.wait_settled("a")
    assert {m.json["id"] for m in world.drain("b")} == {"x"}


def test_a_destination_that_appears_within_the_publication_retries_costs_no_second_call(world):
    world.declare("a", "happy-end", "error-end")
    runtime = world.scripted()
    world.sidecar("a", runtime)
    world.send("a", body("x"))
    runtime.wait_requests(1)
    observe_for(0.8)
    world.declare("b")
    assert world.receive("b").json["id"] == "x"
    world.wait_settled("a")
    assert len(runtime.requests) == 1


def test_a_body_above_the_brokers_limit_becomes_an_error_envelope(world):
    """RabbitMQ 3.10 accepts 128 MiB by default."""
    world.declare_usual()
    big = b'"' + b"x" * (134_217_728 + 1000) + b'"'

    def script(request):
        return reply(advanced_reply(request.body, big if request.json["id"] == "big" else None))

    sidecar = world.sidecar("a", world.scripted(script))
    world.send("a", body("big", payload="small"))
    failed = world.receive("error-end", timeout=60)
    assert "failed to publish: message too large" in failed.json["payload"]["error"]
    assert failed.json["id"] == "big"
    assert len(failed.body) < 1_000_000
    world.send("a", body("next"))
    assert world.receive("b").json["id"] == "next"
    world.wait_settled("a")
    assert sidecar.is_running

"""FIFO queues (`.fifo`), against moto, which keeps groups and deduplicates as SQS does."""

import itertools
import threading

import pytest
from harness.aws_faults import FaultProxy
from harness.envelopes import body
from harness.scripted_runtime import always, echo, error, gated_echo
from harness.waiting import eventually, holds_for

FIFO = {"FifoQueue": "true"}
ACTORS = ("a.fifo", "b.fifo")


@pytest.fixture(name="fifo_world")
def _fifo_world(moto_world):
    moto_world.declare(*ACTORS, **FIFO)
    moto_world.declare("happy-end", "error-end")
    return moto_world


_numbers = itertools.count()


def send(world, group, *bodies, actor="a.fifo"):
    """Messages of a producer that is not ours, each with a deduplication id of its own."""
    for text in bodies:
        world.client.call(
            "SendMessage",
            QueueUrl=world.client.url_of("asya-" + actor),
            MessageBody=text.decode(),
            MessageGroupId=group,
            MessageDeduplicationId="d-%d" % next(_numbers),
        )


def named(number, **members):
    return body("m-%d" % number, actors=ACTORS, payload=number, **members)


def test_envelopes_pass_two_fifo_actors_in_the_order_of_their_groups(fifo_world):
    for number in range(6):
        send(fifo_world, "even" if number % 2 == 0 else "odd", named(number))
    runtimes = [fifo_world.scripted() for _ in ACTORS]
    for actor, runtime in zip(ACTORS, runtimes):
        fifo_world.sidecar(actor, runtime, ASYA_SQS_MAX_MESSAGES=10)
    arrived = fifo_world.receive_many("happy-end", 6, timeout=40)
    assert sorted(m.json["payload"] for m in arrived) == list(range(6))
    for runtime in runtimes:
        order = [request.json["payload"] for request in runtime.requests]
        assert [n for n in order if n % 2 == 0] == [0, 2, 4]
        assert [n for n in order if n % 2 == 1] == [1, 3, 5]
    for actor in ACTORS:
        fifo_world.wait_settled(actor, timeout=20)


def test_the_group_goes_with_the_message_and_is_the_envelopes_id_where_there_was_none(fifo_world):
    fifo_world.declare("plain")
    for actor in ("a.fifo", "plain"):
        fifo_world.sidecar(actor, fifo_world.scripted())
    send(fifo_world, "customer-7", named(1))
    assert fifo_world.receive("b.fifo", timeout=20).group == "customer-7"
    fifo_world.send("plain", body("m-2", actors=["plain", "b.fifo"]))
    assert fifo_world.receive("b.fifo", timeout=20).group == "m-2"


def test_a_message_that_is_tried_again_holds_its_group_back_and_no_other(fifo_world):
    """An end actor fails once: its back-off is a second, in which nothing of the group may be done."""
    failed = []

    def script(request):
        if request.json["payload"] == 0 and not failed:
            failed.append(request)
            return error("processing_error")
        return echo(request)

    send(fifo_world, "g", named(0), named(1), named(2))
    send(fifo_world, "h", named(10))
    runtime = fifo_world.scripted(script)
    sidecar = fifo_world.end_sidecar("a.fifo", runtime, ASYA_SQS_MAX_MESSAGES=10)
    fifo_world.wait_settled("a.fifo", timeout=30)
    order = [request.json["payload"] for request in runtime.requests]
    assert [n for n in order if n < 10] == [0, 0, 1, 2]
    assert order.count(10) == 1 and order.index(10) < 2, "the other group does not wait"
    assert runtime.requests[order.index(1)].started - failed[0].started >= 0.7
    assert sidecar.metric("nacks_total", queue="a.fifo", cause="runtime_error") == 1


def test_what_was_received_of_a_group_is_released_in_order_at_a_shutdown(fifo_world):
    gate = threading.Event()
    runtime = fifo_world.scripted(gated_echo(gate))
    send(fifo_world, "g", *[named(number) for number in range(5)])
    sidecar = fifo_world.sidecar("a.fifo", runtime, ASYA_SQS_MAX_MESSAGES=10)
    runtime.wait_requests(1)
    sidecar.terminate()
    gate.set()
    assert sidecar.wait_exit(15) == 0
    second = fifo_world.scripted()
    fifo_world.sidecar("a.fifo", second)
    arrived = fifo_world.receive_many("b.fifo", 5, timeout=40)
    assert [m.json["payload"] for m in arrived] == [0, 1, 2, 3, 4]
    assert [r.json["payload"] for r in second.requests] == [1, 2, 3, 4]


def test_a_result_that_is_sent_twice_is_stored_once(fifo_world):
    """The handler is done and its result sent when the sidecar is killed: the message comes again, its result does not."""
    runtime = fifo_world.scripted()
    proxy = FaultProxy(
        fifo_world.server.url,
        refuse=lambda action, key, number: (503, "ServiceUnavailable") if action == "DeleteMessageBatch" else None,
    )
    fifo_world._others.append(proxy)
    settings = {"ASYA_SQS_ENDPOINT": proxy.url, "ASYA_SQS_VISIBILITY_TIMEOUT": 2}
    sidecar = fifo_world.sidecar("a.fifo", runtime, **settings)
    send(fifo_world, "g", named(1))
    runtime.wait_requests(1)
    eventually(lambda: fifo_world.depth("b.fifo") == 1, 10, "the result")
    sidecar.kill()
    proxy.refuse = lambda action, key, number: None
    fifo_world.sidecar("a.fifo", runtime, **settings)
    runtime.wait_requests(2, timeout=20)
    fifo_world.wait_settled("a.fifo", timeout=20)
    holds_for(lambda: fifo_world.depth("b.fifo") == 1, 0.5, "one result")


def test_errors_of_a_fifo_actor_reach_error_end_and_its_fifo_dead_letter_queue(fifo_world):
    runtime = fifo_world.scripted(always(error("processing_error")))
    fifo_world.sidecar("a.fifo", runtime)
    send(fifo_world, "g", named(1))
    assert fifo_world.receive("error-end", timeout=20).json["id"] == "m-1"
    fifo_world.wait_settled("a.fifo", timeout=20)
    fifo_world.client.declare_queue("dead.fifo", **FIFO)
    fifo_world.end_sidecar("b.fifo", runtime, ASYA_QUEUE_MAX_DELIVERIES=1, ASYA_QUEUE_DLQ="dead.fifo")
    text = body("y", actors=["b.fifo"])
    # Redriven and failed again within five minutes it is another message, not a repetition that the queue drops.
    for _ in range(2):
        send(fifo_world, "h", text, actor="b.fifo")
        dead = fifo_world.client.get("dead.fifo", timeout=20)
        assert dead.body == text and dead.group == "h"

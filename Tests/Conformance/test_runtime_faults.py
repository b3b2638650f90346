"""A runtime that is absent, killed or restarted; connection handling; sidecar.md 8 and 14.3, 14.14."""

import os
import threading

import pytest
from harness.envelopes import body
from harness.scripted_runtime import AHEAD, KEEPALIVE, closes, delayed_echo, echo, gated_echo, in_turn
from harness.waiting import eventually, holds_for, observe_for

pytestmark = [pytest.mark.concurrent]


def test_a_killed_runtime_does_not_dump_the_queue_into_error_end(world):
    world.declare_usual()
    runtime = world.python()
    sidecar = world.sidecar("a", runtime)
    runtime.kill()
    ids = ["m-%d" % i for i in range(20)]
    world.send_many("a", [body(i) for i in ids])
    eventually(lambda: sidecar.status("/ready") == 503, 15, "/ready to answer 503")
    observe_for(4)
    assert world.depth("error-end") == 0 and world.depth("b") == 0
    runtime.start()
    assert [m.json["id"] for m in world.receive_many("b", 20)] == ids
    world.wait_settled("a")
    assert world.depth("error-end") == 0
    sidecar.wait_ready()


def test_a_runtime_killed_while_handling_gives_one_error_and_the_rest_waits(world):
    world.declare_usual()
    runtime = world.python("conformance_handlers.hang")
    world.sidecar("a", runtime, ASYA_RABBITMQ_PREFETCH=5)
    called = os.path.join(world.directory(), "called")
    world.send("a", body("victim", payload={"file": called}))
    world.send_many("a", [body("m-%d" % i, payload={}) for i in range(5)])
    world.wait_unacknowledged("a", 5)
    eventually(lambda: os.path.exists(called), 15, "the call of the handler")
    runtime.kill()
    failed = world.receive("error-end").json
    assert failed["id"] == "victim"
    assert failed["payload"]["error"].startswith("failed to read response from runtime: ")
    assert failed["payload"]["original_payload"] == {"file": called}
    observe_for(1)
    runtime.start()
    assert [m.json["id"] for m in world.receive_many("b", 5)] == ["m-%d" % i for i in range(5)]
    world.wait_settled("a")
    assert world.depth("error-end") == 0


def test_a_runtime_that_stays_away_ends_the_sidecar_with_status_1_and_nothing_lost(world):
    world.declare_usual()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime, ASYA_RUNTIME_READY_TIMEOUT="2s", ASYA_RABBITMQ_PREFETCH=3)
    runtime.stop(remove_files=True)
    world.send_many("a", [body("m-%d" % i) for i in range(5)])
    assert sidecar.wait_exit(10) == 1
    world.wait_depth("a", 5)
    assert world.depth("error-end") == 0
    assert sidecar.log_lines("ERROR")


def test_a_runtime_restarted_while_idle_costs_nothing(world):
    world.declare_usual()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    for i in range(5):
        world.send("a", body("m-%d" % i))
        assert world.receive("b").json["id"] == "m-%d" % i
        world.wait_settled("a")
        runtime.stop()
        runtime.start()
    assert world.depth("error-end") == 0
    assert sidecar.is_running


def test_a_runtime_stopped_in_an_orderly_way_costs_nothing(world):
    world.declare_usual()
    runtime = world.python()
    world.sidecar("a", runtime)
    for i in range(2):
        world.send("a", body("m-%d" % i))
        assert world.receive("b").json["id"] == "m-%d" % i
        runtime.stop()
        world.send("a", body("waits-%d" % i))
        observe_for(0.5)
        runtime.start()
        assert world.receive("b").json["id"] == "waits-%d" % i
    assert world.depth("error-end") == 0


def test_a_slow_reply_in_single_bytes_is_a_reply(world):
    import struct
    import time

    from harness.envelopes import advanced_reply
    from harness.scripted_runtime import Wire

    world.declare_usual()
    runtime = world.scripted()

    def script(request):
        data = advanced_reply(request.body)
        data = struct.pack(">I", len(data)) + data
        connection = next(iter(runtime._open))
        for index in range(len(data)):
            connection.sendall(data[index : index + 1])
            time.sleep(0.001)
        return Wire()

    runtime.script = script
    world.sidecar("a", runtime)
    for i in range(3):
        world.send("a", body("m-%d" % i, payload="abc"))
        assert world.receive("b").json["id"] == "m-%d" % i


# Connections


@pytest.mark.parametrize("announce", [KEEPALIVE, AHEAD], ids=["keep-alive", "keep-alive and ahead"])
def test_an_announced_connection_carries_1000_messages(world, announce):
    world.declare_usual()
    runtime = world.scripted(announce=announce)
    world.sidecar("a", runtime)
    world.send_many("a", [body("m-%d" % i) for i in range(1000)])
    assert [m.json["id"] for m in world.receive_many("b", 1000)] == ["m-%d" % i for i in range(1000)]
    assert runtime.serving_connections() == 1
    assert runtime.connections <= 3, "one for the start's probe, one for the requests"
    assert len(runtime.requests) == 1000


def test_a_python_runtime_serves_1000_messages_in_order(world):
    world.declare_usual()
    world.sidecar("a", world.python())
    world.send_many("a", [body("m-%d" % i) for i in range(1000)])
    assert [m.json["id"] for m in world.receive_many("b", 1000)] == ["m-%d" % i for i in range(1000)]
    world.wait_settled("a")
    assert world.depth("error-end") == 0


@pytest.mark.parametrize("announce", [None, {"protocol": 2, "keepalive": False}], ids=["original", "not announced"])
def test_a_runtime_without_keepalive_gets_one_connection_per_message(world, announce):
    world.declare_usual()
    runtime = world.scripted(announce=announce)
    world.sidecar("a", runtime)
    world.send_many("a", [body("m-%d" % i) for i in range(300)])
    assert [m.json["id"] for m in world.receive_many("b", 300)] == ["m-%d" % i for i in range(300)]
    world.wait_settled("a")
    assert runtime.serving_connections() == 300
    assert len(runtime.requests) == 300, "a connection that was closed after its reply is no failure"
    assert world.depth("error-end") == 0


def test_a_keepalive_runtime_replaced_by_the_original_is_noticed(world):
    """The ready file is read again after every reconnect (8.2)."""
    world.declare_usual()
    runtime = world.scripted()
    world.sidecar("a", runtime)
    world.send_many("a", [body("m-%d" % i) for i in range(50)])
    world.receive_many("b", 50)
    world.wait_settled("a")
    runtime.stop(remove_files=True)
    runtime.announce = None
    runtime.start()
    world.send_many("a", [body("n-%d" % i) for i in range(50)])
    assert [m.json["id"] for m in world.receive_many("b", 50)] == ["n-%d" % i for i in range(50)]
    assert world.depth("error-end") == 0


def test_requests_sent_ahead_of_a_broken_connection_are_sent_again(world):
    world.declare_usual()

    def script(request):
        return closes() if request.json["id"] == "boom" else echo(request)

    runtime = world.scripted(script)
    world.sidecar("a", runtime)
    ids = ["m-%d" % i for i in range(600)]
    ids[400] = "boom"
    world.send_many("a", [body(i) for i in ids])
    arrived = [m.json["id"] for m in world.receive_many("b", 599, timeout=30)]
    assert arrived == [i for i in ids if i != "boom"]
    failed = world.receive("error-end").json
    assert failed["id"] == "boom"
    assert failed["payload"]["error"].startswith("failed to read response from runtime: ")
    world.wait_settled("a")
    assert world.depth("error-end") == 0


def test_only_one_request_is_inside_the_runtime_at_a_time(world):
    world.declare_usual()
    runtime = world.scripted(delayed_echo(0.05), announce=None)
    world.sidecar("a", runtime, ASYA_RABBITMQ_PREFETCH=10)
    world.send_many("a", [body("m-%d" % i) for i in range(30)])
    world.receive_many("b", 30)
    times = [(r.started, r.finished) for r in runtime.requests]
    assert all(end <= start for (_, end), (start, _) in zip(times, times[1:]))


def test_sending_ahead_stops_when_the_handler_is_slow(world):
    """8.2: only when the average call is 1 ms or less; otherwise a request waits in the sidecar, not in the socket."""
    world.declare_usual()
    gate = threading.Event()
    runtime = world.scripted(in_turn(delayed_echo(0.1), gated_echo(gate)))
    sidecar = world.sidecar("a", runtime, ASYA_RABBITMQ_PREFETCH=10)
    world.send_many("a", [body("m-%d" % i) for i in range(10)])
    runtime.wait_requests(2)
    sidecar.terminate()
    world.wait_depth("a", 8)
    gate.set()
    assert sidecar.wait_exit(15) == 0
    assert len(world.drain("b")) == 2


def test_ready_is_200_again_after_the_runtime_came_back(world):
    world.declare_usual()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    runtime.stop()
    world.send("a", body("x"))
    eventually(lambda: sidecar.status("/ready") == 503, 10, "/ready to answer 503")
    holds_for(lambda: sidecar.status("/health") == 200, 0.5, "/health to answer 200")
    runtime.start()
    sidecar.wait_ready()
    assert world.receive("b").json["id"] == "x"

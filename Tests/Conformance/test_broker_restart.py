"""Faults that concern the whole broker: restart, crash, memory alarm, freeze, TLS. In the spare broker."""

import threading

import pytest
from harness.envelopes import body
from harness.scripted_runtime import delayed_echo, end_reply, gated_echo
from harness.waiting import eventually, holds_for, observe_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


@pytest.fixture
def alarm(spare_broker):
    """Sets the memory alarm; it is cleared in any case."""

    def set_alarm():
        spare_broker.server.ctl("set_vm_memory_high_watermark", "0.0000001")

    def clear_alarm():
        spare_broker.server.ctl("set_vm_memory_high_watermark", "0.6")

    set_alarm.clear = clear_alarm
    yield set_alarm
    clear_alarm()


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_after_a_broker_restart_messages_flow_within_30_seconds(spare_world, how):
    world = spare_world.declare_usual()
    server = world.broker.server
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    world.send_many("a", [body("m-%d" % i) for i in range(20)])
    world.receive_many("b", 20)
    world.wait_settled("a")
    if how == "restart":
        server.restart()
    else:
        server.kill()
        server.start()
    world.send("a", body("after"))
    # What was acknowledged just before a crash may come back, so the new message need not be the first one.
    eventually(lambda: "after" in [m.json["id"] for m in world.drain("b")], 30, "the message sent after the fault")
    assert sidecar.is_running
    assert sidecar.metrics().total("asya_actor_transport_reconnects_total") >= 1


def test_a_broker_restarted_during_a_handler_gets_the_result_and_the_handler_is_not_run_for_the_publication(
    spare_world,
):
    world = spare_world.declare_usual()
    runtime = world.scripted(delayed_echo(3))
    world.sidecar("a", runtime)
    world.send("a", body("x"))
    runtime.wait_requests(1)
    world.broker.server.restart()
    assert world.receive("b", timeout=40).json["id"] == "x"
    world.wait_settled("a", timeout=30)
    # The broker delivers the unacknowledged message again, once; the kept result alone causes no call.
    assert len(runtime.requests) <= 2
    assert world.depth("error-end") == 0


def blocked_publication(world, alarm, count=1, **environment):
    """A sidecar whose handler ended after the alarm was set, so that the result cannot be published."""
    gate = threading.Event()
    runtime = world.declare_usual().scripted(gated_echo(gate))
    sidecar = world.sidecar("a", runtime, **environment)
    world.send_many("a", [body("m-%d" % i) for i in range(count)])
    runtime.wait_requests(1)
    alarm()
    gate.set()
    eventually(lambda: runtime.requests[0].finished, 15, "the handler call to end")
    observe_for(1)
    assert world.depth("b") == 0
    return runtime, sidecar


def test_under_a_memory_alarm_nothing_is_acknowledged_and_everything_arrives_afterwards(spare_world, alarm):
    world = spare_world
    runtime, sidecar = blocked_publication(world, alarm, count=10, ASYA_RABBITMQ_PREFETCH=5)
    holds_for(lambda: sum(world.queue_counts("a")) == 10, 8, "all messages to stay unacknowledged")
    assert world.depth("b") == 0
    assert len(runtime.requests) <= 5, "the window bounds what is handed to the runtime"
    assert world.client.consumers("asya-a") == 1, "the consuming connection stays"
    assert sidecar.is_running
    alarm.clear()
    arrived = [m.json["id"] for m in world.receive_many("b", 10, timeout=30)]
    assert sorted(arrived) == sorted("m-%d" % i for i in range(10))
    world.wait_settled("a")
    assert world.depth("error-end") == 0
    assert len(runtime.requests) == 10, "each handler call was made once"
    assert sidecar.metrics().total("asya_actor_transport_reconnects_total") == 0


def test_a_consumer_goes_on_under_a_memory_alarm_when_it_need_not_publish(spare_world, alarm):
    """The reason for two connections: an end actor publishes nothing and must not be stopped."""
    world = spare_world.declare("happy-end")
    runtime = world.scripted(end_reply)
    world.end_sidecar("happy-end", runtime)
    gate = threading.Event()
    runtime.script = lambda request: (gate.wait(60), end_reply(request))[1]
    world.send_many("happy-end", [body("m-%d" % i) for i in range(5)])
    runtime.wait_requests(1)
    alarm()
    gate.set()
    world.wait_settled("happy-end")
    assert len(runtime.requests) == 5


def test_sigterm_while_a_publication_is_blocked_releases_everything_and_exits_1(spare_world, alarm):
    world = spare_world
    _, sidecar = blocked_publication(world, alarm, ASYA_SHUTDOWN_TIMEOUT="3s")
    sidecar.terminate()
    assert sidecar.wait_exit(8) == 1
    world.wait_depth("a", 1)
    alarm.clear()
    sidecar.start().wait_ready()
    assert world.receive("b", timeout=20).json["id"] == "m-0"
    world.wait_settled("a")


def test_a_second_signal_while_a_publication_is_blocked_exits_at_once(spare_world, alarm):
    world = spare_world
    _, sidecar = blocked_publication(world, alarm)
    sidecar.terminate()
    holds_for(lambda: sidecar.is_running, 1, "the first signal to wait for the publication")
    sidecar.terminate()
    assert sidecar.wait_exit(8) == 1
    world.wait_depth("a", 1)


def test_kill_9_while_a_publication_is_blocked_loses_nothing(spare_world, alarm):
    world = spare_world
    _, sidecar = blocked_publication(world, alarm)
    sidecar.kill()
    world.wait_depth("a", 1)
    alarm.clear()
    sidecar.start().wait_ready()
    assert world.receive("b", timeout=20).json["id"] == "m-0"
    world.wait_settled("a")


def test_a_frozen_broker_that_comes_back_loses_nothing(spare_world):
    world = spare_world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(delayed_echo(0.01)), ASYA_RABBITMQ_URL=world.url + "?heartbeat=3")
    ids = ["m-%d" % i for i in range(300)]
    world.send_many("a", [body(i) for i in ids])
    server = world.broker.server
    server.pause()
    observe_for(10)
    server.resume()
    seen = set()

    def all_arrived():
        seen.update(m.json["id"] for m in world.drain("b"))
        return seen == set(ids)

    eventually(all_arrived, 40, "all messages", interval=0.3)
    assert sidecar.is_running
    assert world.depth("error-end") == 0

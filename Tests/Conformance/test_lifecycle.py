"""Start, readiness, signals, time-outs and kill -9 in each phase; sidecar.md 3, 4.4, 12 and 14.4, 14.5, 14.21."""

import os
import signal
import threading
import time

import pytest
from harness.envelopes import body
from harness.scripted_runtime import delayed_echo, echo, gated_echo, hangs, in_turn
from harness.waiting import eventually, holds_for, observe_for

pytestmark = [pytest.mark.concurrent]


def ended_within(sidecar, seconds):
    """Exit status, and how long it took."""
    started = time.monotonic()
    status = sidecar.wait_exit(seconds)
    return status, time.monotonic() - started


# Start


def test_ready_answers_503_until_the_runtime_is_there_and_health_200_at_once(world):
    world.declare_usual()
    runtime = world.scripted(start=False)
    sidecar = world.sidecar("a", runtime, ready=False).wait_up()
    assert sidecar.get("/health")[::2] == (200, b"OK")
    world.send("a", body("x"))
    holds_for(lambda: sidecar.status("/ready") == 503, 1, "/ready to answer 503")
    assert world.depth("a") == 1, "nothing is consumed before the runtime is ready"
    runtime.start()
    sidecar.wait_ready()
    assert world.receive("b").json["id"] == "x"


def test_a_ready_file_without_a_socket_is_not_ready(world):
    world.declare_usual()
    runtime = world.scripted(start=False)
    runtime.write_ready()
    sidecar = world.sidecar("a", runtime, ready=False).wait_up()
    holds_for(lambda: sidecar.status("/ready") == 503, 1, "/ready to answer 503")
    runtime.start()
    sidecar.wait_ready()


def test_a_stale_socket_and_a_plain_file_are_not_ready(world):
    world.declare_usual()
    runtime = world.scripted()
    runtime.stop()  # Leaves socket and ready file, as SIGKILL does.
    sidecar = world.sidecar("a", runtime, ready=False).wait_up()
    holds_for(lambda: sidecar.status("/ready") == 503, 1, "/ready to answer 503")
    os.unlink(runtime.socket_path)
    with open(runtime.socket_path, "w", encoding="utf-8") as file:
        file.write("no socket")
    holds_for(lambda: sidecar.status("/ready") == 503, 1, "/ready to answer 503")
    runtime.start()
    sidecar.wait_ready()


def test_a_runtime_that_never_comes_ends_the_start_with_status_1(world):
    world.declare_usual()
    sidecar = world.sidecar("a", ready=False, ASYA_RUNTIME_READY_TIMEOUT="1s")
    status, seconds = ended_within(sidecar, 8)
    assert status == 1 and seconds >= 0.5
    assert sidecar.log_lines("ERROR")


def test_the_probe_of_the_start_sends_nothing(world):
    world.declare_usual()
    runtime = world.scripted()
    world.sidecar("a", runtime)
    assert runtime.requests == []


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_sidecar_exits_0_at_once(world, number):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted())
    sidecar.signal(number)
    status, seconds = ended_within(sidecar, 5)
    assert status == 0 and seconds < 3


def test_a_signal_while_waiting_for_the_runtime_exits_0(world):
    world.declare_usual()
    sidecar = world.sidecar("a", ready=False).wait_up()
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 5)
    assert status == 0 and seconds < 3


def test_a_signal_while_waiting_for_the_gateway_exits_0(world):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["health"] = 503
    sidecar = world.sidecar("a", world.scripted(), gateway, ready=False).wait_up()
    gateway.wait("health", 2)
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 5)
    assert status == 0 and seconds < 3


def test_a_signal_between_connection_attempts_ends_the_wait(world):
    proxy = world.proxy()
    proxy.refusing = True
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    eventually(lambda: proxy.accepted >= 3, 15, "three attempts")
    sidecar.terminate()
    assert ended_within(sidecar, 5)[1] < 3


def test_a_signal_while_the_own_queue_is_missing_ends_the_wait(world):
    sidecar = world.sidecar("a", world.scripted(), ready=False).wait_up()
    observe_for(1.5)
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 5)
    assert status == 0 and seconds < 3


def test_a_signal_during_a_handler_finishes_routes_and_acknowledges_it(world):
    world.declare_usual()
    gate = threading.Event()
    runtime = world.scripted(gated_echo(gate))
    sidecar = world.sidecar("a", runtime, ASYA_RABBITMQ_PREFETCH=5)
    world.send_many("a", [body("m-%d" % i) for i in range(5)])
    runtime.wait_requests(1)
    world.wait_unacknowledged("a", 5)
    sidecar.terminate()
    eventually(lambda: world.depth("a") == 4, 10, "the messages not begun to be released at once")
    gate.set()
    assert sidecar.wait_exit(8) == 0
    assert [m.json["id"] for m in world.drain("b")] == ["m-0"]
    assert world.queue_counts("a") == (4, 0)
    assert len(runtime.requests) == 1
    assert world.depth("error-end") == 0


def test_a_signal_while_the_runtime_is_gone_releases_the_message_in_hand(world):
    world.declare_usual()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    runtime.stop()
    world.send_many("a", [body("m-%d" % i) for i in range(3)])
    eventually(lambda: sidecar.status("/ready") == 503, 10, "/ready to answer 503")
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 5)
    assert status == 0 and seconds < 4.5
    world.wait_depth("a", 3)
    assert world.depth("error-end") == 0


def test_a_second_signal_during_a_handler_releases_and_exits_1(world):
    world.declare_usual()
    runtime = world.scripted(hangs_for_ever)
    sidecar = world.sidecar("a", runtime)
    world.send("a", body("x"))
    runtime.wait_requests(1)
    sidecar.terminate()
    holds_for(lambda: sidecar.is_running, 1, "the first signal to wait for the handler")
    sidecar.signal(signal.SIGINT)
    status, seconds = ended_within(sidecar, 5)
    assert status == 1 and seconds < 3
    world.wait_depth("a", 1)
    assert world.depth("error-end") == 0


def hangs_for_ever(_request):
    return hangs()


def test_after_the_shutdown_timeout_everything_is_released_and_status_is_1(world):
    world.declare_usual()
    runtime = world.scripted(hangs_for_ever)
    sidecar = world.sidecar("a", runtime, ASYA_SHUTDOWN_TIMEOUT="1s")
    world.send("a", body("x"))
    runtime.wait_requests(1)
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 6)
    assert status == 1 and 0.8 <= seconds < 5.5
    world.wait_depth("a", 1)
    assert world.depth("error-end") == 0


def test_a_broken_broker_connection_during_shutdown_ends_with_0_after_the_call(world):
    world.declare_usual()
    proxy = world.proxy()
    runtime = world.scripted(delayed_echo(2))
    sidecar = world.sidecar("a", runtime, ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    world.send("a", body("x"))
    runtime.wait_requests(1)
    sidecar.terminate()
    observe_for(0.3)
    accepted = proxy.accepted
    proxy.refusing = True
    proxy.cut()
    status, seconds = ended_within(sidecar, 8)
    assert status == 0 and seconds < 5
    assert proxy.accepted == accepted, "no reconnection during shutdown"
    world.wait_depth("a", 1)


def test_a_signal_during_reconnection_exits_at_once(world):
    world.declare_usual()
    proxy = world.proxy()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    proxy.refusing = True
    proxy.cut()
    observe_for(2)
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 5)
    assert status == 0 and seconds < 3


def test_a_signal_while_a_message_waits_in_backoff_releases_it(world):
    world.declare("a", "happy-end", "error-end")
    sidecar = world.sidecar("a", world.scripted())
    world.send("a", body("x", actors=["a", "missing"]))
    eventually(
        lambda: sidecar.metric("messages_failed_total", queue="a", reason="routing_error") >= 1, 15, "the failure"
    )
    sidecar.terminate()
    status, seconds = ended_within(sidecar, 6)
    assert status == 0 and seconds < 5
    world.wait_depth("a", 1)


# Time-outs


def test_a_timeout_reports_the_error_acknowledges_and_exits_1(world):
    world.declare_usual()
    runtime = world.scripted(hangs_for_ever)
    sidecar = world.sidecar("a", runtime, ASYA_RUNTIME_TIMEOUT="1s", ASYA_RABBITMQ_PREFETCH=4)
    world.send_many("a", [body("m-%d" % i, payload={"k": i}) for i in range(4)])
    started = time.monotonic()
    assert sidecar.wait_exit(10) == 1
    assert time.monotonic() - started < 5
    errors = world.drain("error-end")
    assert len(errors) == 1
    assert errors[0].json["id"] == "m-0"
    assert errors[0].json["payload"] == {
        "error": "Runtime timeout exceeded after 1s",
        "original_payload": {"k": 0},
        "failed_actor": "a",
    }
    world.wait_depth("a", 3)
    assert any("Runtime timeout exceeded - crashing pod to recover" in line for line in sidecar.log_lines("ERROR"))
    assert sorted(m.json["id"] for m in world.drain("a")) == ["m-1", "m-2", "m-3"]


@pytest.mark.parametrize("written, shown", [("1500ms", "1.5s"), ("0.9s", "900ms"), ("2000000us", "2s")])
def test_the_duration_in_the_timeout_text_is_normalised(world, written, shown):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(hangs_for_ever), ASYA_RUNTIME_TIMEOUT=written)
    world.send("a", body("x"))
    assert sidecar.wait_exit(10) == 1
    assert world.receive("error-end").json["payload"]["error"] == "Runtime timeout exceeded after " + shown


def test_a_runtime_that_sends_half_a_reply_and_stalls_times_out(world):
    from harness.scripted_runtime import always, wire

    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(always(wire(b"\0\0\0\x20[{", close=False))), ASYA_RUNTIME_TIMEOUT="1s")
    world.send("a", body("x"))
    assert sidecar.wait_exit(10) == 1
    assert world.receive("error-end").json["payload"]["error"].startswith("Runtime timeout exceeded")


def test_a_timeout_whose_error_envelope_cannot_be_published_keeps_the_message(world):
    world.declare("a", "b")
    sidecar = world.sidecar("a", world.scripted(hangs_for_ever), ASYA_RUNTIME_TIMEOUT="1s")
    world.send("a", body("x"))
    assert sidecar.wait_exit(20) == 1
    world.wait_depth("a", 1)


def test_an_end_actor_that_times_out_exits_1_and_keeps_the_message(world):
    world.declare("happy-end")
    gateway = world.gateway()
    sidecar = world.end_sidecar("happy-end", world.scripted(hangs_for_ever), gateway, ASYA_RUNTIME_TIMEOUT="1s")
    world.send("happy-end", body("x", actors=["a"], current=1))
    assert sidecar.wait_exit(10) == 1
    world.wait_depth("happy-end", 1)
    report = gateway.wait("final", 1)[0].json
    assert {k: report[k] for k in ("id", "status", "error")} == {
        "id": "x",
        "status": "failed",
        "error": "Runtime timeout exceeded",
    }
    assert set(report) == {"id", "status", "error", "timestamp"}


def test_the_timeout_does_not_count_the_time_in_the_local_window(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(delayed_echo(0.5)), ASYA_RUNTIME_TIMEOUT="1s", ASYA_RABBITMQ_PREFETCH=8)
    world.send_many("a", [body("m-%d" % i) for i in range(6)])
    world.receive_many("b", 6)
    assert sidecar.is_running
    assert world.depth("error-end") == 0


# kill -9


@pytest.mark.parametrize("phase", ["idle", "in the handler", "waiting for the runtime", "in back-off", "under load"])
def test_kill_9_loses_nothing(world, phase):
    world.declare("a", "happy-end", "error-end", *([] if phase == "in back-off" else ["b"]))
    runtime = world.scripted(in_turn(delayed_echo(2), echo) if phase == "in the handler" else echo)
    sidecar = world.sidecar("a", runtime)
    count = 2000 if phase == "under load" else 3
    ids = ["m-%d" % i for i in range(count)]
    if phase == "waiting for the runtime":
        runtime.stop()
    if phase != "idle":
        world.send_many("a", [body(i) for i in ids])
    if phase in ("in the handler", "in back-off"):
        runtime.wait_requests(1)
    elif phase == "under load":
        runtime.wait_requests(100)
    else:
        observe_for(0.5)
    sidecar.kill()
    if phase == "idle":
        world.send_many("a", [body(i) for i in ids])
    if phase == "waiting for the runtime":
        runtime.start()
    if phase == "in back-off":
        world.declare("b")
    sidecar.start().wait_ready()
    world.wait_settled("a", timeout=30)
    arrived = [m.json["id"] for m in world.drain("b")]
    assert set(arrived) == set(ids)
    assert len(arrived) - count <= 32, "duplicates are bounded by what was in flight"
    assert world.depth("error-end") == 0

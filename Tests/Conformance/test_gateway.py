"""Progress, child registration, final reports and a gateway that misbehaves; sidecar.md 9, envelope.md 10."""

import re
import time

import pytest
from harness.envelopes import body, reply_element
from harness.scripted_runtime import always, closes, delayed_echo, end_reply, error, reply
from harness.waiting import eventually, holds_for, observe_for

pytestmark = [pytest.mark.concurrent]


def test_three_reports_with_exact_bodies_and_the_inputs_index(world):
    world.declare_usual()
    gateway = world.gateway()
    runtime = world.scripted(lambda _: reply([reply_element(["a", "b", "new"], 1, 1)], delay=0.05))
    world.sidecar("a", runtime, gateway)
    text = body("abc", payload={"text": "x" * 100})
    world.send("a", text)
    reports = gateway.wait("progress", 3)
    assert [r.path for r in reports] == ["/envelopes/abc/progress"] * 3
    assert all(r.method == "POST" and r.headers["Content-Type"] == "application/json" for r in reports)
    received, processing, completed = [r.json for r in reports]
    kib = len(text) / 1024
    assert received.pop("message_size_kb") == pytest.approx(kib, abs=1e-3)
    assert received == {
        "actors": ["a", "b"],
        "current_actor_idx": 0,
        "status": "received",
        "message": "Received message (%.2f KB)" % kib,
    }
    assert processing == {
        "actors": ["a", "b"],
        "current_actor_idx": 0,
        "status": "processing",
        "message": "Processing in a",
    }
    duration = completed.pop("duration_ms")
    assert isinstance(duration, int) and 50 <= duration < 10_000
    assert re.match(r"^Completed processing in \d+ms$", completed.pop("message"))
    assert completed == {"actors": ["a", "b", "new"], "current_actor_idx": 0, "status": "completed"}


def test_the_second_actor_reports_its_own_index(world):
    world.declare_usual()
    gateway = world.gateway()
    world.sidecar("b", world.scripted(), gateway)
    world.send("b", body("x", current=1))
    assert [r.json["current_actor_idx"] for r in gateway.wait("progress", 3)] == [1, 1, 1]


def statuses(gateway, envelope_id):
    return [r.json["status"] for r in gateway.of_kind("progress", envelope_id)]


@pytest.mark.parametrize("case", ["misrouted", "error element", "broken connection", "not parseable", "no id", "empty"])
def test_reports_end_where_the_work_ended(world, case):
    world.declare_usual()
    gateway = world.gateway()
    script = {"error element": error("e"), "broken connection": closes(), "empty": reply([])}.get(case)
    world.sidecar("a", world.scripted(always(script) if script else None), gateway)
    text = {
        "misrouted": body("x", actors=["b"]),
        "not parseable": b"{",
        "no id": b'{"route":{"actors":["a"]},"payload":1}',
    }.get(case, body("x"))
    world.send("a", text)
    world.wait_settled("a")
    expected = {"misrouted": ["received"], "not parseable": [], "no id": []}.get(case, ["received", "processing"])
    eventually(lambda: len(gateway.of_kind("progress")) >= len(expected), 15, "the reports")
    observe_for(0.3)
    if case == "empty":
        assert statuses(gateway, "x")[:2] == expected
    else:
        assert [r.json["status"] for r in gateway.of_kind("progress")] == expected


def test_a_fan_out_registers_its_children_before_it_publishes_them_and_completes_once(world):
    world.declare_usual()
    gateway = world.gateway()
    published_at_registration = []
    observer = world.new_client()

    def on_child(_report):
        published_at_registration.append(observer.depth("asya-b"))
        return 201

    gateway.answers["child"] = on_child
    elements = [reply_element(["a", "b"], 1, i) for i in range(2)] + [reply_element(["a", "c", "b"], 2, 2)]
    world.sidecar("a", world.scripted(always(reply(elements))), gateway)
    world.send("a", body("x"))
    assert len(world.receive_many("b", 3)) == 3
    children = gateway.wait("child", 2)
    assert sorted((c.json for c in children), key=lambda c: c["id"]) == [
        {"id": "x-1", "parent_id": "x", "actors": ["a", "b"], "current": 1},
        {"id": "x-2", "parent_id": "x", "actors": ["a", "c", "b"], "current": 2},
    ]
    assert all(c.path == "/envelopes" and c.method == "POST" for c in children)
    assert all(depth <= 2 for depth in published_at_registration)
    gateway.wait("progress", 3)
    assert statuses(gateway, "x") == ["received", "processing", "completed"]
    assert world.depth("b") == 0, "exactly three messages arrive"


@pytest.mark.parametrize("answer", [500, 404, "close", "hang"])
def test_a_failed_registration_publishes_the_child_anyway(world, answer):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["child"] = answer
    world.sidecar("a", world.scripted(always(reply([reply_element(payload=i) for i in range(3)]))), gateway)
    started = time.monotonic()
    world.send("a", body("x"))
    assert [m.json["id"] for m in world.receive_many("b", 3)] == ["x", "x-1", "x-2"]
    assert time.monotonic() - started < 8, "the whole registration is limited to 5 s"
    assert len(gateway.of_kind("child")) == 2, "one attempt each"
    world.wait_settled("a")


def test_a_trailing_slash_and_a_path_in_the_url_are_handled(world):
    world.declare_usual()
    gateway = world.gateway(prefix="/base")
    world.sidecar("a", world.scripted(), gateway, ASYA_GATEWAY_URL=gateway.url + "/")
    world.send("a", body("x"))
    assert {r.path for r in gateway.wait("progress", 3)} == {"/base/envelopes/x/progress"}
    assert gateway.of_kind("health")[0].path == "/base/health"


def test_ids_are_percent_encoded_in_paths(world):
    from urllib.parse import unquote

    world.declare_usual()
    gateway = world.gateway()
    world.sidecar("a", world.scripted(), gateway)
    odd = "a b/c?d#e%20é\r\nX: y"
    world.send("a", body(odd))
    for report in gateway.wait("progress", 3):
        middle = report.path[len("/envelopes/") : -len("/progress")]
        assert "/" not in middle and "?" not in middle and unquote(middle) == odd
        assert "X" not in report.headers


def test_the_start_waits_for_a_healthy_gateway(world):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["health"] = 503
    sidecar = world.sidecar("a", world.scripted(), gateway, ready=False).wait_up()
    world.send("a", body("x"))
    gateway.wait("health", 2)
    assert sidecar.status("/ready") == 503
    assert world.depth("a") == 1
    gateway.answers["health"] = 200
    sidecar.wait_ready(8)
    assert world.receive("b").json["id"] == "x"
    health = gateway.of_kind("health")
    assert 0.3 <= health[1].at - health[0].at <= 5 and health[0].method == "GET"


def test_a_gateway_that_stays_away_ends_the_start_with_status_1(world):
    gateway = world.gateway()
    gateway.stop()
    sidecar = world.sidecar("a", world.scripted(), gateway, ready=False, ASYA_GATEWAY_READY_TIMEOUT="2s")
    started = time.monotonic()
    assert sidecar.wait_exit(12) == 1
    assert time.monotonic() - started >= 1.5
    assert sidecar.log_lines("ERROR")


def test_progress_is_tried_five_times_and_then_given_up(world):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["progress"] = 500
    sidecar = world.sidecar("a", world.scripted(), gateway)
    world.send("a", body("x"))
    assert world.receive("b").json["id"] == "x"
    gateway.wait("progress", 15, timeout=20)
    observe_for(1)
    attempts = gateway.of_kind("progress")
    assert len(attempts) == 15
    assert [r.json["status"] for r in attempts] == ["received"] * 5 + ["processing"] * 5 + ["completed"] * 5
    gaps = [b.at - a.at for a, b in zip(attempts[:5], attempts[1:5])]
    assert all(0.15 <= gap <= 4 for gap in gaps), gaps
    assert sidecar.log_lines("WARN")
    eventually(
        lambda: sidecar.metrics().total("asya_actor_gateway_reports_total") >= 3, 10, "the last answer to be counted"
    )


def test_only_200_is_success_for_progress(world):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["progress"] = 204
    world.sidecar("a", world.scripted(), gateway)
    world.send("a", body("x"))
    gateway.wait("progress", 6, timeout=10)
    assert [r.json["status"] for r in gateway.of_kind("progress")][:5] == ["received"] * 5


def test_reports_of_each_envelope_stay_in_order_over_at_most_four_connections(world):
    world.declare_usual()
    gateway = world.gateway()
    world.sidecar("a", world.scripted(delayed_echo(0.002)), gateway)
    ids = ["m-%d" % i for i in range(150)]
    world.send_many("a", [body(i) for i in ids])
    world.receive_many("b", 150)
    gateway.wait("progress", 450, timeout=15)
    for envelope_id in ids:
        assert statuses(gateway, envelope_id) == ["received", "processing", "completed"]
    assert len({r.connection for r in gateway.of_kind("progress")}) <= 4, "connections are kept"


def test_the_final_hop_waits_for_its_reports_so_that_the_terminal_status_is_last(world):
    world.declare_usual()
    gateway = world.gateway()
    arrived = []
    observer = world.new_client()

    def slowly(_report):
        arrived.append(observer.depth("asya-happy-end"))
        time.sleep(0.2)
        return 200

    gateway.answers["progress"] = slowly
    world.sidecar("a", world.scripted(), gateway)
    world.send("a", body("x", actors=["a"]))
    world.receive("happy-end")
    gateway.wait("progress", 3)
    assert arrived == [0, 0, 0], "every report was attempted before the publication"


@pytest.mark.parametrize("queue", ["happy-end", "error-end"])
def test_a_hanging_gateway_delays_the_final_publication_by_one_second_at_most(world, queue):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["progress"] = "hang"
    world.sidecar("a", world.scripted(always(error("e")) if queue == "error-end" else None), gateway)
    started = time.monotonic()
    world.send("a", body("x", actors=["a"]))
    world.receive(queue)
    assert time.monotonic() - started < 4.5, "not the 5 s of a request"


@pytest.mark.parametrize("answer", [500, "hang", "close"])
def test_a_backlog_of_reports_is_bounded_and_dropped_reports_are_counted(world, answer):
    world.declare_usual()
    gateway = world.gateway()
    gateway.answers["progress"] = answer
    sidecar = world.sidecar("a", world.scripted(), gateway)
    before = sidecar.memory_kib()
    world.send_many("a", [body("m-%d" % i) for i in range(2000)])
    world.receive_many("b", 2000, timeout=40)
    assert sidecar.metrics().total("asya_actor_gateway_reports_dropped_total") >= 500
    assert sidecar.memory_kib() - before < 8 * 1024


# Final status


def test_a_final_report_survives_a_gateway_outage(world):
    world.declare("happy-end")
    gateway = world.gateway()
    runtime = world.scripted(end_reply)
    world.end_sidecar("happy-end", runtime, gateway)
    gateway.stop()
    world.send("happy-end", body("x", payload={"v": 1}))
    observe_for(10)
    assert sum(world.queue_counts("happy-end")) == 1, "not acknowledged before it was reported"
    gateway.start()
    assert gateway.wait("final", 1, timeout=15)[0].json["status"] == "succeeded"
    world.wait_settled("happy-end")
    assert len(runtime.requests) == 1, "the report is retried, not the handler"


@pytest.mark.parametrize("status", [429, 502, 503, 504, "close"])
def test_a_final_report_is_retried_while_the_gateway_is_unavailable(world, status):
    world.declare("happy-end")
    gateway = world.gateway()
    gateway.answers["final"] = status
    world.end_sidecar("happy-end", world.scripted(end_reply), gateway)
    world.send("happy-end", body("x"))
    gateway.wait("final", 3)
    assert sum(world.queue_counts("happy-end")) == 1
    gateway.answers["final"] = 202
    world.wait_settled("happy-end")


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_rejected_final_report_is_tried_three_times_then_acknowledged(world, status):
    world.declare("happy-end")
    gateway = world.gateway()
    gateway.answers["final"] = status
    sidecar = world.end_sidecar("happy-end", world.scripted(end_reply), gateway)
    world.send("happy-end", body("unknown"))
    world.wait_settled("happy-end")
    holds_for(lambda: len(gateway.of_kind("final")) == 3, 1, "three attempts")
    assert any("unknown" in line for line in sidecar.log_lines("ERROR"))
    assert sidecar.metric("gateway_reports_total", kind="final", result="rejected") == 1


@pytest.mark.slow
def test_after_30_seconds_without_gateway_the_message_is_given_back(world):
    world.declare("happy-end")
    gateway = world.gateway()
    runtime = world.scripted(end_reply)
    sidecar = world.end_sidecar("happy-end", runtime, gateway)
    gateway.stop()
    world.send("happy-end", body("x"))
    runtime.wait_requests(2, timeout=45)
    between = runtime.requests[1].started - runtime.requests[0].started
    assert 20 <= between <= 42, "attempts for up to 30 s, then the back-off of the first delivery"
    assert sidecar.metrics().total("asya_actor_nacks_total") >= 1
    gateway.start()
    gateway.wait("final", 1, timeout=15)
    world.wait_settled("happy-end")

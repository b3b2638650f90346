"""End-actor mode; envelope.md 8.1 and 9, sidecar.md 4.3 and 14.8."""

import pytest
from harness.envelopes import body
from harness.scripted_runtime import always, end_reply, error, reply
from harness.waiting import holds_for

pytestmark = [pytest.mark.concurrent]


def end_world(world, actor="happy-end", script=end_reply, gateway=None, **environment):
    """A world with one end actor and a tap on everything published; returns (runtime, sidecar)."""
    world.declare("a", "happy-end", "error-end").tap()
    runtime = world.scripted(script)
    return runtime, world.end_sidecar(actor, runtime, gateway, **environment)


ROUTES = [
    {"actors": ["a", "b"], "current": 2},
    {"actors": ["a"], "current": 0},
    {"actors": [], "current": 0},
    {"actors": ["x"], "current": 99},
    {"actors": ["x"], "current": -1},
    {},
]


def test_any_route_is_accepted_the_bytes_are_handed_on_and_nothing_is_published(world):
    runtime, sidecar = end_world(world)
    import json

    bodies = [
        json.dumps({"id": "e-%d" % i, "route": route, "payload": {"i": i}}).encode() for i, route in enumerate(ROUTES)
    ] + [b'{"id":"no-route","payload":1}']
    world.send_many("happy-end", bodies)
    world.wait_settled("happy-end")
    assert runtime.bodies == bodies
    assert world.client.depth("tap") == 0
    assert sidecar.metric("messages_processed_total", queue="happy-end", status="end_consumed") == len(bodies)
    assert sidecar.metrics().total("asya_actor_messages_failed_total") == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"[{}]",
        b"[]",
        b"null",
        b'[{"payload":1,"route":{"actors":["a"],"current":0}}]',
        b'[{"payload":1},{"payload":2}]',
    ],
)
def test_whatever_the_runtime_replies_is_not_routed(world, answer):
    _, sidecar = end_world(world, script=always(reply(answer)))
    world.send("happy-end", body("x"))
    world.wait_settled("happy-end")
    assert world.client.depth("tap") == 0
    assert world.depth("a") == 0
    assert sidecar.metric("messages_processed_total", queue="happy-end", status="end_consumed") == 1


@pytest.mark.parametrize("text", [b'{"route":{},"payload":1}', b'{"id":"","route":{},"payload":1}', b"null"])
def test_an_envelope_without_id_goes_to_the_runtime_once_and_feeds_nothing(world, text):
    gateway = world.gateway()
    runtime, sidecar = end_world(world, "error-end", gateway=gateway)
    world.send("error-end", text)
    world.wait_settled("error-end")
    holds_for(lambda: len(runtime.requests) == 1, 1, "exactly one runtime call")
    assert runtime.bodies == [text]
    assert world.client.depth("tap") == 0
    assert gateway.of_kind("final") == []
    assert sidecar.metrics().total("asya_actor_messages_sent_total") == 0


def test_error_end_obeys_the_rule_even_without_end_actor_mode(world):
    world.declare("happy-end", "error-end").tap()
    sidecar = world.sidecar("error-end", world.scripted(end_reply))
    for text in (b'{"route":{},"payload":1}', b"{broken", body("x", actors=["b"]), body("y", actors=["error-end"])):
        world.send("error-end", text)
    holds_for(lambda: world.client.depth("tap") == 0 and world.depth("error-end") in (0, 1, 2, 3, 4), 3, "silence")
    assert sidecar.is_running
    assert sidecar.metrics().total("asya_actor_messages_sent_total") == 0


def test_no_progress_is_reported(world):
    gateway = world.gateway()
    end_world(world, gateway=gateway)
    world.send("happy-end", body("x", actors=["a"], current=1, payload={"v": 1}))
    gateway.wait("final", 1)
    assert gateway.of_kind("progress") == []


# Final status

RESULTS = {
    "envelope's payload": (b"[{}]", {"v": 1}),
    "empty list": (b"[]", {"v": 1}),
    "reply's payload": (b'[{"payload":{"w":12345678901234567890}}]', {"w": 12345678901234567890}),
    "null payload is no result": (b'[{"payload":null}]', None),
    "first element": (b'[{"payload":1},{"payload":2}]', 1),
}


@pytest.mark.parametrize("name", RESULTS)
def test_success_is_reported_with_the_right_result(world, name):
    answer, result = RESULTS[name]
    gateway = world.gateway()
    end_world(world, script=always(reply(answer)), gateway=gateway)
    world.send("happy-end", body("x", actors=["a"], current=1, payload={"v": 1}))
    report = gateway.wait("final", 1)[0]
    assert report.path == "/envelopes/x/final" and report.method == "POST"
    assert report.headers["Content-Type"] == "application/json"
    value = report.json
    expected = {"id": "x", "status": "succeeded", "progress": 1.0}
    if result is not None:
        expected["result"] = result
    timestamp = value.pop("timestamp")
    assert value == expected
    assert_rfc3339(timestamp)


def assert_rfc3339(text):
    import re

    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$", text), text


def test_the_result_keeps_its_bytes(world):
    gateway = world.gateway()
    end_world(world, gateway=gateway)
    payload = b'{"n":12345678901234567890,"a<b":1.10}'
    world.send("happy-end", b'{"id":"x","route":{"actors":["a"],"current":1},"payload":' + payload + b"}")
    assert b'"result":' + payload in gateway.wait("final", 1)[0].body


FAILURES = {
    "all of it": (
        {"error": "processing_error", "details": {"type": "ValueError"}, "original_payload": 1},
        {"actors": ["a", "b"], "current": 1},
        {
            "error": "processing_error",
            "error_details": {"type": "ValueError"},
            "actors": ["a", "b"],
            "current_actor_idx": 1,
            "current_actor_name": "b",
        },
    ),
    "no details": (
        {"error": "Route mismatch: x"},
        {"actors": ["a"], "current": 0},
        {"error": "Route mismatch: x", "actors": ["a"], "current_actor_idx": 0, "current_actor_name": "a"},
    ),
    "error is no string": ({"error": 5}, {"actors": ["a"], "current": 4}, {"actors": ["a"], "current_actor_idx": 4}),
    "payload is no object": ("text", {"actors": [], "current": 0}, {}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_reported_with_what_the_error_envelope_says(world, name):
    payload, route, expected = FAILURES[name]
    gateway = world.gateway()
    end_world(world, "error-end", script=always(reply(b'[{"payload":"unused"}]')), gateway=gateway)
    world.send("error-end", body("x", route=route, payload=payload))
    value = gateway.wait("final", 1)[0].json
    assert_rfc3339(value.pop("timestamp"))
    assert value == dict(expected, id="x", status="failed")


def test_another_end_actor_name_reports_nothing_and_warns(world):
    gateway = world.gateway()
    world.declare("archive")
    sidecar = world.end_sidecar("archive", world.scripted(end_reply), gateway)
    world.send("archive", body("x"))
    world.wait_settled("archive")
    holds_for(lambda: gateway.of_kind("final") == [], 0.5, "no final report")
    assert sidecar.log_lines("WARN")


def test_configured_end_actor_names_decide_the_status(world):
    gateway = world.gateway()
    world.declare("fin")
    world.end_sidecar("fin", world.scripted(end_reply), gateway, ASYA_ACTOR_HAPPY_END="fin")
    world.send("fin", body("x"))
    assert gateway.wait("final", 1)[0].json["status"] == "succeeded"


def test_a_runtime_error_is_not_reported_as_success(world):
    gateway = world.gateway()
    runtime, _ = end_world(world, script=always(error("processing_error")), gateway=gateway)
    world.send("happy-end", body("x"))
    runtime.wait_requests(2, 10)
    assert gateway.of_kind("final") == []
    assert sum(world.queue_counts("happy-end")) == 1


def test_the_real_python_runtime_in_envelope_mode_serves_an_end_actor(world):
    gateway = world.gateway()
    world.declare("happy-end")
    runtime = world.python("conformance_handlers.end", "envelope", ASYA_ENABLE_VALIDATION="false")
    world.end_sidecar("happy-end", runtime, gateway)
    world.send("happy-end", body("x", actors=["a"], current=1, payload={"v": 2}))
    assert gateway.wait("final", 1)[0].json["result"] == {"v": 2}
    world.wait_settled("happy-end")

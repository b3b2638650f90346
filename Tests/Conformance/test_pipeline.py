"""Whole pipelines with the real Python runtime: what envelope.md 13 promises from end to end."""

import pytest
from harness.envelopes import body, encode

pytestmark = [pytest.mark.concurrent]


def actor(world, name, handler, mode="payload", gateway=None, **environment):
    """One actor: the real runtime and a sidecar."""
    runtime = world.python("conformance_handlers." + handler, mode, **environment)
    return world.sidecar(name, runtime, gateway)


def test_headers_unknown_fields_and_numbers_survive_two_hops(world):
    world.declare_usual()
    actor(world, "a", "echo")
    actor(world, "b", "echo")
    headers = b'{"trace_id":"t-1","n":12345678901234567890}'
    world.send(
        "a",
        b'{"id":"x","route":{"actors":["a","b"],"current":0,"metadata":{"m":1}},"headers":'
        + headers
        + b',"payload":{"big":12345678901234567890},"x":{"y":1.50}}',
    )
    arrived = world.receive("happy-end")
    assert arrived.json["headers"] == {"trace_id": "t-1", "n": 12345678901234567890}
    assert arrived.json["route"] == {"actors": ["a", "b"], "current": 2, "metadata": {"m": 1}}
    assert b'"x":{"y":1.50}' in arrived.body
    assert b"12345678901234567890" in encode(arrived.json["payload"])


def test_children_of_a_real_fan_out_keep_their_parent_through_the_next_actor(world):
    world.declare_usual()
    gateway = world.gateway()
    actor(world, "a", "split", gateway=gateway)
    actor(world, "b", "echo", gateway=gateway)
    world.send("a", body("x", payload={"parts": [1, 2, 3]}, headers={"h": 1}))
    messages = sorted((m.json for m in world.receive_many("happy-end", 3)), key=lambda m: m["id"])
    assert [(m["id"], m.get("parent_id"), m["payload"], m["headers"]) for m in messages] == [
        ("x", None, 1, {"h": 1}),
        ("x-1", "x", 2, {"h": 1}),
        ("x-2", "x", 3, {"h": 1}),
    ]
    assert {c.json["id"] for c in gateway.wait("child", 2)} == {"x-1", "x-2"}
    world.wait_settled("b")
    assert world.depth("happy-end") == 0, "exactly three"


def test_an_exception_becomes_an_error_envelope_with_a_traceback(world):
    world.declare_usual()
    actor(world, "a", "fail")
    world.send("a", b'{"id":"x","route":{"actors":["a"],"current":0},"payload":{"text":"T","n":1.10}}')
    message = world.receive("error-end")
    payload = message.json["payload"]
    assert payload["error"] == "processing_error"
    assert payload["details"]["type"] == "ValueError" and payload["details"]["message"] == "bad input: T"
    assert "conformance_handlers.py" in payload["details"]["traceback"]
    assert b'"original_payload":{"text":"T","n":1.10}' in message.body


def test_a_handler_that_returns_none_ends_the_pipeline_with_the_input(world):
    world.declare_usual()
    actor(world, "a", "nothing")
    text = body("x", payload={"k": 1}, z=1)
    world.send("a", text)
    assert world.receive("happy-end").body == text


def test_an_envelope_handler_can_insert_an_actor(world):
    world.declare_usual("a", "b", "refiner")
    actor(world, "a", "insert_refiner", "envelope")
    actor(world, "refiner", "echo")
    world.send("a", body("x", payload=1))
    assert world.receive("b").json["route"] == {"actors": ["a", "refiner", "b"], "current": 2}


def test_a_missing_payload_passes_the_sidecar_and_is_refused_by_the_runtime(world):
    world.declare_usual()
    actor(world, "a", "echo")
    world.send("a", b'{"id":"x","route":{"actors":["a"],"current":0}}')
    failed = world.receive("error-end").json
    assert failed["payload"]["error"] == "msg_parsing_error"
    assert "Missing required field 'payload'" in failed["payload"]["details"]["message"]
    assert "original_payload" not in failed["payload"]


def test_end_to_end_with_both_end_actors_and_a_gateway(world):
    world.declare_usual()
    gateway = world.gateway()
    actor(world, "a", "echo", gateway=gateway)
    actor(world, "b", "fail", gateway=gateway)
    for name in ("happy-end", "error-end"):
        runtime = world.python("conformance_handlers.end", "envelope", ASYA_ENABLE_VALIDATION="false")
        world.end_sidecar(name, runtime, gateway)
    world.send("a", body("good", actors=["a"], payload={"v": 1}))
    world.send("a", body("bad", actors=["a", "b"], payload={"text": "t"}))
    finals = {r.json["id"]: r.json for r in gateway.wait("final", 2)}
    assert finals["good"]["status"] == "succeeded" and finals["good"]["result"] == {"v": 1}
    assert finals["bad"]["status"] == "failed" and finals["bad"]["current_actor_name"] == "b"
    assert finals["bad"]["error_details"]["type"] == "ValueError"
    for name in ("a", "b", "happy-end", "error-end"):
        world.wait_settled(name)
    order = [(r.kind, r.json.get("status")) for r in gateway.reports if "/good/" in r.path]
    assert order[-1] == ("final", "succeeded"), "no report overtakes the terminal status"

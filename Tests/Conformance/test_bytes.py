"""The bytes of payload, headers, metadata and unknown fields survive a hop; envelope.md 2.2 to 2.4 and 13."""

import json

import pytest
from harness.envelopes import body
from harness.scripted_runtime import always, error, reply

ROUTE = b'"route":{"actors":["a","b"],"current":0}'

SACRED = {
    "large integer": b"12345678901234567890",
    "key order and escapes": b'{"n":12345678901234567890,"a<b":1.10}',
    "number spellings": b"[1.0,1.10,1e5,1E+5,-0,-0.0,0.1e-7,1e400,0.30000000000000004]",
    "markup": b'"<script>&amp;</script>\xe2\x80\xa8"',
    "escapes": b'"\\u003c\\/\\b\\f\\n\\r\\t\\"\\\\ \\ud83d\\ude00 \\u00e9"',
    "a lone surrogate": b'"\\ud800"',
    "raw unicode": '"日本語 🎉 é"'.encode(),
    "duplicate keys": b'{"k":1,"k":2,"k":1}',
    "empty key": b'{"":{"":[{}]}}',
    "NUL escape": b'"a\\u0000b"',
    "delete character": b'"\x7f"',
    "null": b"null",
    "false": b"false",
    "empty string": b'""',
    "deep": b"[" * 100 + b"]" * 100,
    "string that looks like structure": b'"],\\"payload\\":{[}"',
}


@pytest.mark.parametrize("name", SACRED)
def test_a_payload_reaches_the_next_actor_byte_for_byte(cell, name):
    payload = SACRED[name]
    cell.runtime.script = always(reply(b'[{"payload":' + payload + b',"route":{"actors":["a","b"],"current":1}}]'))
    cell.send(b'{"id":"x",' + ROUTE + b',"payload":0}')
    assert b'"payload":' + payload + b"}" in cell.only("b").body


@pytest.mark.parametrize("name", SACRED)
def test_an_original_payload_is_in_the_error_envelope_byte_for_byte(cell, name):
    payload = SACRED[name]
    cell.runtime.script = always(error("processing_error"))
    cell.send(b'{"id":"x",' + ROUTE + b',"payload":' + payload + b"}")
    assert b'"original_payload":' + payload in cell.only("error-end").body


@pytest.mark.parametrize("name", SACRED)
def test_headers_metadata_and_unknown_fields_survive_byte_for_byte(cell, name):
    value = SACRED[name]
    cell.runtime.script = always(reply(b'[{"payload":1,"route":{"actors":["a","b"],"current":1}}]'))
    cell.send(
        b'{"zeta":' + value + b',"id":"x","headers":{"h":' + value + b'},"route":{"actors":["a","b"],"current":0,'
        b'"metadata":{"m":' + value + b'},"extra":' + value + b'},"payload":0,"alpha":' + value + b"}"
    )
    arrived = cell.only("b").body
    for text in (b'"headers":{"h":%s}', b'"metadata":{"m":%s}', b'"extra":%s', b'"zeta":%s', b'"alpha":%s'):
        assert text % value in arrived


def test_output_is_compact_and_in_the_documented_order(cell):
    cell.runtime.script = always(reply(b'[{"payload":{"p":1},"route":{"actors":["a","b"],"current":1}}]'))
    cell.send(
        b'{ "x": 1, "payload": 0, "headers": {"h": 1}, "parent_id": "p", "route": {"note": 2, "metadata": {"m": 3}, '
        b'"current": 0, "actors": ["a", "b"]}, "id": "i", "deadline": "2031-01-01T00:00:00Z" }'
    )
    arrived = cell.only("b").body
    assert arrived == (
        b'{"id":"i","parent_id":"p","route":{"actors":["a","b"],"current":1,"metadata":{"m":3},"note":2},'
        b'"headers":{"h":1},"payload":{"p":1},"x":1,"deadline":"2031-01-01T00:00:00Z"}'
    ) or json.loads(arrived) == {
        # White space inside copied values may stay; order may not change.
        "id": "i",
        "parent_id": "p",
        "route": {"actors": ["a", "b"], "current": 1, "metadata": {"m": 3}, "note": 2},
        "headers": {"h": 1},
        "payload": {"p": 1},
        "x": 1,
        "deadline": "2031-01-01T00:00:00Z",
    }
    assert list(json.loads(arrived)) == ["id", "parent_id", "route", "headers", "payload", "x", "deadline"]
    assert list(json.loads(arrived)["route"]) == ["actors", "current", "metadata", "note"]


def test_a_minimal_envelope_gets_no_extra_members(cell):
    cell.send(body("x", payload=1))
    assert cell.only("b").body == b'{"id":"x","route":{"actors":["a","b"],"current":1},"payload":1}'


def test_ids_with_any_characters_are_kept(cell):
    for text in ('"é日本🎉"', '"a b/c?d#e%20"', '"quote\\"back\\\\slash"', '"\\u0001\\n"', '"' + "x" * 300 + '"'):
        cell.reset()
        cell.send(b'{"id":' + text.encode() + b"," + ROUTE + b',"payload":1}')
        assert cell.only("b").json["id"] == json.loads(text), text


def test_actor_names_with_odd_characters_are_routed_by_name(cell):
    for name in ("döner", "with space", "a.b.c", "star*", "hash#", "slash/es", "x" * 200, "日本"):
        cell.reset()
        queue = "asya-" + name
        cell.world.client.declare_queue(queue, [name])
        cell.send(body("odd", actors=["a", name], payload=1))
        arrived = cell.world.client.get(queue)
        assert arrived.json["route"] == {"actors": ["a", name], "current": 1}
        cell.world.client.delete_queue(queue)


def test_an_actor_name_with_characters_json_must_escape_is_routed_by_its_text(cell):
    """No line breaks and no NUL: RabbitMQ strips the former from queue names and never answers the latter."""
    for name in ("quote\"'", "tab\tname", "back\\slash", "bell\u0007"):
        cell.reset()
        queue = "asya-" + name
        cell.world.client.declare_queue(queue, [name])
        cell.send(body("ctl", actors=["a", name], payload=1))
        assert cell.world.client.get(queue).json["route"]["actors"][1] == name
        cell.world.client.delete_queue(queue)


def test_response_headers_replace_the_inputs(cell):
    element = {"payload": 1, "route": {"actors": ["a", "b"], "current": 1}, "headers": {"new": 1}}
    cell.runtime.script = always(reply([element]))
    cell.send(body("x", headers={"old": 1}))
    assert cell.only("b").json["headers"] == {"new": 1}


def test_input_headers_survive_when_the_response_has_none(cell):
    cell.runtime.script = always(reply([{"payload": 1, "route": {"actors": ["a", "b"], "current": 1}}]))
    cell.send(body("x", headers={"trace_id": "t"}))
    assert cell.only("b").json["headers"] == {"trace_id": "t"}


def test_id_parent_and_unknown_fields_of_a_response_never_override(cell):
    element = {
        "payload": 1,
        "route": {"actors": ["a", "b"], "current": 1},
        "id": "evil",
        "parent_id": "evil",
        "x": "evil",
    }
    cell.runtime.script = always(reply([element]))
    cell.send(body("x", x="mine", y=[1]))
    assert cell.only("b").json == {
        "id": "x",
        "route": {"actors": ["a", "b"], "current": 1},
        "payload": 1,
        "x": "mine",
        "y": [1],
    }


def test_route_members_the_response_lacks_come_from_the_input_and_others_from_the_response(cell):
    route = {"actors": ["a", "b"], "current": 1, "metadata": {"m": 2}, "own": 1}
    cell.runtime.script = always(reply([{"payload": 1, "route": route}]))
    text = b'{"id":"x","route":{"actors":["a","b"],"current":0,"metadata":{"m":1},"kept":3},"payload":0}'
    cell.send(text)
    assert cell.only("b").json["route"] == dict(route, kept=3)


def test_every_child_of_a_fan_out_carries_headers_and_unknown_fields(cell):
    element = {"payload": 1, "route": {"actors": ["a", "b"], "current": 1}}
    cell.runtime.script = always(reply([element] * 3))
    cell.send(body("x", headers={"h": 1}, deadline="2031-01-01T00:00:00Z"))
    for message in cell.only("b", 3):
        assert message.json["headers"] == {"h": 1}
        assert message.json["deadline"] == "2031-01-01T00:00:00Z"

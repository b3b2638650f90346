"""Rows of sidecar.md 4.1 and 4.2 that begin with the runtime's answer; envelope.md 5 to 8."""

import json

import pytest
from harness.envelopes import body, encode, envelope, reply_element
from harness.scripted_runtime import always, closes, error, in_turn, reply, wire


def test_a_success_goes_to_the_next_actor(cell):
    cell.send(body("e-1", payload={"k": 1}))
    assert cell.only("b").json == envelope("e-1", current=1, payload={"k": 1})
    assert cell.grown("messages_processed_total", queue="a", status="success") == 1
    assert cell.grown("messages_sent_total", destination_queue="asya-b", message_type="routing") == 1


def test_the_runtime_gets_the_very_bytes_of_the_message(cell):
    text = b' { "payload" : {"z":1.0, "a":1e400} ,\n"id":"x", "route":{"current":0,"actors":["a"]},"q":[ ] } '
    cell.send(text)
    assert cell.runtime.bodies == [text]


def test_the_end_of_the_route_is_happy_end(cell):
    cell.send(body("e-1", actors=["a"], payload=1))
    assert cell.only("happy-end").json == envelope("e-1", actors=["a"], current=1, payload=1)
    assert cell.grown("messages_sent_total", destination_queue="asya-happy-end", message_type="happy_end") == 1


@pytest.mark.parametrize(
    "route", [{"actors": ["a"], "current": 6}, {"actors": ["a"], "current": -3}, {"actors": [], "current": 0}]
)
def test_an_index_out_of_range_goes_to_happy_end_with_the_route_as_returned(cell, route):
    cell.runtime.script = always(reply([{"payload": 1, "route": route}]))
    cell.send(body())
    assert cell.only("happy-end").json["route"] == route


def test_the_sidecar_trusts_the_returned_route(cell):
    cell.runtime.script = always(reply([reply_element(["a", "x", "c"], 2, 5)]))
    cell.send(body())
    assert cell.only("c").json["route"] == {"actors": ["a", "x", "c"], "current": 2}


def test_the_same_actor_can_follow_itself(cell):
    cell.send(body("twice", actors=["a", "a"], payload=1))
    cell.world.wait_settled("a")
    assert cell.only("happy-end").json["route"]["current"] == 2
    assert len(cell.runtime.requests) == 2


@pytest.mark.parametrize("answer", [b"[]", b"null", b" [ ] "])
def test_an_empty_reply_sends_the_original_bytes_to_happy_end(cell, answer):
    text = b'{ "id":"x","unknown":1.50, "route":{"actors":["a","b"],"current":0},"payload":{"b":1,"a":2} }'
    cell.runtime.script = always(reply(answer))
    cell.send(text)
    assert cell.only("happy-end").body == text
    assert cell.grown("messages_processed_total", queue="a", status="empty_response") == 1
    assert cell.grown("messages_sent_total", destination_queue="happy-end", message_type="happy_end") == 1


def test_an_element_without_payload_yields_null(cell):
    cell.runtime.script = always(reply([{"route": {"actors": ["a", "b"], "current": 1}}]))
    cell.send(body(payload={"k": 1}))
    arrived = cell.only("b").json
    assert "payload" in arrived and arrived["payload"] is None


# Fan-out


def fan_out(count, actors=("a", "b"), **members):
    return reply([reply_element(actors, 1, {"part": i}, **members) for i in range(count)])


def test_a_fan_out_publishes_children_in_order_with_derived_ids(cell):
    cell.runtime.script = always(fan_out(3))
    cell.send(body("x", payload=0))
    messages = [message.json for message in cell.only("b", 3)]
    assert [m["id"] for m in messages] == ["x", "x-1", "x-2"]
    assert [m["payload"]["part"] for m in messages] == [0, 1, 2]
    assert "parent_id" not in messages[0]
    assert [m["parent_id"] for m in messages[1:]] == ["x", "x"]
    assert cell.grown("messages_sent_total", destination_queue="asya-b", message_type="routing") == 3
    assert cell.grown("messages_processed_total", queue="a", status="success") == 1


def test_nested_fan_out_concatenates_and_the_first_child_keeps_its_parent(cell):
    cell.runtime.script = always(fan_out(3))
    cell.send(body("a-1", parent_id="a"))
    messages = [message.json for message in cell.only("b", 3)]
    assert [(m["id"], m["parent_id"]) for m in messages] == [("a-1", "a"), ("a-1-1", "a-1"), ("a-1-2", "a-1")]


def test_a_single_element_keeps_the_parent(cell):
    cell.send(body("a-1", parent_id="a"))
    assert cell.only("b").json["parent_id"] == "a"


def test_a_null_parent_is_no_parent(cell):
    cell.send(body("a-1", parent_id=None))
    assert cell.only("b").json.get("parent_id") is None


def test_children_may_go_to_different_actors(cell):
    elements = [reply_element(["a", "b"], 1, 1), reply_element(["a", "c"], 1, 2), reply_element(["a"], 1, 3)]
    cell.runtime.script = always(reply(elements))
    cell.send(body("x"))
    world = cell.world
    assert [world.receive(actor).json["id"] for actor in ("b", "c", "happy-end")] == ["x", "x-1", "x-2"]
    cell.reset()


def test_a_fan_out_of_500_arrives_completely_and_in_order(cell):
    cell.runtime.script = always(fan_out(500))
    cell.send(body("x"))
    messages = [message.json for message in cell.only("b", 500)]
    if not cell.world.keeps_order:
        messages.sort(key=lambda m: m["payload"]["part"])
    assert [m["payload"]["part"] for m in messages] == list(range(500))
    assert messages[499]["id"] == "x-499"


def test_a_redelivered_fan_out_has_the_same_ids(cell):
    cell.runtime.script = always(fan_out(2))
    for _ in range(2):
        cell.world.send("a", body("x"))
    ids = [message.json["id"] for message in cell.world.receive_many("b", 4)]
    expected = ["x", "x-1", "x", "x-1"]
    assert ids == expected if cell.world.keeps_order else sorted(ids) == sorted(expected)


# Errors


DETAILS = {
    "message": "bad <input>",
    "type": "ValueError",
    "traceback": "Traceback …\n  line",
    "extra": [1],
    "empty": "",
}


def test_an_error_element_becomes_an_error_envelope_with_its_details_verbatim(cell):
    cell.runtime.script = always(reply([{"error": "processing_error", "details": DETAILS}]))
    result = cell.error_for(body("x", payload={"text": "Hello"}, headers={"trace_id": "t-1"}, parent_id="p-1"))
    assert result == {
        "id": "x",
        "parent_id": "p-1",
        "route": {"actors": ["a", "b"], "current": 0},
        "headers": {"trace_id": "t-1"},
        "payload": {
            "error": "processing_error",
            "details": DETAILS,
            "original_payload": {"text": "Hello"},
            "failed_actor": "a",
        },
    }
    assert cell.grown("messages_failed_total", queue="a", reason="runtime_error") == 1
    assert cell.grown("runtime_errors_total", queue="a", error_type="processing_error") == 1
    assert cell.grown("messages_sent_total", destination_queue="error-end", message_type="error_end") == 1


def test_an_error_without_details_has_empty_details(cell):
    cell.runtime.script = always(error("msg_parsing_error"))
    assert cell.error_for(body())["payload"]["details"] == {}


def test_other_keys_of_an_error_element_are_ignored(cell):
    cell.runtime.script = always(reply([dict(reply_element(), error="processing_error")]))
    assert cell.error_for(body(payload=9))["payload"]["original_payload"] == 9


def test_an_empty_error_string_is_no_error(cell):
    cell.runtime.script = always(reply([dict(reply_element(payload=4), error="")]))
    cell.send(body())
    assert cell.only("b").json["payload"] == 4


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_list_with_one_error_publishes_one_error_envelope_and_nothing_else(cell, position):
    elements = [reply_element(payload=i) for i in range(3)]
    elements[position] = {"error": "processing_error", "details": {"message": "at %d" % position}}
    cell.runtime.script = always(reply(elements))
    result = cell.error_for(body("x", payload="in"))
    assert result["id"] == "x"
    assert result["payload"]["details"] == {"message": "at %d" % position}
    assert result["payload"]["original_payload"] == "in"


def test_the_first_of_several_errors_is_taken(cell):
    cell.runtime.script = always(reply([{"error": "first"}, {"error": "second"}]))
    assert cell.error_for(body())["payload"]["error"] == "first"


@pytest.mark.parametrize("elements", [[{}], [{"payload": 1}], [{"route": None, "payload": 1}]])
def test_an_element_without_route_is_an_invalid_reply(cell, elements):
    cell.runtime.script = always(reply(elements))
    result = cell.error_for(body("x", payload={"k": 1}))
    assert result["payload"]["error"] == "Invalid runtime response: missing route"
    assert result["payload"]["original_payload"] == {"k": 1}
    assert "details" not in result["payload"]
    assert cell.grown("messages_failed_total", queue="a", reason="runtime_error") == 1


INVALID_REPLIES = {
    "not JSON": b"garbage",
    "empty frame": b"",
    "cut off": b'[{"payload":1',
    "an object": b'{"payload":1,"route":{"actors":["a"],"current":1}}',
    "a string": b'"x"',
    "a number": b"5",
    "an element that is a number": b"[1]",
    "an element that is a list": b"[[]]",
    "route is a string": b'[{"payload":1,"route":"a"}]',
    "actors is a string": b'[{"payload":1,"route":{"actors":"a","current":1}}]',
    "actor is a number": b'[{"payload":1,"route":{"actors":[1],"current":0}}]',
    "current is a string": b'[{"payload":1,"route":{"actors":["a"],"current":"1"}}]',
    "current is a fraction": b'[{"payload":1,"route":{"actors":["a"],"current":1.5}}]',
    "error is a number": b'[{"error":5}]',
    "details is a string": b'[{"error":"e","details":"x"}]',
    "NaN": b'[{"payload":NaN,"route":{"actors":["a"],"current":1}}]',
    "invalid UTF-8": b'[{"payload":"\xff","route":{"actors":["a"],"current":1}}]',
    "10000 levels": b'[{"payload":' + b"[" * 10_000 + b"]" * 10_000 + b',"route":{"actors":["a"],"current":1}}]',
}


@pytest.mark.parametrize("name", INVALID_REPLIES)
def test_a_reply_that_is_no_list_of_elements_is_an_error(cell, name):
    cell.runtime.script = always(reply(INVALID_REPLIES[name]))
    result = cell.error_for(body("x", payload={"k": 1}))
    assert result["payload"]["error"].startswith("failed to parse runtime response: ")
    assert result["payload"]["original_payload"] == {"k": 1}
    assert cell.grown("messages_failed_total", queue="a", reason="runtime_error") == 1
    assert cell.grown("runtime_errors_total", queue="a", error_type="execution_error") == 1


def test_after_an_invalid_reply_the_next_message_works(cell):
    cell.runtime.script = in_turn(reply(b"garbage"), lambda r: reply([reply_element(payload=2)]))
    assert cell.error_for(body("x"))["id"] == "x"
    cell.send(body("y"))
    assert cell.only("b").json["payload"] == 2


BROKEN_CONNECTIONS = {
    "nothing": closes(),
    "half a header": wire(b"\0\0"),
    "a header": wire(b"\0\0\0\x10"),
    "half a body": wire(b'\0\0\0\x10[{"payload":'),
}


@pytest.mark.parametrize("name", BROKEN_CONNECTIONS)
def test_a_connection_closed_before_a_whole_reply_is_a_read_failure(cell, name):
    cell.runtime.script = in_turn(BROKEN_CONNECTIONS[name], lambda r: reply([reply_element(payload="next")]))
    result = cell.error_for(body("x", payload={"k": 1}))
    assert result["payload"]["error"].startswith("failed to read response from runtime: ")
    assert result["payload"]["original_payload"] == {"k": 1}
    assert "details" not in result["payload"]
    assert cell.grown("runtime_errors_total", queue="a", error_type="execution_error") == 1
    cell.send(body("y"))
    assert cell.only("b").json["payload"] == "next"
    assert len(cell.runtime.requests) == 2, "the handler is not called again for the failed message"


def test_a_runtime_that_speaks_http_is_a_read_failure(cell):
    cell.runtime.script = always(wire(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
    result = cell.error_for(body("x", payload=1))
    assert result["payload"]["error"].startswith("failed to read response from runtime: ")


def test_a_reply_of_four_gib_is_refused_without_allocation(cell):
    cell.runtime.script = always(closes())
    cell.error_for(body("warm-up"))
    cell.reset()
    before = cell.sidecar.memory_kib("VmHWM")
    cell.runtime.script = always(wire(b"\xff\xff\xff\xff", close=False))
    result = cell.error_for(body("x", payload=1))
    assert "failed to read response from runtime: " in result["payload"]["error"]
    assert "frame too large" in result["payload"]["error"]
    assert cell.sidecar.memory_kib("VmHWM") - before <= 1024


@pytest.mark.rabbitmq_only
def test_error_and_success_envelopes_are_persistent_json_with_their_id(cell):
    cell.send(body("props"))
    properties = cell.only("b").properties
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/json"
    assert properties.message_id == "props"
    assert properties.timestamp
    cell.send(b"{")
    properties = cell.only("error-end").properties
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/json"


@pytest.mark.rabbitmq_only
def test_amqp_headers_of_the_input_are_not_interpreted(cell):
    cell.send(body("h"), headers={"x-anything": 1, "id": "other"}, expiration="60000", correlation_id="c")
    assert cell.only("b").json["id"] == "h"


def test_error_envelope_text_is_what_the_specification_shows(cell):
    cell.runtime.script = always(error("processing_error", message="m"))
    cell.send(body("x", payload=1))
    parsed = json.loads(cell.only("error-end").body, object_pairs_hook=lambda pairs: pairs)
    assert [name for name, _ in parsed] == ["id", "route", "payload"]
    assert encode({"x": 1}) == b'{"x":1}'

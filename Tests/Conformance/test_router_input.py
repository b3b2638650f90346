"""Rows of sidecar.md 4.1 that end before the runtime is called, and what envelope.md 2 and 8 say about them."""

import base64
import json

import pytest
from harness.envelopes import body, encode

ROUTE = b'"route":{"actors":["a","b"],"current":0}'
FALLBACK_ROUTE = {"actors": ["error-end"], "current": 0}


NOT_JSON = {
    "broken object": b"{invalid json",
    "empty body": b"",
    "only space": b"  \n",
    "text": b"hello",
    "cut off": b'{"id":"x",' + ROUTE + b',"payload":{"a":1}',
    "trailing bytes": b'{"id":"x",' + ROUTE + b',"payload":1} x',
    "two objects": b'{"id":"x",' + ROUTE + b',"payload":1}{}',
    "NaN": b'{"id":"x",' + ROUTE + b',"payload":NaN}',
    "Infinity": b'{"id":"x",' + ROUTE + b',"payload":[Infinity]}',
    "minus Infinity": b'{"id":"x",' + ROUTE + b',"payload":-Infinity}',
    "leading zero": b'{"id":"x",' + ROUTE + b',"payload":01}',
    "bare point": b'{"id":"x",' + ROUTE + b',"payload":1.}',
    "plus sign": b'{"id":"x",' + ROUTE + b',"payload":+1}',
    "trailing comma": b'{"id":"x",' + ROUTE + b',"payload":[1,]}',
    "trailing comma in object": b'{"id":"x",' + ROUTE + b',"payload":1,}',
    "single quotes": b"{'id':'x'}",
    "comment": b'{"id":"x",' + ROUTE + b',"payload":1 /* c */}',
    "raw newline in string": b'{"id":"x",' + ROUTE + b',"payload":"a\nb"}',
    "bad escape": b'{"id":"x",' + ROUTE + b',"payload":"\\x41"}',
    "bad unicode escape": b'{"id":"x",' + ROUTE + b',"payload":"\\u12g4"}',
    "byte-order mark": b"\xef\xbb\xbf" + body(),
    "unquoted name": b'{id:"x"}',
    "mismatched bracket": b'{"id":"x",' + ROUTE + b',"payload":[1}]',
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_json_goes_to_error_end_with_its_bytes(cell, text):
    error = cell.error_for(text)
    assert error["id"] == ""
    assert error["route"] == FALLBACK_ROUTE
    assert error["payload"]["error"].startswith("Failed to parse message: ")
    assert error["payload"]["original_body"] == text.decode()
    assert error["payload"]["failed_actor"] == "a"
    assert "original_payload" not in error["payload"]
    assert "details" not in error["payload"]
    assert cell.runtime.requests == []
    assert cell.grown("messages_failed_total", queue="a", reason="parse_error") == 1
    assert cell.grown("messages_processed_total", queue="a", status="success") == 0


@pytest.mark.parametrize("text", [b"[]", b'"x"', b"5", b"true", b"[1,2]", b'  "x" '])
def test_json_that_is_no_object_is_a_parse_error_that_keeps_the_body(cell, text):
    error = cell.error_for(text)
    assert error["payload"]["error"].startswith("Failed to parse message: ")
    assert error["payload"]["original_body"] == text.decode()
    assert cell.grown("messages_failed_total", queue="a", reason="parse_error") == 1


def test_bytes_that_are_not_utf8_are_kept_in_base64(cell):
    text = b"\xff\xfe\x00binary"
    error = cell.error_for(text)
    assert base64.b64decode(error["payload"]["original_body_base64"]) == text
    assert "original_body" not in error["payload"]


def test_invalid_utf8_inside_a_payload_ends_in_a_valid_error_envelope(cell):
    text = b'{"id":"x",' + ROUTE + b',"payload":"a\xffb"}'
    cell.send(text)
    message = cell.only("error-end")
    payload = json.loads(message.body.decode("utf-8"))["payload"]
    assert payload["error"].startswith("Failed to parse message: ")
    if "original_body_base64" in payload:
        assert base64.b64decode(payload["original_body_base64"]) == text
    else:
        assert payload["original_payload"] == "a\ufffdb"


def test_overlong_and_surrogate_utf8_is_refused(cell):
    for sequence in (b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        cell.reset()
        error = cell.error_for(b'{"id":"x",' + ROUTE + b',"payload":"' + sequence + b'"}')
        assert error["payload"]["error"].startswith("Failed to parse message: "), sequence


@pytest.mark.parametrize("depth", [10_000, 200_000])
def test_extreme_nesting_is_a_parse_error_and_no_crash(cell, depth):
    text = b'{"id":"deep",' + ROUTE + b',"payload":' + b"[" * depth + b"]" * depth + b"}"
    error = cell.error_for(text)
    assert error["payload"]["error"].startswith("Failed to parse message: ")


def test_nesting_of_1000_levels_passes_unchanged(cell):
    payload = b"[" * 1000 + b"]" * 1000
    cell.runtime.script = lambda request: _echo_text(request, payload)
    cell.send(b'{"id":"deep",' + ROUTE + b',"payload":' + payload + b"}")
    assert payload in cell.only("b").body


def _echo_text(request, payload):
    from harness.scripted_runtime import reply

    return reply(b'[{"route":{"actors":["a","b"],"current":1},"payload":' + payload + b"}]")


WRONG_TYPES = {
    "numeric id": b'{"id":7,' + ROUTE + b',"payload":{"k":1}}',
    "object id": b'{"id":{},' + ROUTE + b',"payload":{"k":1}}',
    "route is a string": b'{"id":"x","route":"a","payload":{"k":1}}',
    "route is a list": b'{"id":"x","route":["a"],"payload":{"k":1}}',
    "actors is a string": b'{"id":"x","route":{"actors":"a","current":0},"payload":{"k":1}}',
    "actors is an object": b'{"id":"x","route":{"actors":{"0":"a"},"current":0},"payload":{"k":1}}',
    "actors holds a number": b'{"id":"x","route":{"actors":["a",2],"current":0},"payload":{"k":1}}',
    "actors holds null": b'{"id":"x","route":{"actors":["a",[]],"current":0},"payload":{"k":1}}',
    "current is a string": b'{"id":"x","route":{"actors":["a","b"],"current":"0"},"payload":{"k":1}}',
    "current is 0.0": b'{"id":"x","route":{"actors":["a","b"],"current":0.0},"payload":{"k":1}}',
    "current is true": b'{"id":"x","route":{"actors":["a","b"],"current":true},"payload":{"k":1}}',
    "current is a list": b'{"id":"x","route":{"actors":["a","b"],"current":[0]},"payload":{"k":1}}',
    "headers is a list": b'{"id":"x",' + ROUTE + b',"headers":[],"payload":{"k":1}}',
    "headers is a string": b'{"id":"x",' + ROUTE + b',"headers":"h","payload":{"k":1}}',
    "metadata is a number": b'{"id":"x","route":{"actors":["a"],"current":0,"metadata":1},"payload":{"k":1}}',
    "numeric parent": b'{"id":"x","parent_id":3,' + ROUTE + b',"payload":{"k":1}}',
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_a_known_field_of_the_wrong_type_is_a_parse_error_with_the_payload(cell, name):
    error = cell.error_for(WRONG_TYPES[name])
    assert error["payload"]["error"].startswith("Failed to parse message: ")
    assert error["payload"]["original_payload"] == {"k": 1}
    assert "original_body" not in error["payload"]
    assert error["id"] == ("" if name in ("numeric id", "object id") else "x"), "the id is salvaged when it is usable"
    assert isinstance(error["route"]["actors"], list)
    assert cell.runtime.requests == []
    assert cell.grown("messages_failed_total", queue="a", reason="parse_error") == 1


def test_null_headers_and_metadata_count_as_absent(cell):
    text = b'{"id":"x","route":{"actors":["a","b"],"current":0,"metadata":null},"headers":null,"payload":1}'
    cell.send(text)
    assert cell.only("b").json["payload"] == 1


NO_ID = {
    "missing": b"{" + ROUTE + b',"payload":{"k":1}}',
    "empty": b'{"id":"",' + ROUTE + b',"payload":{"k":1}}',
    "other case": b'{"ID":"x",' + ROUTE + b',"payload":{"k":1}}',
}


@pytest.mark.parametrize("name", NO_ID)
def test_an_envelope_without_id_is_a_validation_error(cell, name):
    error = cell.error_for(NO_ID[name])
    assert error["id"] == ""
    assert error["route"] == {"actors": ["a", "b"], "current": 0}
    assert error["payload"] == {
        "error": "Envelope missing required 'id' field",
        "original_payload": {"k": 1},
        "failed_actor": "a",
    }
    assert cell.runtime.requests == []
    assert cell.grown("messages_failed_total", queue="a", reason="validation_error") == 1


def test_the_literal_null_behaves_like_an_object_without_id(cell):
    error = cell.error_for(b"null")
    assert error["payload"]["error"] == "Envelope missing required 'id' field"
    assert error["route"] == FALLBACK_ROUTE


MISROUTED = {
    "other actor": (b'{"actors":["b","a"],"current":0}', "b", {"actors": ["b", "a"], "current": 0}),
    "beyond the end": (b'{"actors":["a"],"current":1}', "", {"actors": ["a"], "current": 1}),
    "negative": (b'{"actors":["a"],"current":-1}', "", {"actors": ["a"], "current": -1}),
    "no actors": (b'{"actors":[],"current":0}', "", None),
    "empty route": (b"{}", "", FALLBACK_ROUTE),
    "null route": (b"null", "", FALLBACK_ROUTE),
    "other case": (b'{"actors":["A"],"current":0}', "A", {"actors": ["A"], "current": 0}),
    "a prefix": (b'{"actors":["asya-a"],"current":0}', "asya-a", {"actors": ["asya-a"], "current": 0}),
}


@pytest.mark.parametrize("name", MISROUTED)
def test_an_envelope_for_another_actor_is_a_route_mismatch(cell, name):
    route, actual, expected_route = MISROUTED[name]
    error = cell.error_for(b'{"id":"m-1","route":' + route + b',"payload":{"k":1}}')
    text = "Route mismatch: message routed to wrong actor (expected: a, actual: %s)" % actual
    assert error["id"] == "m-1"
    assert error["payload"] == {"error": text, "original_payload": {"k": 1}, "failed_actor": "a"}
    if expected_route is not None:
        assert error["route"] == expected_route
    assert cell.runtime.requests == []
    assert cell.grown("messages_failed_total", queue="a", reason="route_mismatch") == 1
    assert any("Route mismatch: message routed to wrong actor" in line for line in cell.sidecar.log_lines("WARN"))


def test_a_missing_route_is_a_mismatch_and_not_a_parse_error(cell):
    error = cell.error_for(b'{"id":"m-2","payload":null}')
    assert error["payload"]["error"].startswith("Route mismatch")
    assert error["route"] == FALLBACK_ROUTE
    assert error["payload"]["original_payload"] is None


def test_current_defaults_to_zero(cell):
    cell.send(b'{"id":"x","route":{"actors":["a","b"]},"payload":1}')
    assert cell.only("b").json["route"]["current"] == 1


def test_the_error_envelope_of_a_child_keeps_parent_headers_metadata_and_unknown_fields(cell):
    text = (
        b'{"id":"x-1","parent_id":"x","route":{"actors":["b"],"current":0,"metadata":{"m":1},"note":[1]},'
        b'"headers":{"trace_id":"t"},"payload":[],"deadline":"2030-01-02T03:04:05Z","x":{"y":1}}'
    )
    error = cell.error_for(text)
    assert error["parent_id"] == "x"
    assert error["route"] == {"actors": ["b"], "current": 0, "metadata": {"m": 1}, "note": [1]}
    assert error["headers"] == {"trace_id": "t"}
    assert error["deadline"] == "2030-01-02T03:04:05Z"
    assert error["x"] == {"y": 1}


def test_of_two_equal_names_the_last_one_wins(cell):
    error = cell.error_for(b'{"id":"first","id":"last","route":{"actors":["b"]},"payload":1,"payload":2}')
    assert error["id"] == "last"
    assert error["payload"]["original_payload"] == 2


def test_a_name_written_with_escapes_is_the_same_name(cell):
    cell.send(b'{"\\u0069d":"esc",' + ROUTE + b',"payload":1}')
    assert cell.only("b").json["id"] == "esc"


def test_a_route_of_10000_actors_is_handled(cell):
    actors = ["a"] + ["actor-%d" % i for i in range(9_998)] + ["b"]
    cell.runtime.script = lambda request: _jump(request, 9_999)
    cell.send(encode({"id": "long", "route": {"actors": actors, "current": 0}, "payload": 1}))
    arrived = cell.only("b").json
    assert arrived["route"] == {"actors": actors, "current": 9_999}


def _jump(request, index):
    from harness.scripted_runtime import reply

    route = dict(request.json["route"], current=index)
    return reply([{"payload": 1, "route": route}])

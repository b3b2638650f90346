"""Requests in payload mode: what a handler gets, and what its results become (runtime.md 5)."""

import functools
import json
import threading

import pytest
from runtime_process import envelope, frame

NEXT = {"actors": ["a", "b"], "current": 1}


@pytest.mark.parametrize(
    "result", ["text", "", 5, 0, 1.5, True, False, {"k": [1, {"n": None}]}, {}, "Zürich 東京 \U0001f600"]
)
def test_any_single_value_is_one_output(request_reply, result):
    assert request_reply(lambda payload: result, envelope(1)) == [{"payload": result, "route": NEXT}]


@pytest.mark.parametrize("result", [None, [], ()])
def test_nothing_is_no_output(request_reply, result):
    assert request_reply(lambda payload: result, envelope(1)) == []


@pytest.mark.parametrize("kind", [list, tuple])
def test_list_and_tuple_fan_out_in_order(request_reply, kind):
    reply = request_reply(lambda payload: kind([{"n": 1}, None, "x"]), envelope(1))
    assert reply == [{"payload": value, "route": NEXT} for value in ({"n": 1}, None, "x")]


def test_a_list_payload_must_be_wrapped(request_reply):
    assert request_reply(lambda payload: [payload], envelope([1, 2])) == [{"payload": [1, 2], "route": NEXT}]


@pytest.mark.parametrize("payload", [None, "x", 3, [1], {"a": 1}, 'quotes " \\ \n \t \u0000', "\u2028"])
def test_handler_gets_the_payload_alone(request_reply, payload):
    seen = []
    request_reply(lambda value: seen.append(value), envelope(payload))
    assert seen == [payload]


def test_headers_come_back_with_every_output(request_reply):
    reply = request_reply(lambda payload: [1, 2], envelope(0, headers={"trace_id": "t", "n": {"x": 1}}))
    assert [element["headers"] for element in reply] == [{"trace_id": "t", "n": {"x": 1}}] * 2


def test_absent_headers_stay_absent_and_ids_are_not_returned(request_reply):
    (element,) = request_reply(lambda payload: payload, envelope(0, parent_id="p"))
    assert set(element) == {"payload", "route"}


def test_other_route_members_pass_through(request_reply):
    route = {"actors": ["a", "b", "c"], "current": 1, "metadata": {"k": 1}, "x": [2]}
    (element,) = request_reply(lambda payload: payload, {"payload": 1, "route": route})
    assert element["route"] == dict(route, current=2)


def test_missing_current_counts_as_zero(request_reply):
    (element,) = request_reply(lambda payload: payload, {"payload": 1, "route": {"actors": ["a"]}})
    assert element["route"] == {"actors": ["a"], "current": 1}


def test_end_of_route_is_accepted(request_reply):
    (element,) = request_reply(lambda payload: payload, {"payload": 1, "route": {"actors": ["a"], "current": 1}})
    assert element["route"]["current"] == 2


@pytest.mark.parametrize("size", [10 << 10, 100 << 10, 1 << 20, 10 << 20])
def test_big_payloads(runtime, socket_pair, size):
    ours, theirs = socket_pair
    sender = threading.Thread(target=theirs.sendall, args=(frame(envelope("x" * size)),))
    sender.start()
    (element,) = runtime._handle_request(ours, lambda payload: payload)
    sender.join()
    assert element["payload"] == "x" * size


def test_fifty_levels_of_nesting(request_reply):
    payload = functools.reduce(lambda inner, _: {"n": [inner]}, range(25), "deep")
    assert request_reply(lambda value: value, envelope(payload))[0]["payload"] == payload


def test_unescaped_utf8_in_the_input(request_reply):
    body = json.dumps(envelope("naïve 東京 \U0001f600"), ensure_ascii=False).encode()
    assert request_reply(lambda value: value, body)[0]["payload"] == "naïve 東京 \U0001f600"


def test_exception_becomes_processing_error_with_traceback(request_reply):
    def broken_handler(payload):
        raise KeyError("missing key")

    ((element),) = request_reply(broken_handler, envelope(1))
    assert element["error"] == "processing_error"
    assert element["details"]["message"] == "'missing key'"
    assert element["details"]["type"] == "KeyError"
    assert "broken_handler" in element["details"]["traceback"]
    assert element["details"]["traceback"].startswith("Traceback (most recent call last):")


@pytest.mark.parametrize(
    "failure", [MemoryError("out of GPU memory"), RecursionError("deep"), StopIteration(), GeneratorExit()]
)
def test_no_exception_type_escapes(request_reply, failure):
    def handler(payload):
        raise failure

    (element,) = request_reply(handler, envelope(1))
    assert element["error"] == "processing_error"
    assert element["details"]["type"] == type(failure).__name__
    assert element["details"]["message"] == str(failure)


def test_endless_recursion_in_the_handler(request_reply):
    def handler(payload):
        return handler(payload)

    assert request_reply(handler, envelope(1))[0]["details"]["type"] == "RecursionError"


def test_exception_that_cannot_be_printed(request_reply):
    class Unprintable(Exception):
        def __str__(self):
            raise ValueError("no text")

    def handler(payload):
        raise Unprintable

    (element,) = request_reply(handler, envelope(1))
    assert element["details"]["type"] == "Unprintable"


def test_without_validation_a_missing_payload_is_a_processing_error(runtime, request_reply, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_ENABLE_VALIDATION", False)
    called = []
    (element,) = request_reply(called.append, {"route": {"actors": []}})
    assert (element["error"], element["details"]["type"], called) == ("processing_error", "KeyError", [])


@pytest.mark.parametrize("mode", ["payload", "PAYLOAD", "Payload", ""])
def test_mode_in_any_case(reload_with, mode):
    assert reload_with(ASYA_HANDLER_MODE=mode).ASYA_HANDLER_MODE == "payload"

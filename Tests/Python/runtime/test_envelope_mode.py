"""Requests in envelope mode: in-place edits, checked outputs, unknown members (runtime.md 5 and 7)."""

import pytest
from runtime_process import envelope


@pytest.fixture(autouse=True)
def envelope_mode(runtime, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_HANDLER_MODE", "envelope")


def advance(message):
    """The example of the documentation."""
    message["route"]["current"] += 1
    return message


def test_handler_gets_the_envelope_with_unknown_members(request_reply):
    seen = []
    message = envelope(1, parent_id="p", headers={"h": 1}, deadline="2026-01-01T00:00:00Z")
    request_reply(seen.append, message)
    assert seen == [message]


def test_missing_current_is_filled_in(request_reply):
    seen = []
    request_reply(seen.append, {"payload": 1, "route": {"actors": ["a"], "metadata": 1}})
    assert seen == [{"payload": 1, "route": {"actors": ["a"], "current": 0, "metadata": 1}}]


def test_id_parent_and_headers_are_preserved(request_reply):
    message = envelope("x", parent_id="p", headers={"trace": "t"})
    expected = dict(message, route={"actors": ["a", "b"], "current": 1})
    assert request_reply(advance, message) == [expected]


def test_in_place_edit_at_the_last_actor(request_reply):
    message = {"payload": 1, "route": {"actors": ["a", "b"], "current": 1}}
    assert request_reply(advance, message)[0]["route"] == {"actors": ["a", "b"], "current": 2}


def test_in_place_edit_of_a_processed_actor_is_refused(request_reply):
    def handler(message):
        message["route"]["actors"][0] = "z"
        return advance(message)

    (element,) = request_reply(handler, {"payload": 1, "route": {"actors": ["a", "b"], "current": 1}})
    assert element["error"] == "processing_error"
    assert element["details"]["type"] == "ValueError"
    assert element["details"]["message"].startswith(
        "Invalid output envelope[0/1]: Route modification error: already-processed actors cannot be erased. "
        "Input route had ['a', 'b'] (actors 0-1), but output route starts with ['z', 'b']. "
    )


@pytest.mark.parametrize("actors", [["a"], ["a", "x", "y"], ["a", "b", "c"]])
def test_later_actors_can_be_replaced(request_reply, actors):
    output = {"payload": 2, "route": {"actors": actors, "current": 1}}
    assert request_reply(lambda message: output, envelope(1)) == [output]


def test_route_at_its_end_can_be_extended(request_reply):
    output = {"payload": 2, "route": {"actors": ["a", "b"], "current": 1}}
    assert request_reply(lambda m: output, {"payload": 1, "route": {"actors": ["a"], "current": 1}}) == [output]


def test_current_may_stay(request_reply):
    assert request_reply(lambda message: message, envelope(1)) == [envelope(1)]


@pytest.mark.parametrize("result", [None, [], ()])
def test_nothing_is_no_output(request_reply, result):
    assert request_reply(lambda message: result, envelope(1)) == []


def test_fan_out(request_reply):
    reply = request_reply(lambda message: [dict(message, payload=n) for n in range(3)], envelope(0, headers={"h": 1}))
    assert [element["payload"] for element in reply] == [0, 1, 2]
    assert all(element["headers"] == {"h": 1} for element in reply)


def test_one_invalid_output_fails_all(request_reply):
    reply = request_reply(lambda message: [message, {"payload": 1}, message], envelope(1))
    assert len(reply) == 1
    assert reply[0]["details"]["message"] == "Invalid output envelope[1/3]: Missing required field 'route' in envelope"


@pytest.mark.parametrize("result", ["text", 5, {"payload": 1}, [1]])
def test_outputs_that_are_no_envelopes(request_reply, result):
    (element,) = request_reply(lambda message: result, envelope(1))
    assert element["error"] == "processing_error"
    assert element["details"]["message"].startswith("Invalid output envelope[0/1]: ")


@pytest.mark.parametrize("output", [{}, {"anything": 1}, "text", 7])
def test_without_validation_outputs_pass_unchanged(runtime, request_reply, monkeypatch, output):
    monkeypatch.setattr(runtime, "ASYA_ENABLE_VALIDATION", False)
    assert request_reply(lambda message: output, {"no": "route"}) == [output]


def test_without_validation_the_whole_object_is_handed_over(runtime, request_reply, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_ENABLE_VALIDATION", False)
    seen = []
    request_reply(seen.append, {"x": 1, "route": "odd"})
    assert seen == [{"x": 1, "route": "odd"}]


@pytest.mark.parametrize("mode", ["envelope", "ENVELOPE", "Envelope"])
def test_mode_in_any_case(reload_with, mode):
    assert reload_with(ASYA_HANDLER_MODE=mode).ASYA_HANDLER_MODE == "envelope"

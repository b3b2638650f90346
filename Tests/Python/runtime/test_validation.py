"""The table of runtime.md 7: order and texts."""

import pytest

VALID = {"payload": None, "route": {"actors": ["a", "b"], "current": 0}}


def changed(**members):
    return dict(VALID, **members)


def route(**members):
    return changed(route=dict(VALID["route"], **members))


VIOLATIONS = [
    ({}, "Missing required field 'payload' in envelope"),
    ({"payload": 1}, "Missing required field 'route' in envelope"),
    (changed(route=[]), "Field 'route' must be a dict"),
    (changed(route=None), "Field 'route' must be a dict"),
    (changed(route={}), "Missing required field 'actors' in route"),
    (route(actors="a"), "Field 'route.actors' must be a list"),
    (route(actors=None), "Field 'route.actors' must be a list"),
    (route(current="0"), "Field 'route.current' must be an integer"),
    (route(current=0.0), "Field 'route.current' must be an integer"),
    (route(current=None), "Field 'route.current' must be an integer"),
    (route(current=True), "Field 'route.current' must be an integer"),
    (route(actors=[], current="x"), "Field 'route.current' must be an integer"),
    (route(actors=[]), "Field 'route.actors' cannot be empty"),
    (route(current=3), "Invalid route.current=3: out of bounds for actors of length 2"),
    (route(current=-1), "Invalid route.current=-1: out of bounds for actors of length 2"),
    (changed(headers=[]), "Field 'headers' must be a dict"),
    (changed(headers=None), "Field 'headers' must be a dict"),
    (changed(headers=[], id=5), "Field 'headers' must be a dict"),
    (changed(id=5), "Field 'id' must be a string"),
    (changed(id=None), "Field 'id' must be a string"),
]


@pytest.mark.parametrize("message, text", VIOLATIONS)
def test_violation(runtime, message, text):
    with pytest.raises(ValueError) as caught:
        runtime._validate_envelope(message)
    assert str(caught.value) == text


@pytest.mark.parametrize("message, text", VIOLATIONS)
def test_violation_in_a_request(request_reply, message, text):
    (element,) = request_reply(lambda payload: payload, message)
    assert element["error"] == "msg_parsing_error"
    assert (element["details"]["type"], element["details"]["message"]) == ("ValueError", text)


def test_result_has_the_known_members_only(runtime):
    message = changed(id="i", parent_id=None, headers={}, other=1)
    expected = {name: message[name] for name in ("payload", "route", "id", "parent_id", "headers")}
    assert runtime._validate_envelope(message) == expected


def test_current_defaults_to_zero_and_the_input_is_not_changed(runtime):
    message = {"payload": 1, "route": {"actors": ["a"]}}
    assert runtime._validate_envelope(message)["route"] == {"actors": ["a"], "current": 0}
    assert message == {"payload": 1, "route": {"actors": ["a"]}}


@pytest.mark.parametrize("current", [0, 1, 2])
def test_bounds_include_the_end(runtime, current):
    assert runtime._validate_envelope(route(current=current))["route"]["current"] == current


def test_erased_actor(runtime):
    with pytest.raises(ValueError) as caught:
        runtime._validate_envelope(route(actors=["b"]), "a", {"actors": ["a", "b"], "current": 0})
    assert str(caught.value).startswith(
        "Route modification error: already-processed actors cannot be erased. "
        "Input route had ['a'] (actors 0-0), but output route starts with ['b']. "
    )


def test_shortened_route(runtime):
    with pytest.raises(ValueError, match="Route modification error"):
        runtime._validate_envelope(route(actors=["a"]), "b", {"actors": ["a", "b"], "current": 1})


def test_mismatch_of_the_current_actor(runtime):
    with pytest.raises(ValueError) as caught:
        runtime._validate_envelope(route(), "other", {"actors": ["a", "b"], "current": 0})
    assert str(caught.value).startswith(
        "Route mismatch: input route points to 'other' at position 0, but output route has 'a' at that position. "
    )


def test_rules_for_outputs_need_their_arguments(runtime):
    assert runtime._validate_envelope(route(actors=["z"]))["route"]["actors"] == ["z"]


@pytest.mark.parametrize(
    "text, enabled",
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("on", True), ("On", True)]
    + [("false", False), ("", False), ("0", False), ("no", False), ("y", False), ("enabled", False)],
)
def test_switch(reload_with, text, enabled):
    assert reload_with(ASYA_ENABLE_VALIDATION=text).ASYA_ENABLE_VALIDATION is enabled


def test_switch_is_on_by_default(runtime):
    assert runtime.ASYA_ENABLE_VALIDATION is True


def test_switched_off(runtime, request_reply, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_ENABLE_VALIDATION", False)
    message = {"payload": 1, "route": {"actors": [], "current": 9}, "id": 3}
    assert request_reply(lambda payload: payload, message) == [{"payload": 1, "route": {"actors": [], "current": 10}}]

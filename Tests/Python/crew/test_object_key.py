"""How objects are named (crew.md 1.4, 6.5) and what stands in them."""

import datetime
import json

import pytest

WHEN = datetime.datetime(2025, 11, 18, 14, 30, 45, 123456, tzinfo=datetime.timezone.utc)


@pytest.fixture
def object_key(load):
    load()
    from handlers import object_key

    return object_key


@pytest.fixture
def object_text(load):
    load()
    from handlers.object_text import object_text

    return object_text


@pytest.mark.parametrize(
    "route, actor",
    [
        (None, "unknown"),
        ("text", "unknown"),
        ({}, "unknown"),
        ({"actors": []}, "unknown"),
        ({"actors": ["a", "b", "c"], "current": 0}, "a"),
        ({"actors": ["a", "b", "c"], "current": 1}, "b"),
        ({"actors": ["a", "b", "c"], "current": 2}, "c"),
        ({"actors": ["a", "b", "c"], "current": 3}, "c"),
        ({"actors": ["a", "b", "c"], "current": -1}, "c"),
        ({"actors": ["a", "b", "c"], "current": True}, "c"),
        ({"actors": ["a", "b", "c"], "current": "1"}, "c"),
        ({"actors": ["a", "b", "c"]}, "c"),
    ],
)
def test_the_last_actor(object_key, route, actor):
    assert object_key.last_actor({"id": "e", "route": route}) == actor


def test_the_default_key(object_key):
    envelope = {"id": "abc-123", "route": {"actors": ["prep", "text-processor"], "current": 2}}
    key = object_key.KeyTemplate(object_key.KeyTemplate.DEFAULT).key(envelope, "happy-asya/", WHEN)
    assert key == "happy-asya/2025-11-18T14:30:45.123456Z/text-processor/abc-123.json"


def test_every_field_of_a_template(object_key):
    template = object_key.KeyTemplate("{prefix}|{date}|{hour}|{timestamp}|{actor}|{id}")
    key = template.key({"id": "{actor}"}, "p", WHEN)
    assert key == "p|2025-11-18|14|2025-11-18T14:30:45.123456Z|unknown|{actor}"


def test_a_key_that_the_store_would_refuse_is_an_error(object_key):
    with pytest.raises(ValueError, match="1024"):
        object_key.KeyTemplate("{id}").key({"id": "é" * 513}, "", WHEN)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2025-11-18T14:30:45Z", WHEN.replace(microsecond=0)),
        ("2025-11-18T14:30:45.123456789Z", WHEN),
        ("2025-11-18T15:30:45.123456+01:00", WHEN),
        ("2025-11-18t14:30:45.1z", WHEN.replace(microsecond=100000)),
    ],
)
def test_the_time_of_a_key_comes_from_the_deadline(object_key, text, expected):
    assert object_key.key_time({"deadline": text}) == expected


def test_a_creation_header_counts_before_the_deadline(object_key):
    envelope = {"deadline": "2030-01-01T00:00:00Z", "headers": {"x-asya-created-at": "2025-11-18T14:30:45.123456Z"}}
    assert object_key.key_time(envelope) == WHEN


@pytest.mark.parametrize("deadline", [None, "", 3, "2025-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "tomorrow"])
def test_without_a_usable_time_it_is_now(object_key, deadline):
    before = datetime.datetime.now(datetime.timezone.utc)
    assert before <= object_key.key_time({"deadline": deadline}) <= datetime.datetime.now(datetime.timezone.utc)


def test_the_text_is_indented_utf8_in_the_order_received(object_text):
    envelope = {"id": "e", "payload": {"z": "Grüße 🌍", "a": None}}
    text = object_text(envelope).decode()
    assert text == '{\n  "id": "e",\n  "payload": {\n    "z": "Grüße 🌍",\n    "a": null\n  }\n}'


@pytest.mark.parametrize(
    "value, written",
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (WHEN, str(WHEN)),
        ((1, 2), [1, 2]),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        ({"a": [float("-inf"), 1.5, True, None]}, {"a": ["-inf", 1.5, True, None]}),
    ],
)
def test_what_json_cannot_express_becomes_a_string(object_text, value, written):
    assert json.loads(object_text({"id": "e", "payload": value})) == {"id": "e", "payload": written}


def test_a_lone_surrogate_survives(object_text):
    assert json.loads(object_text({"id": "\ud800"})) == {"id": "\ud800"}


def test_deep_nesting_survives(object_text):
    value = []
    for _ in range(600):
        value = [value]
    assert json.loads(object_text({"id": "e", "payload": value}))["payload"] == value

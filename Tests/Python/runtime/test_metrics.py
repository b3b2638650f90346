"""`metric` (runtime.md 9)."""

import json
import math

import pytest
from runtime_process import envelope


def test_values_travel_in_the_first_element(runtime, request_reply):
    def handler(payload):
        runtime.metric("tokens_total", 3, model="m", size=7)
        runtime.metric("seconds", 0.5)
        return [1, 2]

    first, second = request_reply(handler, envelope(1))
    assert first["metrics"] == [
        {"name": "tokens_total", "value": 3, "labels": {"model": "m", "size": "7"}},
        {"name": "seconds", "value": 0.5, "labels": {}},
    ]
    assert "metrics" not in second


def test_values_belong_to_one_request(runtime, request_reply):
    def handler(payload):
        if payload:
            runtime.metric("m", 1)
        return payload

    assert "metrics" in request_reply(handler, envelope(1))[0]
    assert "metrics" not in request_reply(handler, envelope(0))[0]


def test_without_outputs_they_are_dropped(runtime, request_reply):
    assert request_reply(lambda payload: runtime.metric("m", 1), envelope(1)) == []
    assert "metrics" not in request_reply(lambda payload: payload, envelope(1))[0]


def test_envelope_mode_leaves_the_handlers_object_alone(runtime, request_reply, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_HANDLER_MODE", "envelope")
    monkeypatch.setattr(runtime, "ASYA_ENABLE_VALIDATION", False)
    output = {}

    def handler(message):
        runtime.metric("m", 1)
        return output

    assert list(request_reply(handler, envelope(1))[0]) == ["metrics"]
    assert output == {}


def test_failed_request_reports_them_too(runtime, request_reply):
    def handler(payload):
        runtime.metric("failures_total", 1)
        raise ValueError

    (element,) = request_reply(handler, envelope(1))
    assert (element["error"], len(element["metrics"])) == ("processing_error", 1)


@pytest.mark.parametrize(
    "name, value", [("", 1), (None, 1), (5, 1), ("m", "x"), ("m", None), ("m", math.nan), ("m", math.inf)]
)
def test_wrong_arguments_raise_in_the_handler(runtime, name, value):
    with pytest.raises((TypeError, ValueError)):
        runtime.metric(name, value)
    assert runtime._metric_values == []


def test_numeric_types_become_json(runtime):
    class Half:
        def __float__(self):
            return 0.5

    runtime.metric("m", Half())
    runtime.metric("m", True)
    assert json.loads(json.dumps([entry["value"] for entry in runtime._metric_values])) == [0.5, 1]


def test_number_of_values_is_bounded(runtime, request_reply, monkeypatch, caplog):
    monkeypatch.setattr(runtime, "_METRIC_VALUES_LIMIT", 5)

    def handler(payload):
        for _ in range(50):
            runtime.metric("m", 1)
        return payload

    assert len(request_reply(handler, envelope(1))[0]["metrics"]) == 5
    assert len([record for record in caplog.records if "metric" in record.getMessage()]) == 1


def test_import_in_a_handler_gives_the_running_instance(start_runtime):
    source = "import asya_runtime\ndef handle(payload):\n    asya_runtime.metric('m', payload)\n    return payload\n"
    (element,) = start_runtime(source).call(envelope(4))
    assert element["metrics"] == [{"name": "m", "value": 4, "labels": {}}]

"""A tool call's whole way on every transport: built gateway, real sidecars, real Python runtimes, the crew's ends."""

import json
import os

import pytest
from harness import real_gateway
from harness.metrics import parse_metrics
from localservers.collector import Collector
from localservers.processes import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
PHASES = ["received", "processing", "completed"]


@pytest.fixture(name="any_world", params=["world", "embedded_world", "moto_world"])
def _any_world(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(name="collector")
def _collector():
    collector = Collector()
    yield collector
    collector.stop()


def metrics(gateway):
    return parse_metrics(gateway.request("GET", "/metrics").text)


def wait_metric(gateway, name, **labels):
    """Waits until this counter is 1, as it is soon after the envelope's new state can be read; returns all metrics."""
    wait_until(lambda: metrics(gateway).value(name, **labels) == 1, 30, what=lambda: name)
    return metrics(gateway)


def phases_of(actor, stream):
    """What a stream told of an actor's work until now, in its order."""
    updates = [event["data"] for event in list(stream.events)]
    return [update["envelope_state"] for update in updates if "envelope_state" in update and update["actor"] == actor]


def test_a_call_goes_through_all_actors_and_comes_back_as_a_result(any_world):
    any_world.declare_usual()
    gateway = real_gateway.start(any_world)
    real_gateway.start_pipeline(any_world, gateway, second="conformance_handlers.wait_for_file")
    released = os.path.join(any_world.directory(), "go")
    arguments = {"text": "hi", "file": released}
    envelope_id = gateway.call("pipeline", arguments)
    stream = gateway.stream(envelope_id)
    wait_until(lambda: len(phases_of("a", stream)) == 3, 30, what=lambda: "the reports of a: %s" % stream.events)
    with open(released, "w", encoding="ascii"):
        pass
    envelope = gateway.wait_status(envelope_id, "succeeded")
    assert envelope["result"] == arguments
    assert (envelope["progress_percent"], envelope["actors_completed"]) == (100, 2)
    stream.wait_end()
    assert phases_of("a", stream) == PHASES
    # Reports of one sidecar come in order; the last ones of b and the end overtake each other.
    seen = phases_of("b", stream)
    assert seen == PHASES[: len(seen)]
    ended = {"tool": "pipeline", "status": "succeeded"}
    seen = wait_metric(gateway, "asya_gateway_envelopes_ended_total", **ended)
    assert seen.value("asya_gateway_queue_time_seconds_count", tool="pipeline") == 1
    assert 0 < seen.value("asya_gateway_queue_time_seconds_sum", tool="pipeline") < 30
    assert seen.value("asya_gateway_envelope_age_seconds_sum", **ended) < 60
    assert seen.value("asya_gateway_send_duration_seconds_count") == 1


def test_a_failing_handler_fails_the_envelope_with_its_error(any_world):
    any_world.declare_usual()
    gateway = real_gateway.start(any_world)
    real_gateway.start_pipeline(any_world, gateway, second="conformance_handlers.fail")
    envelope = gateway.wait_status(gateway.call("pipeline", {"text": "hi"}), "failed")
    assert envelope["error"]
    wait_metric(gateway, "asya_gateway_envelopes_ended_total", tool="pipeline", status="failed")


def test_an_mcp_call_and_all_hops_are_one_trace(world, collector):
    world.declare_usual()
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    gateway = real_gateway.start(world, **tracing)
    real_gateway.start_pipeline(world, gateway, **tracing)
    envelope_id = mcp_call(gateway, {"traceparent": "00-%s-%s-01" % (TRACE, CALLER), "tracestate": "vendor=1"})
    gateway.wait_status(envelope_id, "succeeded")
    # The call, its message, and of each of the three hops the hop itself with its parts.
    collector.wait(2 + 3 * 4)
    spans = collector.of_trace(TRACE)
    call = only(span for span in spans if span["service"] == "asya-gateway" and span["kind"] == 2)
    assert (call["name"], call["parentSpanId"]) == ("call pipeline", CALLER)
    assert call["attributes"]["messaging.message.id"] == envelope_id
    children = {span["name"]: span for span in spans if span.get("parentSpanId") == call["spanId"]}
    assert set(children) == {"publish a", "process a", "process b", "process happy-end"}
    publication = children["publish a"]
    assert publication["kind"] == 4 and publication["attributes"]["messaging.destination.name"] == "asya-a"
    order = [int(children[name]["startTimeUnixNano"]) for name in ("publish a", "process b", "process happy-end")]
    assert order == sorted(order)
    headers = gateway.envelope(envelope_id)["headers"]
    assert headers == {"traceparent": "00-%s-%s-01" % (TRACE, call["spanId"]), "tracestate": "vendor=1"}
    assert metrics(gateway).value("asya_gateway_spans_dropped_total") == 0


def test_a_trace_begins_at_the_gateway_and_its_last_spans_leave_at_the_shutdown(world, collector):
    world.declare_usual()
    gateway = real_gateway.start(world, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    envelope_id = gateway.call("pipeline", {"text": "hi"})
    assert gateway.request("POST", "/tools/call", json={"name": "nope"}).status_code == 404
    world.receive("a")
    assert gateway.stop() == 0
    spans = {span["name"]: span for span in collector.spans}
    assert set(spans) == {"call pipeline", "publish a", "call"}
    assert "parentSpanId" not in spans["call pipeline"]
    assert spans["publish a"]["parentSpanId"] == spans["call pipeline"]["spanId"]
    assert spans["publish a"]["attributes"]["messaging.message.id"] == envelope_id
    assert spans["call"]["status"]["message"] == "unknown_tool"


def test_an_unsampled_trace_passes_through_and_a_lost_collector_costs_no_call(world, collector):
    world.declare_usual()
    collector.status = 400
    gateway = real_gateway.start(world, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    unsampled = "00-%s-%s-00" % (TRACE, CALLER)
    gateway.call("pipeline", {"text": "hi"}, headers={"traceparent": unsampled})
    assert world.receive("a").json["headers"] == {"traceparent": unsampled}
    gateway.call("pipeline", {"text": "hi"})
    assert world.receive("a").json["headers"]["traceparent"].endswith("-01")
    gateway.stop()
    assert "Trace spans dropped" in gateway.log()
    assert not collector.of_trace(TRACE)


def test_a_malformed_endpoint_names_the_variable(world):
    directory = world.directory()
    gateway = real_gateway.gateway_process.Gateway(directory, {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})
    gateway.start(wait=False)
    world.add_other(gateway)
    assert gateway.process.wait(30) == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in gateway.log()


def only(items):
    (item,) = items
    return item


def mcp_call(gateway, headers):
    """A call in the legacy era; returns the envelope's id."""

    def post(method, params, **more):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return gateway.request("POST", "/mcp", json=message, **more)

    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    session = post("initialize", hello).headers["Mcp-Session-Id"]
    arguments = {"name": "pipeline", "arguments": {"text": "hi"}}
    answer = post("tools/call", arguments, headers={"Mcp-Session-Id": session, **headers}).json()
    return json.loads(answer["result"]["content"][0]["text"])["envelope_id"]

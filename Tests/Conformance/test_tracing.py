"""Spans of every hop, exported by OTLP/HTTP beside the message path."""

import json

import pytest
from harness.collector import Collector
from harness.envelopes import body
from harness.waiting import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ROOT = "00f067aa0ba902b7"
HEADERS = {"traceparent": "00-%s-%s-01" % (TRACE, ROOT), "tracestate": "vendor=1"}


@pytest.fixture(name="collector")
def _collector():
    collector = Collector()
    yield collector
    collector.stop()


def test_a_trace_crosses_two_actors(world, collector):
    world.declare_usual()
    for actor in ("a", "b"):
        world.sidecar(actor, world.python(), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    world.send("a", body("x", actors=["a", "b"], headers=HEADERS))
    delivered = json.loads(world.receive("happy-end").body)
    assert delivered["headers"] == HEADERS
    collector.wait(8)
    hops = [span for span in collector.of_trace(TRACE) if span["name"].startswith("process ")]
    assert sorted(hop["name"] for hop in hops) == ["process a", "process b"]
    assert {hop["service"] for hop in hops} == {"asya-a", "asya-b"}
    assert {hop["parentSpanId"] for hop in hops} == {ROOT}
    assert {hop["attributes"]["messaging.message.id"] for hop in hops} == {"x"}
    for hop in hops:
        parts = [span for span in collector.of_trace(TRACE) if span.get("parentSpanId") == hop["spanId"]]
        assert [part["name"] for part in parts] == ["wait", "runtime", "publish"]
        for part in parts:
            assert int(hop["startTimeUnixNano"]) <= int(part["startTimeUnixNano"])
            assert int(part["endTimeUnixNano"]) <= int(hop["endTimeUnixNano"])
    first, second = sorted(hops, key=lambda hop: hop["name"])
    assert int(first["startTimeUnixNano"]) < int(second["startTimeUnixNano"])


def test_spans_leave_in_batches_and_the_last_ones_at_the_shutdown(world, collector):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    world.send_many("a", [body("m-%d" % number, headers=HEADERS) for number in range(300)])
    world.receive_many("b", 300)
    world.wait_settled("a")
    sidecar.stop()
    assert len(collector.spans) == 4 * 300
    assert len(collector.requests) <= 12


def test_a_collector_that_is_away_costs_spans_but_no_message(world, collector):
    world.declare_usual()
    collector.status = 503
    sidecar = world.sidecar("a", world.scripted(), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    world.send_many("a", [body("m-%d" % number, headers=HEADERS) for number in range(1500)])
    world.receive_many("b", 1500)
    world.wait_settled("a")
    eventually(lambda: len(collector.requests) >= 2, 10, "another attempt")
    collector.status = 200
    collector.wait(4, timeout=20)
    sidecar.stop()
    assert "Trace spans dropped" in sidecar.log()


def test_headers_of_the_collector_are_sent_and_never_logged(world, collector):
    world.declare_usual()
    sidecar = world.sidecar(
        "a",
        world.scripted(),
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.url + "/custom",
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20t0p-s3cret,broken",
        OTEL_SERVICE_NAME="vision",
        ASYA_LOG_LEVEL="DEBUG",
    )
    world.send("a", body("x", headers=HEADERS))
    world.receive("b")
    assert collector.wait(4)[0]["service"] == "vision"
    path, headers = collector.requests[0]
    assert path == "/custom" and headers["Authorization"] == "Bearer t0p-s3cret"
    sidecar.stop()
    assert "OTEL_EXPORTER_OTLP_HEADERS" in sidecar.log()
    assert "t0p-s3cret" not in sidecar.log()


def test_without_an_endpoint_nothing_is_recorded(world, collector):
    world.declare_usual()
    world.sidecar("a", world.scripted())
    world.send("a", body("x", headers=HEADERS))
    world.receive("b")
    world.wait_settled("a")
    assert not collector.requests


def test_a_malformed_endpoint_names_the_variable(world):
    sidecar = world.sidecar("a", world.scripted(), ready=False, OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318")
    assert sidecar.wait_exit() == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in sidecar.log()

"""Spans of every hop, exported by OTLP/HTTP beside the message path; on SQS the trace travels as attributes too."""

import json

import pytest
from harness.envelopes import body
from harness.scripted_runtime import always, error
from harness.waiting import eventually
from localservers.collector import Collector

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


PARENT, STATE = HEADERS["traceparent"], HEADERS["tracestate"]
AS_ATTRIBUTES = {"traceparent": ("String", PARENT), "tracestate": ("String", STATE)}


def test_on_sqs_the_trace_of_the_headers_is_sent_as_attributes_too(moto_world):
    """Readers with OpenTelemetry's instrumentation look there; the body is what it was."""
    moto_world.declare_usual()
    moto_world.sidecar("a", moto_world.scripted())
    moto_world.send("a", body("x", headers=HEADERS))
    traced = moto_world.receive("b", timeout=20)
    assert traced.attributes == AS_ATTRIBUTES
    assert traced.json["headers"] == HEADERS
    moto_world.send("a", body("y", headers={"tracestate": STATE, "traceparent": "invalid"}))
    assert moto_world.receive("b", timeout=20).attributes == {}


def test_on_sqs_error_envelopes_and_dead_letters_keep_their_trace(moto_world):
    moto_world.declare("a", "error-end")
    moto_world.client.declare_queue("dead")
    moto_world.sidecar("a", moto_world.scripted(always(error("processing_error"))))
    moto_world.send("a", body("x", headers=HEADERS))
    assert moto_world.receive("error-end", timeout=20).attributes == AS_ATTRIBUTES
    moto_world.declare("end")
    moto_world.end_sidecar(
        "end",
        moto_world.scripted(always(error("processing_error"))),
        ASYA_QUEUE_MAX_DELIVERIES=1,
        ASYA_QUEUE_DLQ="dead",
    )
    moto_world.client.publish("asya-end", body("y"), attributes={"traceparent": PARENT})
    dead = moto_world.client.get("dead", timeout=20)
    assert dead.body == body("y") and dead.attributes == {"traceparent": ("String", PARENT)}


def test_on_sqs_the_attributes_of_a_foreign_producer_are_the_parent(moto_world, collector):
    """Its body has no headers; an invalid attribute starts no trace, and the body's own headers win."""
    moto_world.declare_usual()
    for actor in ("a", "b"):
        moto_world.sidecar(actor, moto_world.python(), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    foreign = {"traceparent": PARENT, "tracestate": STATE, "other": "7"}
    moto_world.client.publish("asya-a", body("invalid"), attributes={"traceparent": PARENT + "0"})
    moto_world.client.publish("asya-a", body("foreign"), attributes=foreign)
    other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    moto_world.client.publish("asya-a", body("both", headers={"traceparent": other}), attributes=foreign)
    arrived = {m.json["id"]: m for m in moto_world.receive_many("happy-end", 3, timeout=40)}
    assert arrived["foreign"].attributes == AS_ATTRIBUTES and "headers" not in arrived["foreign"].json
    assert arrived["both"].attributes == {"traceparent": ("String", other)}
    assert arrived["invalid"].attributes == {}
    collector.wait(16)
    hops = [span for span in collector.spans if span["name"].startswith("process ")]
    parents = {(hop["attributes"]["messaging.message.id"], hop["name"]): hop["parentSpanId"] for hop in hops}
    assert parents == {
        ("foreign", "process a"): ROOT,
        ("foreign", "process b"): ROOT,
        ("both", "process a"): "b7ad6b7169203331",
        ("both", "process b"): "b7ad6b7169203331",
    }

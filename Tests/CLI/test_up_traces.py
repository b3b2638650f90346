"""The trace of the demo pipeline under `asya up`, as a collector receives it."""

import collections
import json
import shutil

import pytest

from conftest import ROOT
from localservers.collector import Collector
from up_run import Folder, eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
ROUTE = "fetch-documents,split-sections,score-section,judge-section"
PARTS = ["wait", "runtime", "publish"]
# It ends the route, so it publishes nothing.
END, END_PARTS = "happy-end", ["wait", "runtime"]


@pytest.fixture
def pipeline(asya):
    """The text pipeline in the test's folder."""
    for name in ("actors", "documents"):
        shutil.copytree(ROOT / "examples" / "text-pipeline" / name, asya.folder / name)
    shutil.copy(ROOT / "examples" / "text-pipeline" / "asya.yaml", asya.folder)
    return Folder(asya)


@pytest.fixture
def collector():
    started = Collector()
    yield started
    started.stop()


def run(pipeline, **environment):
    """Sends one document through all actors; returns the results of its sections."""
    with pipeline.up(env=environment) as up:
        up.started()
        pipeline.asya(
            "send", ROUTE, "--payload", json.dumps({"path": "how-bread-rises.txt"}), "--id", "doc",
            "--header", f"traceparent=00-{TRACE}-{PARENT}-01",
        )  # fmt: skip

        def complete():
            ended = [entry["envelope"] for entry in pipeline.results()]
            return ended if ended and len(ended) == ended[0]["payload"]["section_count"] else None

        ended = eventually(complete, lambda: f"all sections\n{up}")
        assert up.stop() == 0
    return ended


def test_every_hop_of_the_pipeline_is_in_one_trace(pipeline, collector):
    ended = run(pipeline, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    spans = collector.of_trace(TRACE)
    assert spans and len(spans) == len(collector.spans), "spans outside the trace"
    hops = {span["spanId"]: span for span in spans if span["name"].startswith("process ")}
    # What each section's own route says, and the two hops before there were sections.
    wanted = collections.Counter(actor for one in ended for actor in one["route"]["actors"][2:])
    wanted.update([*ROUTE.split(",")[:2], *[END] * len(ended)])
    assert collections.Counter(hop["name"].removeprefix("process ") for hop in hops.values()) == wanted
    assert {hop["service"] for hop in hops.values()} == {f"asya-{actor}" for actor in wanted}
    assert {hop["parentSpanId"] for hop in hops.values()} == {PARENT}

    parts = collections.defaultdict(list)
    for span in spans:
        if span["spanId"] not in hops:
            parts[span["parentSpanId"]].append(span)
    assert parts.keys() == hops.keys()
    for identifier, hop in hops.items():
        expected = END_PARTS if hop["name"] == f"process {END}" else PARTS
        assert [part["name"] for part in parts[identifier]] == expected
        moments = [int(hop["startTimeUnixNano"])]
        for part in parts[identifier]:
            moments += [int(part["startTimeUnixNano"]), int(part["endTimeUnixNano"])]
        assert [*moments, int(hop["endTimeUnixNano"])] == sorted([*moments, int(hop["endTimeUnixNano"])]), hop


def test_the_actors_follow_one_another_in_the_trace(pipeline, collector):
    ended = run(pipeline, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    hops = [span for span in collector.of_trace(TRACE) if span["name"].startswith("process ")]
    for one in ended:
        own = [hop for hop in hops if hop["attributes"]["messaging.message.id"] == one["id"]]
        own.sort(key=lambda hop: int(hop["startTimeUnixNano"]))
        actors = [hop["name"].removeprefix("process ") for hop in own]
        # The first section keeps the document's id, the others begin behind the split.
        assert actors == [*one["route"]["actors"], END][-len(actors) :]
        assert len(actors) >= 3


def test_without_an_endpoint_nothing_is_sent(pipeline, collector):
    run(pipeline)
    assert not collector.requests

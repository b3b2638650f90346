"""The metrics page after known traffic, custom metrics, and the HTTP server itself; sidecar.md 10."""

import gzip
import json
import socket
import time

import metric_names
import pytest
from harness.envelopes import advanced_reply, body, reply_element
from harness.scripted_runtime import always, delayed_echo, end_reply, error, reply
from harness.waiting import eventually

DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, float("inf")]
RECEIVE = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, float("inf")]
SEND = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, float("inf")]
SIZES = [100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, float("inf")]


def test_every_series_has_its_documented_value_after_known_traffic(world):
    world.declare_usual()

    def script(request):
        kind = request.json["payload"]
        if kind == "empty":
            return reply([])
        if kind == "error":
            return error("processing_error")
        if kind == "garbage":
            return reply(b"garbage")
        if kind == "fan":
            return reply([reply_element(payload=i) for i in range(3)])
        return reply(advanced_reply(request.body))

    sidecar = world.sidecar("a", world.scripted(script))
    bodies = [body("m-%d" % i, payload=p) for i, p in enumerate(["ok", "ok", "empty", "error", "garbage", "fan"])]
    bodies += [body("end", actors=["a"], payload="ok"), b"{", b'{"route":{}}', body("mis", actors=["b"])]
    world.send_many("a", bodies)
    world.wait_settled("a")
    eventually(lambda: sidecar.metric("active_messages") == 0, 15, "active_messages to fall to 0")
    expected = {
        ("messages_received_total", ("queue", "a"), ("transport", "rabbitmq")): 10,
        ("messages_processed_total", ("queue", "a"), ("status", "success")): 4,
        ("messages_processed_total", ("queue", "a"), ("status", "empty_response")): 1,
        ("messages_sent_total", ("destination_queue", "asya-b"), ("message_type", "routing")): 5,
        ("messages_sent_total", ("destination_queue", "asya-happy-end"), ("message_type", "happy_end")): 1,
        ("messages_sent_total", ("destination_queue", "happy-end"), ("message_type", "happy_end")): 1,
        ("messages_sent_total", ("destination_queue", "error-end"), ("message_type", "error_end")): 5,
        ("messages_failed_total", ("queue", "a"), ("reason", "parse_error")): 1,
        ("messages_failed_total", ("queue", "a"), ("reason", "validation_error")): 1,
        ("messages_failed_total", ("queue", "a"), ("reason", "route_mismatch")): 1,
        ("messages_failed_total", ("queue", "a"), ("reason", "runtime_error")): 2,
        ("runtime_errors_total", ("queue", "a"), ("error_type", "execution_error")): 1,
        ("runtime_errors_total", ("queue", "a"), ("error_type", "processing_error")): 1,
        ("processing_duration_seconds_count", ("queue", "a")): 10,
        ("runtime_execution_duration_seconds_count", ("queue", "a")): 7,
        ("queue_receive_duration_seconds_count", ("queue", "a"), ("transport", "rabbitmq")): 10,
        ("envelope_size_bytes_count", ("direction", "received")): 10,
        ("envelope_size_bytes_count", ("direction", "sent")): 12,
        ("envelope_size_bytes_sum", ("direction", "received")): sum(map(len, bodies)),
        ("active_messages",): 0,
        ("transport_connected",): 1,
    }
    metrics = sidecar.metrics()
    seen = {key: metrics.value("asya_actor_" + key[0], **dict(key[1:])) for key in expected}
    if not metrics.has("asya_actor_transport_connected"):
        seen[("transport_connected",)] = metrics.total("asya_actor_transport_connected")
    assert seen == expected
    assert metrics.total("asya_actor_queue_send_duration_seconds_count") == 12
    assert metrics.value("asya_actor_publish_confirm_duration_seconds_count", transport="rabbitmq") == 12
    assert len(metrics.series("asya_actor_messages_failed_total")) == 4, "series appear on first use only"


def test_histograms_have_their_documented_buckets_and_types(cell):
    cell.send(body("x"))
    cell.only("b")
    metrics = cell.sidecar.metrics()
    expected = {
        "processing_duration_seconds": (DURATIONS, {"queue": "a"}),
        "runtime_execution_duration_seconds": (DURATIONS, {"queue": "a"}),
        "queue_receive_duration_seconds": (RECEIVE, {"queue": "a", "transport": "rabbitmq"}),
        "queue_send_duration_seconds": (SEND, {"transport": "rabbitmq"}),
        "envelope_size_bytes": (SIZES, {"direction": "sent"}),
        "publish_confirm_duration_seconds": (SEND, {"transport": "rabbitmq"}),
    }
    for name, (bounds, labels) in expected.items():
        full = "asya_actor_" + name
        assert metrics.types[full] == "histogram"
        buckets = metrics.buckets(full, **labels)
        assert buckets[: len(bounds)] == bounds, name
    kinds = {
        "messages_received_total": "counter",
        "active_messages": "gauge",
        "in_flight_window": "gauge",
        "transport_connected": "gauge",
    }
    for name, kind in kinds.items():
        assert metrics.types["asya_actor_" + name] == kind
        assert metrics.help.get("asya_actor_" + name), "every metric explains itself"


def test_histogram_buckets_are_cumulative_and_agree_with_count_and_sum(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(delayed_echo(0.03)))
    world.send_many("a", [body("m-%d" % i) for i in range(10)])
    world.receive_many("b", 10)
    world.wait_settled("a")
    metrics = sidecar.metrics()
    name = "asya_actor_runtime_execution_duration_seconds"
    counts = [metrics.value(name + "_bucket", queue="a", le=le) for le in ("0.025", "0.05", "0.1", "+Inf")]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 10
    assert metrics.value(name + "_count", queue="a") == 10
    assert 0.3 <= metrics.value(name + "_sum", queue="a") <= 2


def test_the_page_shows_only_our_metrics_and_build_info(cell):
    metrics = cell.sidecar.metrics()
    assert {name for name, _ in metrics.samples if not name.startswith("asya_actor_")} == set()
    info = metrics.series("asya_actor_build_info")
    assert len(info) == 1 and set(info[0]) == {"version"} and info[0]["version"]
    assert metrics.has("asya_actor_active_messages")
    assert cell.sidecar.get("/metrics")[1]["Content-Type"].startswith("text/plain; version=0.0.4")


def test_the_namespace_and_end_actor_series_follow_configuration(world):
    world.declare("done", "error-end")
    sidecar = world.end_sidecar(
        "done", world.scripted(end_reply), ASYA_METRICS_NAMESPACE="own", ASYA_ACTOR_HAPPY_END="done"
    )
    world.send("done", body("x"))
    world.wait_settled("done")
    metrics = sidecar.metrics()
    assert metrics.value("own_messages_processed_total", queue="done", status="end_consumed") == 1
    assert metrics.total("own_messages_sent_total") == 0


def test_redeliveries_and_nacks_are_counted(world):
    world.declare("happy-end")
    runtime = world.scripted(always(error("processing_error")))
    sidecar = world.end_sidecar("happy-end", runtime)
    world.send("happy-end", body("x"))
    runtime.wait_requests(2, 15)
    metrics = sidecar.metrics()
    nacks = metrics.series("asya_actor_nacks_total")
    assert nacks and all(set(series) == {"queue", "cause"} for series in nacks)
    assert metrics.total("asya_actor_nacks_total") >= 1
    assert metrics.value("asya_actor_redelivered_total", queue="happy-end") >= 1


# HTTP


def test_openmetrics_is_sent_when_asked_for(cell):
    status, headers, text = cell.sidecar.get("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert status == 200
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
    assert b"# TYPE asya_actor_messages_received counter" in text


def test_the_page_is_compressed_when_accepted(cell):
    plain = cell.sidecar.get("/metrics")[2]
    status, headers, text = cell.sidecar.get("/metrics", {"Accept-Encoding": "gzip"})
    assert status == 200 and headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(text).count(b"\n") == plain.count(b"\n")
    assert "Content-Encoding" not in cell.sidecar.get("/metrics", {"Accept-Encoding": "identity"})[1]


@pytest.mark.parametrize("path", ["/", "/metrics/", "/nothing", "/healthz", "/metricsx"])
def test_other_paths_are_404(cell, path):
    assert cell.sidecar.get(path)[0] == 404


def test_a_query_string_does_not_hide_the_page(cell):
    assert cell.sidecar.get("/metrics?name[]=x")[0] == 200


def raw_http(sidecar, data, timeout=8):
    """Everything the server answers to raw bytes until it closes or stays silent."""
    with socket.create_connection(("127.0.0.1", sidecar.metrics_port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            answer = b""
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return answer
                answer += piece
        except (ConnectionError, socket.timeout):
            return answer


@pytest.mark.parametrize(
    "data",
    [
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"G" * 100_000,
        b"GET\r\n\r\n",
        b"\r\n" * 1000,
    ],
    ids=["oversized header", "binary", "endless line", "no path", "empty lines"],
)
def test_bad_requests_do_not_disturb_the_sidecar(cell, data):
    answer = raw_http(cell.sidecar, data, timeout=2)
    assert not answer.startswith(b"HTTP/1.1 200")
    assert cell.sidecar.get("/health")[0] == 200


def test_a_client_that_sends_its_header_too_slowly_is_cut_off_and_blocks_nobody(cell):
    with socket.create_connection(("127.0.0.1", cell.sidecar.metrics_port), timeout=20) as slow:
        slow.sendall(b"GET /met")
        started = time.monotonic()
        assert cell.sidecar.get("/health")[0] == 200
        cell.send(body("x"))
        cell.only("b")
        try:
            while slow.recv(4096):
                pass
        except ConnectionError:
            pass  # A reset is as good as a close.
        assert 3 <= time.monotonic() - started <= 20


def test_a_request_split_into_bytes_and_several_on_one_connection_work(cell):
    with socket.create_connection(("127.0.0.1", cell.sidecar.metrics_port), timeout=5) as connection:
        for byte in b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_idle_connections_do_not_lock_out_a_scrape_for_longer_than_the_header_timeout(cell):
    idle = [socket.create_connection(("127.0.0.1", cell.sidecar.metrics_port), timeout=5) for _ in range(20)]
    try:
        eventually(lambda: cell.sidecar.status("/metrics") == 200, 10, "a scrape to succeed")
    finally:
        for connection in idle:
            connection.close()
    assert cell.sidecar.get("/metrics")[0] == 200


def test_without_metrics_there_is_no_server(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_METRICS_ENABLED="false")
    world.send("a", body("x"))
    world.receive("b")
    assert sidecar.status("/health") is None


def test_an_address_in_use_is_logged_and_does_not_stop_the_sidecar(world):
    world.declare_usual()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_METRICS_ADDR=address)
        world.send("a", body("x"))
        world.receive("b")
        assert sidecar.is_running
        assert sidecar.log_lines("ERROR") or sidecar.log_lines("WARN")


def test_an_empty_host_listens_on_ipv4_and_ipv6(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), start=False)
    sidecar.environment["ASYA_METRICS_ADDR"] = ":%d" % sidecar.metrics_port
    sidecar.start().wait_ready()
    with socket.socket(socket.AF_INET6) as six:
        six.settimeout(5)
        try:
            six.connect(("::1", sidecar.metrics_port))
        except OSError as failure:
            if failure.errno in (97, 99, 101):
                pytest.skip("this machine has no IPv6 loopback")
            raise


# Custom metrics

CUSTOM = json.dumps(
    [
        {"name": "widgets_total", "type": "Counter", "help": "Widgets.", "labels": ["kind"]},
        {"name": "temperature", "type": "GAUGE", "help": "Degrees."},
        {"name": "9 bad-name", "type": "gauge", "help": "Sanitised."},
        {"name": "sizes", "type": "histogram", "help": "Sizes.", "buckets": [1, 10]},
        {"name": "defaults", "type": "histogram", "help": "Default buckets."},
        {"name": "quantiles", "type": "summary", "help": "No such type."},
    ]
)


def custom_reply(metrics):
    return lambda request: reply([dict(reply_element(payload=1), metrics=metrics)])


def test_custom_metrics_are_set_through_the_reply(world):
    world.declare_usual()
    runtime = world.scripted(
        custom_reply(
            [
                {"name": "widgets_total", "value": 2, "labels": {"kind": "round"}},
                {"name": "temperature", "value": 36.5},
                {"name": "sizes", "value": 5},
            ]
        )
    )
    sidecar = world.sidecar("a", runtime, ASYA_CUSTOM_METRICS=CUSTOM)
    before = sidecar.metrics()
    assert before.has("temperature") and before.value("temperature") == 0
    assert before.has("_9_bad_name")
    assert not before.has("quantiles")
    assert before.buckets("defaults") == [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, float("inf")]
    assert any("summary" in line or "quantiles" in line for line in sidecar.log_lines("WARN"))
    world.send_many("a", [body("m-%d" % i) for i in range(3)])
    messages = world.receive_many("b", 3)
    assert all("metrics" not in message.json for message in messages)
    world.wait_settled("a")
    metrics = sidecar.metrics()
    assert metrics.value("widgets_total", kind="round") == 6
    assert metrics.value("temperature") == 36.5
    assert metrics.value("sizes_bucket", le="1") == 0 and metrics.value("sizes_bucket", le="10") == 3
    assert metrics.value("sizes_sum") == 15
    assert (metrics.types["widgets_total"], metrics.types["temperature"], metrics.types["sizes"]) == (
        "counter",
        "gauge",
        "histogram",
    )


@pytest.mark.parametrize(
    "metrics",
    [
        [{"name": "unknown", "value": 1}],
        [{"name": "widgets_total", "value": 1}],
        [{"name": "widgets_total", "value": 1, "labels": {"other": "x"}}],
        [{"name": "temperature", "value": "hot"}],
        [{"value": 1}],
        ["x"],
        {"name": "temperature"},
        "x",
        5,
        None,
    ],
)
def test_custom_metrics_that_cannot_be_recorded_are_ignored_with_one_warning(world, metrics):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(custom_reply(metrics)), ASYA_CUSTOM_METRICS=CUSTOM)
    warnings = len(sidecar.log_lines("WARN"))
    world.send_many("a", [body("m-%d" % i) for i in range(20)])
    assert len(world.receive_many("b", 20)) == 20
    assert len(sidecar.log_lines("WARN")) - warnings <= 1
    assert sidecar.metrics().value("temperature") == 0


def test_a_python_handler_can_set_a_custom_metric(world):
    world.declare_usual()
    runtime = world.python("conformance_handlers.measured", ASYA_CUSTOM_METRICS=CUSTOM)
    sidecar = world.sidecar("a", runtime, ASYA_CUSTOM_METRICS=CUSTOM)
    world.send("a", body("x", payload={"temperature": 12}))
    world.receive("b")
    world.wait_settled("a")
    metrics = sidecar.metrics()
    assert metrics.value("temperature") == 12
    assert metrics.value("widgets_total", kind="round") == 2


def test_every_metric_of_dashboards_and_alerts_exists(world):
    world.declare("happy-end")
    runtime = world.scripted(always(error("processing_error")))
    # An end actor gives failures back, which makes the series of redeliveries; the others are on every page.
    sidecar = world.end_sidecar("happy-end", runtime, world.gateway())
    world.send("happy-end", body("x"))
    runtime.wait_requests(2, 15)
    pages = [sidecar.get("/metrics")[2].decode()]
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(script_of_all_kinds), world.gateway())
    world.send_many("a", [body("ok", payload="ok"), body("bad", payload="error")])
    world.wait_settled("a")
    pages.append(sidecar.get("/metrics")[2].decode())
    missing = [metric_names.missing(page, "sidecar") for page in pages]
    assert {name for name in missing[0] if name in missing[1]} == set()


def script_of_all_kinds(request):
    if request.json["payload"] == "error":
        return error("processing_error")
    return reply(advanced_reply(request.body))

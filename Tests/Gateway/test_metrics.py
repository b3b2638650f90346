"""The numbers: what is counted, what a scrape costs, and that streams are freed when their clients go away."""

import re
import socket


import metric_names
from localservers import processes

WAIT = 30

TOOLS = """
tools:
- {name: echo, route: [first, second], progress: true, parameters: {text: {type: string, required: true}}}
- {name: rare, route: [first], rate_limit: 1}
"""


def page(gateway):
    return gateway.request("GET", "/metrics").text


def number(gateway, series):
    """The value of a series, 0 when there is none."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", page(gateway), re.MULTILINE)
    return float(found.group(1)) if found else 0


def wait_number(gateway, series, wanted, limit=WAIT):
    processes.wait_until(
        lambda: number(gateway, series) == wanted, limit, what=lambda: f"{series} {wanted}, is {number(gateway, series)}"
    )


def test_every_metric_of_dashboards_and_alerts_exists(make_gateway, postgres, broker):
    gateway = make_gateway(
        {"ASYA_RABBITMQ_URL": broker.url, "ASYA_DATABASE_URL": postgres.create_database("metricnames")}
    ).start()
    gateway.call("lost", {})
    assert metric_names.missing(page(gateway), "gateway") == {}


def test_an_envelope_is_counted_where_it_begins_waits_and_ends(gateway):
    def numbers():
        return [
            number(gateway, series)
            for series in (
                'asya_gateway_calls_total{tool="echo"}',
                'asya_gateway_queue_time_seconds_count{tool="echo"}',
                'asya_gateway_envelopes_ended_total{tool="echo",status="succeeded"}',
                'asya_gateway_envelopes_ended_total{tool="echo",status="failed"}',
            )
        ]

    before = numbers()
    done, cancelled = gateway.call(), gateway.call()
    for status in ("received", "processing", "completed"):
        gateway.progress(done, 0, status)
    gateway.progress(done, 1, "received")
    gateway.final(done)
    gateway.final(done)
    gateway.request("POST", f"/envelopes/{cancelled}/cancel")
    assert [after - earlier for after, earlier in zip(numbers(), before)] == [2, 1, 1, 1]


def test_a_deadline_counts_as_a_failure_of_its_tool(gateway):
    series = 'asya_gateway_envelopes_ended_total{tool="short",status="failed"}'
    before = number(gateway, series)
    gateway.wait_status(gateway.call("short", {}), "failed")
    wait_number(gateway, series, before + 1)


def test_refusals_are_counted_by_reason(make_gateway, broker):
    gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url}, tools=TOOLS).start()
    for body in ({"name": "nope"}, {"name": "echo"}, {"name": "rare"}, {"name": "rare"}, {"name": "rare"}):
        gateway.request("POST", "/tools/call", json=body)
    key = {"Idempotency-Key": "k"}
    gateway.call("echo", {"text": "a"}, headers=key)
    answer = gateway.request("POST", "/tools/call", json={"name": "echo", "arguments": {"text": "b"}}, headers=key)
    assert answer.status_code == 409
    counts = dict(re.findall(r'asya_gateway_calls_refused_total\{reason="(\w+)"\} (\d+)', page(gateway)))
    assert int(counts.pop("rate_limited")) in (1, 2)  # A slow machine has a second token by then.
    assert counts == {"unknown_tool": "1", "bad_arguments": "1", "key_conflict": "1", "store_failed": "0"}


def test_clients_that_ask_too_often_are_counted(make_gateway):
    gateway = make_gateway({"ASYA_GATEWAY_CLIENT_RATE": "1", "ASYA_SQS_ENDPOINT": "http://127.0.0.1:9"}).start()
    codes = [gateway.request("GET", "/api/v1/tools").status_code for _ in range(10)]
    assert number(gateway, "asya_gateway_rate_limited_clients_total") == codes.count(429) > 0


def test_a_scrape_does_not_count_the_store_each_time(make_gateway, broker, tmp_path):
    gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url, "ASYA_GATEWAY_STORE_PATH": str(tmp_path / "s")}).start()
    gateway.call("lost", {})
    for _ in range(20):
        assert "asya_gateway_envelopes{" in page(gateway)
    assert number(gateway, 'asya_gateway_store_duration_seconds_count{operation="counts"}') <= 2
    total = sum(number(gateway, f'asya_gateway_envelopes{{status="{status}"}}') for status in ("running", "failed"))
    assert total == 1


def test_connections_to_the_database_are_replaced_when_they_are_old(make_gateway, postgres, broker):
    gateway = make_gateway(
        {
            "ASYA_RABBITMQ_URL": broker.url,
            "ASYA_DATABASE_URL": postgres.create_database("ages"),
            "ASYA_DB_MAX_CONN_LIFETIME": "300ms",
        }
    ).start()

    def backends():
        listening = "query NOT LIKE 'LISTEN%'"
        return set(postgres.sql(f"SELECT pid FROM pg_stat_activity WHERE datname = 'ages' AND {listening}").split())

    gateway.call("lost", {})
    first = backends()
    assert first

    def are_gone():
        for _ in range(8):  # Enough for every reader to get one.
            gateway.request("GET", "/api/v1/envelopes")
        gateway.call("lost", {})
        return not first & backends()

    processes.wait_until(are_gone, WAIT, what=lambda: f"other connections than {first}: {backends()}")
    assert number(gateway, "asya_gateway_database_connections") <= number(
        gateway, "asya_gateway_database_connections_limit"
    )


# --- streams

OPEN = 'asya_gateway_streams_open{kind="%s"}'


def test_a_client_that_goes_away_frees_its_stream_at_once(sqlite_gateway):
    gateway = sqlite_gateway
    envelope_id = gateway.call()  # Nothing more happens to it: only the connections' ends can be noticed.
    streams = [gateway.stream(envelope_id) for _ in range(20)]
    for stream in streams:
        stream.wait_events(1)
    assert number(gateway, OPEN % "updates") == 20
    for stream in streams[:15]:
        stream.close()
    # Long before the keep-alive of 15 s would run into the closed connection.
    wait_number(gateway, OPEN % "updates", 5, limit=5)
    gateway.final(envelope_id)
    wait_number(gateway, OPEN % "updates", 0, limit=5)


def test_streams_of_mcp_are_counted_and_freed_too(sqlite_gateway):
    gateway = sqlite_gateway
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT)
    session = "mcp-session-" + "0" * 8 + "-0000-4000-8000-" + "0" * 12
    request = f"GET /mcp HTTP/1.1\r\nHost: x\r\nMcp-Session-Id: {session}\r\nAccept: text/event-stream\r\n\r\n"
    connection.sendall(request.encode())
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    wait_number(gateway, OPEN % "mcp", 1)
    connection.close()
    wait_number(gateway, OPEN % "mcp", 0, limit=5)


def test_readers_that_do_not_read_cost_little_and_are_freed(sqlite_gateway):
    gateway = sqlite_gateway
    envelope_id = gateway.call()
    stalled = [_stall(gateway, envelope_id) for _ in range(20)]
    wait_number(gateway, OPEN % "updates", 20)
    before = number(gateway, "process_resident_memory_bytes")
    report = {"actors": ["first", "second"], "status": "processing", "message": "x" * 40_000}
    for _ in range(200):
        assert gateway.request("POST", f"/envelopes/{envelope_id}/progress", json=report).status_code == 200
    grown = number(gateway, "process_resident_memory_bytes") - before
    # 8 MB for each of 20 readers are waiting in the store; buffered they would be 160 MB.
    assert grown < 60_000_000, grown
    for connection in stalled:
        connection.close()
    wait_number(gateway, OPEN % "updates", 0, limit=10)


def _stall(gateway, envelope_id):
    """Asks for a stream and never reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(WAIT)
    connection.connect(("127.0.0.1", gateway.port))
    connection.sendall(f"GET /envelopes/{envelope_id}/stream HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection

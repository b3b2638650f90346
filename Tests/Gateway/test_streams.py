"""Server-sent events: nothing is lost, nothing repeated, across reconnects, restarts and replicas."""

import http.client
import threading

from harness import in_parallel


def test_replay_live_and_end(gateway):
    envelope_id = gateway.call()
    early = gateway.stream(envelope_id)
    assert early.response.status == 200
    assert early.response.headers["Content-Type"] == "text/event-stream"
    early.wait_events(1)
    for index in (0, 1):
        for status in ("received", "processing", "completed"):
            gateway.progress(envelope_id, index, status)
    gateway.final(envelope_id, result={"v": 1})
    events = early.wait_end()
    late = gateway.stream(envelope_id).wait_end()
    assert late == events
    assert {event["event"] for event in events} == {"update"}
    assert events[0]["data"]["message"] == "Sending envelope to first actor"
    percents = [event["data"]["progress_percent"] for event in events if "progress_percent" in event["data"]]
    assert percents == sorted(percents) and percents[-1] == 100
    assert events[-1]["data"]["status"] == "succeeded"
    assert events[-1]["data"]["result"] == {"v": 1}
    assert events[2]["data"]["actors"] == ["first", "second"]
    assert events[2]["data"]["envelope_state"] == "processing"


def test_reconnecting_has_no_gap_and_no_repeat(gateway):
    envelope_id = gateway.call()
    for _ in range(20):
        gateway.progress(envelope_id, 0, "processing")
    first = gateway.stream(envelope_id)
    seen = first.wait_events(10)[:10]
    first.close()
    gateway.progress(envelope_id, 1, "processing")
    gateway.final(envelope_id)
    rest = gateway.stream(envelope_id, last_id=seen[-1]["id"]).wait_end()
    ids = [event["id"] for event in seen + rest]
    assert ids == sorted(set(ids))
    assert ids == [event["id"] for event in gateway.stream(envelope_id).wait_end()]


def test_a_connection_serves_on_after_its_stream_has_ended(gateway):
    envelope_id = gateway.call()
    gateway.final(envelope_id)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.connect()
    connection.auto_open = 0  # A second connection would hide that the first was closed.
    for _ in range(3):
        connection.request("GET", f"/envelopes/{envelope_id}/stream")
        answer = connection.getresponse()
        assert answer.headers["Connection"] == "keep-alive"
        assert b'"status":"succeeded"' in answer.read()
    connection.request("GET", "/health")
    assert connection.getresponse().read() == b"OK\n"
    connection.close()


def test_many_readers_get_everything(gateway):
    envelope_id = gateway.call()
    streams = [gateway.stream(envelope_id) for _ in range(20)]
    for _ in range(50):
        gateway.progress(envelope_id, 0, "processing")
    gateway.final(envelope_id)
    histories = [[event["id"] for event in stream.wait_end()] for stream in streams]
    assert all(history == histories[0] for history in histories)
    assert len(histories[0]) == 52


def test_a_slow_reader_misses_nothing(gateway):
    envelope_id = gateway.call()
    stalled = gateway.stream(envelope_id)
    stalled.wait_events(1)

    def report(_):
        for _ in range(250):
            gateway_post(gateway, envelope_id)

    in_parallel(4, report)
    gateway.final(envelope_id)
    events = stalled.wait_end()
    assert len(events) == 1002
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))


def gateway_post(gateway, envelope_id):
    import requests

    session = getattr(_LOCAL, "session", None)
    if session is None:
        session = _LOCAL.session = requests.Session()
    body = {"actors": ["first", "second"], "current_actor_idx": 0, "status": "processing", "message": "m"}
    assert session.post(f"{gateway.url}/envelopes/{envelope_id}/progress", json=body, timeout=60).status_code == 200


_LOCAL = threading.local()


def test_unknown_envelope(gateway):
    answer = gateway.request("GET", "/envelopes/nobody/stream")
    assert answer.status_code == 404
    assert answer.text == "Envelope not found\n"


def test_shutdown_ends_streams_with_a_hint_and_they_resume(make_gateway, environment, channel):
    gateway = make_gateway(environment).start()
    envelope_id = gateway.call()
    stream = gateway.stream(envelope_id)
    seen = stream.wait_events(1)
    assert gateway.stop() == 0
    stream.wait_end()
    assert stream.retry == 1000
    gateway.start()
    gateway.final(envelope_id)
    rest = gateway.stream(envelope_id, last_id=seen[-1]["id"]).wait_end()
    assert [event["data"]["status"] for event in rest] == ["succeeded"]


def test_replicas_see_each_others_updates(make_gateway, postgres, broker, channel):
    environment = {"ASYA_RABBITMQ_URL": broker.url, "ASYA_DATABASE_URL": postgres.create_database("replicas")}
    replicas = [make_gateway(environment).start() for _ in range(3)]
    envelope_id = replicas[0].call()
    streams = [replica.stream(envelope_id) for replica in replicas]
    for stream in streams:
        stream.wait_events(1)
    for index in range(30):
        replicas[index % 3].progress(envelope_id, 0, "processing")
    replicas[1].final(envelope_id, result=[1])
    histories = [stream.wait_end() for stream in streams]
    assert histories[0] == histories[1] == histories[2]
    assert len(histories[0]) == 32
    assert replicas[2].envelope(envelope_id)["status"] == "succeeded"

"""From a call to the message in the queue, the reports and the end, on both stores and a real broker."""

import json

import requests
from harness import in_parallel, new_id
from localservers import processes

WAIT = 30


def take(channel, queue):
    """The next message of a queue."""
    found = []

    def arrived():
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is not None:
            found.append((properties, json.loads(body)))
        return found

    processes.wait_until(arrived, WAIT, what=f"a message in {queue}")
    return found[0]


def test_a_call_becomes_a_persistent_message(gateway, channel):
    payload = {"text": "Ünïcode 🚀", "big": 12345678901234567890, "deep": [[{"null": None}]]}
    envelope_id = gateway.call("echo", payload)
    properties, message = take(channel, "asya-first")
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/json"
    assert properties.message_id == envelope_id
    assert message["id"] == envelope_id
    assert message["payload"] == payload
    assert message["route"] == {"actors": ["first", "second"], "current": 0, "metadata": {"job_id": envelope_id}}
    assert message["deadline"].endswith("Z")
    state = gateway.envelope(envelope_id)
    assert state["status"] == "running"
    assert state["payload"] == payload
    assert state["timeout_seconds"] == 300


def test_progress_reaches_100_and_the_result_survives(gateway):
    envelope_id = gateway.call()
    percents = []
    for index in (0, 1):
        for status in ("received", "processing", "completed"):
            answer = gateway.progress(envelope_id, index, status)
            assert answer.status_code == 200
            percents.append(answer.json()["progress_percent"])
    assert percents == [5, 25, 50, 55, 75, 100]
    result = {"emoji": "🚀", "nested": {"a": [None, 1.5, "x" * 1000]}, "list": list(range(50))}
    assert gateway.final(envelope_id, result=result).json() == {"status": "ok"}
    state = gateway.envelope(envelope_id)
    assert state["status"] == "succeeded"
    assert state["result"] == result
    assert state["progress_percent"] == 100
    assert state["actors_completed"] == 2


def test_a_result_of_ten_megabytes(gateway):
    envelope_id = gateway.call()
    result = {"blob": "0123456789" * 1_000_000}
    assert gateway.final(envelope_id, result=result).status_code == 200
    assert gateway.envelope(envelope_id)["result"] == result


def test_the_first_terminal_state_wins_among_many(gateway):
    envelope_id = gateway.call()
    answers = in_parallel(
        16, lambda index: gateway_final(gateway, envelope_id, "succeeded" if index % 2 else "failed")
    )
    assert [answer["status"] for answer in answers] == ["ok"] * 16
    assert len([answer for answer in answers if "ignored" not in answer]) == 1
    before = gateway.envelope(envelope_id)
    late = gateway.progress(envelope_id, 0, "received").json()
    assert late["ignored"] is True
    after = gateway.envelope(envelope_id)
    assert after == before
    updates = gateway.request("GET", f"/api/v1/envelopes/{envelope_id}/updates").json()["updates"]
    assert [update["status"] for update in updates][:-1] == ["running"] * (len(updates) - 1)


def gateway_final(gateway, envelope_id, status):
    # A session of its own: requests' sessions are not made for threads.
    answer = requests.post(f"{gateway.url}/envelopes/{envelope_id}/final", json={"status": status}, timeout=30)
    assert answer.status_code == 200
    return answer.json()


def test_a_failure_keeps_its_details(gateway):
    envelope_id = gateway.call()
    gateway.final(
        envelope_id, "failed", error="boom", error_details={"type": "ValueError"}, actors=["first", "second"],
        current_actor_idx=1, current_actor_name="second",
    )
    state = gateway.envelope(envelope_id)
    assert state["error"] == "boom"
    assert state["message"] == "Envelope failed at actor 'second': boom"
    assert state["result"]["details"] == {"type": "ValueError"}
    assert state["current_actor_name"] == "second"


def test_fan_out_children(gateway, channel):
    envelope_id = gateway.call()
    take(channel, "asya-first")
    children = [f"{envelope_id}-{index}" for index in range(1, 6)]
    for child in children:
        body = {"id": child, "parent_id": envelope_id, "actors": ["second"], "current": 0}
        assert gateway.request("POST", "/envelopes", json=body).status_code == 201
        assert gateway.request("POST", "/envelopes", json=body).status_code == 200
        assert gateway.envelope(child)["status"] == "pending"
    gateway.final(children[0])
    state = gateway.envelope(envelope_id)
    assert (state["children_total"], state["children_done"]) == (5, 1)
    listed = gateway.request("GET", f"/api/v1/envelopes/{envelope_id}/children").json()["envelopes"]
    assert {entry["id"] for entry in listed} == set(children)
    assert channel.basic_get("asya-second", auto_ack=True)[0] is None
    assert gateway.request("POST", f"/envelopes/{envelope_id}/cancel").status_code == 200
    assert gateway.envelope(children[1])["error"] == "envelope cancelled"
    assert gateway.envelope(children[0])["status"] == "succeeded"


def test_an_unroutable_call_fails_and_names_the_actor(gateway):
    envelope_id = gateway.call("lost", {})
    state = gateway.wait_status(envelope_id, "failed")
    assert "nowhere" in state["error"]
    assert state["error"].startswith("failed to send envelope: ")


def test_a_queue_without_a_binding_gets_the_message(gateway, channel):
    queue = "asya-nowhere"
    channel.queue_declare(queue)
    try:
        envelope_id = gateway.call("lost", {})
        assert take(channel, queue)[1]["id"] == envelope_id
    finally:
        channel.queue_delete(queue)


def test_fifty_calls_with_one_key_are_one(gateway, channel):
    key = new_id()

    def call(_):
        return requests.post(
            gateway.url + "/tools/call", json={"name": "echo", "arguments": {"text": "once"}},
            headers={"Idempotency-Key": key}, timeout=60,
        ).json()["structuredContent"]["envelope_id"]

    assert len(set(in_parallel(50, call))) == 1
    take(channel, "asya-first")
    assert channel.basic_get("asya-first", auto_ack=True)[0] is None
    other = gateway.request(
        "POST", "/tools/call", json={"name": "echo", "arguments": {"text": "other"}}, headers={"Idempotency-Key": key}
    )
    assert other.status_code == 409


def test_a_thousand_calls_from_many_clients_all_arrive(gateway, channel):
    def calls(_):
        with requests.Session() as session:
            return [
                session.post(gateway.url + "/tools/call", json={"name": "echo", "arguments": {"text": "x"}}, timeout=60)
                .json()["structuredContent"]["envelope_id"]
                for _ in range(50)
            ]

    ids = {envelope_id for found in in_parallel(20, calls) for envelope_id in found}
    assert len(ids) == 1000
    arrived = set()

    def all_arrived():
        method, properties, _ = channel.basic_get("asya-first", auto_ack=True)
        if method is not None:
            arrived.add(properties.message_id)
        return arrived >= ids

    processes.wait_until(all_arrived, 60, what=lambda: f"{len(ids - arrived)} messages", interval=0)


def test_listing_pages_through_everything_once(gateway):
    before = gateway.envelope(gateway.call())["created_at"]
    ids = [gateway.call() for _ in range(7)]
    seen, cursor = [], None
    while True:
        parameters = {"limit": 3, "tool": "echo", "created_after": before, **({"cursor": cursor} if cursor else {})}
        page = gateway.request("GET", "/api/v1/envelopes", params=parameters).json()
        seen += [entry["id"] for entry in page["envelopes"]]
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert seen == list(reversed(ids))

"""MCP on PostgreSQL with two replicas behind one address: whatever one knows the other knows too."""

import asyncio
import threading

import pytest
from actors import Actors
from mcp import Client
from raw_client import SESSION, RawClient


@pytest.fixture(name="sides")
def _sides(replicas):
    """A client of the first replica and one of the second."""
    with RawClient(replicas[0].port) as first, RawClient(replicas[1].port) as second:
        yield first, second


@pytest.fixture(name="other_actors")
def _other_actors(replicas):
    """Sidecars that report to the second replica."""
    return Actors(replicas[1].url)


def start(client):
    return client.result("tools/call", {"name": "tasky", "arguments": {}}, tasks=True)["taskId"]


def get(client, task):
    return client.result("tasks/get", {"taskId": task}, tasks=True)


def test_a_task_is_made_on_one_and_asked_for_on_the_other(sides, other_actors):
    first, second = sides
    task = start(first)
    assert get(second, task)["status"] == "working"
    other_actors.succeed(task, {"n": 1})
    for side in sides:
        done = get(side, task)
        assert (done["status"], done["result"]["structuredContent"]) == ("completed", {"n": 1})


def test_a_subscription_on_one_hears_of_reports_to_the_other(sides, other_actors):
    first, _ = sides
    task = start(first)
    answer = first.modern("subscriptions/listen", {"notifications": {"taskIds": [task]}}, tasks=True)
    messages = answer.messages()
    next(messages)
    other_actors.progress(task, 0, "received")
    other_actors.succeed(task, {"n": 2})
    final = next(message for message in messages if message["params"].get("status") == "completed")
    assert final["params"]["result"]["structuredContent"] == {"n": 2}


def test_progress_and_result_of_a_waiting_call_come_through_the_other(sides, other_actors):
    first, _ = sides
    known = other_actors.newest("waiting")
    found = {}

    def report():
        found["id"] = other_actors.wait_for_new("waiting", {known["id"]} if known else ())
        other_actors.progress(found["id"], 0, "processing", "half way")
        other_actors.succeed(found["id"], {"answer": 42})

    thread = threading.Thread(target=report)
    thread.start()
    answer = first.modern(
        "tools/call", {"name": "waiting", "arguments": {}}, meta={"progressToken": "p"},
        changes={"Accept": "application/json, text/event-stream"},
    )
    messages = list(answer.messages())
    thread.join()
    assert messages[-1]["result"]["structuredContent"] == {"answer": 42}
    progress = [message["params"] for message in messages if message.get("method") == "notifications/progress"]
    assert ("p", "half way") in [(one["progressToken"], one.get("message")) for one in progress]


def test_cancelling_on_one_ends_a_call_that_waits_on_the_other(sides, other_actors):
    first, second = sides
    known = other_actors.newest("waiting")
    cancelled = threading.Thread(
        target=lambda: second.send(
            "POST", [], path=f"/envelopes/{other_actors.wait_for_new('waiting', {known['id']} if known else ())}/cancel"
        )
    )
    cancelled.start()
    result = first.modern("tools/call", {"name": "waiting", "arguments": {}}).json()["result"]
    cancelled.join()
    assert result["isError"] is True and "cancelled" in result["content"][0]["text"]


def test_a_session_that_ends_on_one_has_ended_on_the_other(sides):
    first, second = sides
    session, _ = first.initialize()
    assert second.legacy("ping", session=session).status == 200
    assert first.send("DELETE", [(SESSION, session)]).status == 200
    assert second.legacy("ping", session=session).status == 404


def test_an_idempotency_key_counts_on_both(sides):
    meta = {"asya.sh/idempotencyKey": "once-for-all"}
    arguments = {"name": "echo", "arguments": {"text": "x"}}
    results = [side.result("tools/call", arguments, meta=meta) for side in sides]
    assert results[0]["structuredContent"] == results[1]["structuredContent"]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_the_official_client_works_on_postgresql(replicas, other_actors, mode):
    async def body():
        async with Client(f"{replicas[0].url}/mcp", mode=mode) as client:
            await client.list_tools()
            result = await client.call_tool("echo", {"text": "stored"})
            identifier = result.structured_content["envelope_id"]
            assert other_actors.envelope(identifier)["payload"] == {"text": "stored"}

    asyncio.run(asyncio.wait_for(body(), 60))

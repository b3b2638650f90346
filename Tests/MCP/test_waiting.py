"""Calls that wait: plain JSON or a stream, progress, cancellation, resumption (gateway.md 18.5, 18.6, 23, 25.7)."""

import json
import threading

import pytest
from localservers.processes import wait_until
from raw_client import SESSION

WAIT = {"asya.sh/response": "wait"}


class Pending:
    """A call that runs on its own thread until it is answered."""

    def __init__(self, ask):
        self.answer = None
        self._thread = threading.Thread(target=self._run, args=(ask,), daemon=True)
        self._thread.start()

    def _run(self, ask):
        self.answer = ask()

    def join(self):
        self._thread.join(60)
        assert self.answer is not None, "no answer within 60 s"
        return self.answer


@pytest.fixture
def begin(client, actors):
    """Starts a waiting call; returns it with the id of its envelope."""

    def begin(ask, tool="waiting"):
        known = actors.newest(tool)
        pending = Pending(ask)
        return pending, actors.wait_for_new(tool, {known["id"]} if known else ())

    return begin


def waiting(client, **more):
    return lambda: client.modern("tools/call", {"name": "waiting", "arguments": {}}, **more)


def test_a_call_without_progress_token_is_answered_as_json(client, begin, actors):
    pending, identifier = begin(waiting(client))
    actors.progress(identifier, 0, "processing")
    actors.succeed(identifier, {"answer": 42})
    answer = pending.join()
    assert answer.type == "application/json"
    result = answer.json()["result"]
    assert result["structuredContent"] == {"answer": 42}
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "asya-gateway"
    assert json.loads(result["content"][0]["text"]) == {"answer": 42}


def test_a_result_that_breaks_its_schema_is_an_error(client, begin, actors):
    pending, identifier = begin(waiting(client))
    actors.succeed(identifier, {"answer": "many"})
    result = pending.join().json()["result"]
    assert result["isError"] is True and "/answer: expected integer, got string" in result["content"][0]["text"]


def test_a_failure_is_an_error_result(client, begin, actors):
    pending, identifier = begin(waiting(client))
    actors.fail(identifier, "boom")
    result = pending.join().json()["result"]
    assert result["isError"] is True and result["content"][0]["text"] == "boom"


def test_an_actor_may_answer_in_content_blocks(client, begin, actors):
    ask = lambda: client.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}}, meta=WAIT)  # noqa: E731
    pending, identifier = begin(ask, "echo")
    blocks = [{"type": "image", "data": "QQ==", "mimeType": "image/png"}]
    actors.succeed(identifier, {"content": blocks})
    assert pending.join().json()["result"]["content"] == blocks


def test_progress_makes_it_a_stream_that_only_grows(client, begin, actors):
    pending, identifier = begin(waiting(client, meta={"progressToken": "p"}))
    actors.progress(identifier, 0, "received")
    answer = pending.join()
    assert answer.type == "text/event-stream"
    messages = answer.messages()
    first = next(messages)
    actors.progress(identifier, 0, "received")
    actors.progress(identifier, 0, "processing", "half way")
    second = next(messages)
    actors.succeed(identifier, {"answer": 1})
    last = next(messages)
    assert next(messages, None) is None, "the stream ends with the response"
    assert [first["params"]["progress"], second["params"]["progress"]] == [10, 50]
    assert second["params"] == {"progressToken": "p", "progress": 50, "total": 100, "message": "half way"}
    assert last["id"] == answer.id and last["result"]["structuredContent"] == {"answer": 1}


def test_modern_streams_have_no_event_ids(client, begin, actors):
    pending, identifier = begin(waiting(client, meta={"progressToken": 7}))
    actors.progress(identifier, 0, "received")
    actors.succeed(identifier, {"answer": 1})
    assert all("id" not in event for event in pending.join().events())


def test_a_client_that_takes_only_json_gets_json(client, begin, actors):
    ask = waiting(client, meta={"progressToken": 7}, changes={"Accept": "application/json"})
    pending, identifier = begin(ask)
    actors.progress(identifier, 0, "received")
    actors.succeed(identifier, {"answer": 1})
    assert pending.join().type == "application/json"


def test_closing_a_modern_stream_cancels_the_envelope(client, begin, actors):
    pending, identifier = begin(waiting(client, meta={"progressToken": 7}))
    actors.progress(identifier, 0, "received")
    answer = pending.join()
    next(answer.messages())
    answer.close()
    wait_until(lambda: actors.envelope(identifier)["status"] == "failed", 60, "the cancellation")
    assert actors.envelope(identifier)["error"] == "envelope cancelled"


def test_cancelling_elsewhere_ends_the_call(client, begin, actors):
    pending, identifier = begin(waiting(client))
    actors.cancel(identifier)
    result = pending.join().json()["result"]
    assert result["isError"] is True and result["content"][0]["text"] == "envelope cancelled"


# --- legacy ----------------------------------------------------------------------------------------------------------


def legacy_waiting(client, session, **params):
    params = {"name": "waiting", "arguments": {}, **params}
    headers = [("Accept", "application/json, text/event-stream")]
    return lambda: client.legacy("tools/call", params, session=session, version="2025-11-25", headers=headers)


def test_a_legacy_stream_can_be_resumed_where_it_broke(client, begin, actors):
    session, _ = client.initialize()
    pending, identifier = begin(legacy_waiting(client, session, _meta={"progressToken": "p"}))
    actors.progress(identifier, 0, "received")
    answer = pending.join()
    events = (event for event in answer.events() if "id" in event)
    assert next(events)["data"] == "", "first an event with an id only"
    progress = next(events)
    answer.close()
    actors.progress(identifier, 0, "processing")
    assert actors.envelope(identifier)["status"] == "running", "a broken connection is no cancellation"

    headers = [("Accept", "text/event-stream"), (SESSION, session), ("MCP-Protocol-Version", "2025-11-25")]
    resumed = client.send("GET", [*headers, ("Last-Event-ID", progress["id"])])
    messages = resumed.messages()
    assert next(messages)["params"]["progress"] == 50
    actors.succeed(identifier, {"answer": 3})
    last = next(messages)
    assert last["id"] == answer.id and last["result"]["structuredContent"] == {"answer": 3}
    assert next(messages, None) is None

    again = client.send("GET", [*headers, ("Last-Event-ID", progress["id"])])
    assert [message.get("id") for message in again.messages()] == [None, answer.id]


def test_a_cancelled_notification_cancels_a_legacy_call(client, begin, actors):
    session, _ = client.initialize()
    pending, identifier = begin(legacy_waiting(client, session, _meta={"progressToken": "p"}))
    actors.progress(identifier, 0, "received")
    answer = pending.join()
    params = {"requestId": answer.id, "reason": "changed my mind"}
    for request in (99_999, answer.id):
        cancelled = client.legacy(
            "notifications/cancelled", {**params, "requestId": request}, session=session, notification=True
        )
        assert cancelled.status == 202
    assert all("result" not in message for message in answer.messages()), "no response after a cancellation"
    assert actors.envelope(identifier)["error"] == "envelope cancelled"


def test_a_legacy_client_without_event_streams_gets_json(client, begin, actors):
    session, _ = client.initialize()
    ask = lambda: client.legacy("tools/call", {"name": "waiting"}, session=session)  # noqa: E731
    pending, identifier = begin(ask)
    actors.succeed(identifier, {"answer": 1})
    result = pending.join().json()["result"]
    assert "structuredContent" not in result, "2025-03-26 has none"
    assert json.loads(result["content"][0]["text"]) == {"answer": 1}

"""Tasks and subscriptions of 2026-07-28 (gateway.md 20, 22)."""

import pytest
from raw_client import SUBSCRIPTION, TASKS


def start(client, tool="tasky"):
    return client.result("tools/call", {"name": tool, "arguments": {}}, tasks=True)


def get(client, task):
    return client.result("tasks/get", {"taskId": task}, tasks=True)


def code(answer):
    return answer.status, answer.json()["error"]["code"]


@pytest.mark.parametrize("tool", ["tasky", "must"])
def test_a_call_becomes_a_flat_task(client, tool):
    task = start(client, tool)
    assert task["resultType"] == "task" and task["status"] == "working"
    assert {"taskId", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"} <= set(task)
    assert not {"task", "ttl", "pollInterval"} & set(task)
    assert get(client, task["taskId"])["resultType"] == "complete"


def test_without_the_extension_there_are_no_tasks(client):
    result = client.result("tools/call", {"name": "tasky", "arguments": {}})
    assert result["resultType"] == "complete" and "envelope_id" in result["structuredContent"]
    answer = client.modern("tools/call", {"name": "must", "arguments": {}})
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, -32021)
    assert error["data"]["requiredCapabilities"] == {"extensions": {TASKS: {}}}
    task = start(client)["taskId"]
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert code(client.modern(method, {"taskId": task})) == (400, -32021)


def test_a_tool_that_wants_no_tasks_gets_none(client):
    result = client.result("tools/call", {"name": "echo", "arguments": {"text": "x"}}, tasks=True)
    assert result["resultType"] == "complete"


def test_success_and_failure_of_the_pipeline_are_completed_tasks(client, actors):
    task = start(client)["taskId"]
    actors.succeed(task, {"n": 1})
    done = get(client, task)
    assert done["status"] == "completed" and done["result"]["structuredContent"] == {"n": 1}
    assert "io.modelcontextprotocol/related-task" not in done["result"].get("_meta", {})
    task = start(client)["taskId"]
    actors.fail(task, "boom")
    done = get(client, task)
    assert done["status"] == "completed" and done["result"]["isError"] is True


def test_cancelling_is_idempotent(client):
    task = start(client)["taskId"]
    for _ in range(2):
        assert client.result("tasks/cancel", {"taskId": task}, tasks=True) == {"resultType": "complete"}
    cancelled = get(client, task)
    assert cancelled["status"] == "cancelled" and "result" not in cancelled and "error" not in cancelled


def test_unknown_tasks_are_invalid_params(client):
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert code(client.modern(method, {"taskId": "nope"}, tasks=True)) == (400, -32602)
        assert code(client.modern(method, {}, tasks=True)) == (400, -32602)


def test_the_id_of_a_task_is_mirrored(client):
    task = start(client)["taskId"]
    answer = client.modern("tasks/get", {"taskId": task}, tasks=True, changes={"Mcp-Name": "other"})
    assert code(answer) == (400, -32020)


def test_an_update_is_acknowledged(client):
    task = start(client)["taskId"]
    answer = client.result("tasks/update", {"taskId": task, "inputResponses": {"unknown": {}}}, tasks=True)
    assert answer == {"resultType": "complete"}


# --- subscriptions/listen --------------------------------------------------------------------------------------------


def test_a_stream_begins_with_what_is_honoured(client):
    wishes = {"toolsListChanged": True, "promptsListChanged": True, "resourceSubscriptions": ["file:///x"]}
    answer = client.modern("subscriptions/listen", {"notifications": wishes})
    assert answer.type == "text/event-stream"
    first = next(answer.messages())
    assert first["method"] == "notifications/subscriptions/acknowledged"
    assert first["params"]["notifications"] == {"toolsListChanged": True}
    assert first["params"]["_meta"][SUBSCRIPTION] == answer.id


def test_a_task_and_a_resource_are_followed(client, actors):
    task = start(client)["taskId"]
    uri = f"asya://envelopes/{task}"
    wishes = {"taskIds": [task, "nope"], "resourceSubscriptions": [uri]}
    answer = client.modern("subscriptions/listen", {"notifications": wishes}, tasks=True)
    messages = answer.messages()
    honoured = next(messages)["params"]["notifications"]
    assert honoured == {"taskIds": [task], "resourceSubscriptions": [uri]}
    actors.succeed(task, {"n": 1})
    seen = []
    completed = None
    for message in messages:
        assert message["params"]["_meta"][SUBSCRIPTION] == answer.id
        assert message["method"] in ("notifications/tasks", "notifications/resources/updated")
        seen.append(message["method"])
        if message["params"].get("status") == "completed":
            completed = message["params"]
        if completed and "notifications/resources/updated" in seen:
            break
    assert completed["taskId"] == task and completed["result"]["structuredContent"] == {"n": 1}


def test_task_subscriptions_need_the_extension(client):
    answer = client.modern("subscriptions/listen", {"notifications": {"taskIds": ["x"]}})
    assert code(answer) == (400, -32021)


@pytest.mark.parametrize("params", [{}, {"notifications": []}, {"notifications": {"toolsListChanged": "yes"}}])
def test_malformed_wishes_are_invalid_params(client, params):
    assert code(client.modern("subscriptions/listen", params)) == (400, -32602)


def test_listening_needs_a_client_that_takes_streams(client):
    answer = client.modern(
        "subscriptions/listen", {"notifications": {}}, changes={"Accept": "application/json"}
    )
    assert answer.status == 406

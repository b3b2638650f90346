"""The legacy era as raw HTTP (gateway.md 10, 23, 26)."""

import json
import re

import pytest
from raw_client import SESSION

VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_handshake(client, version):
    session, result = client.initialize(version)
    assert re.fullmatch(r"mcp-session-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", session)
    assert result["protocolVersion"] == version
    assert result["serverInfo"]["name"] == "asya-gateway" and result["serverInfo"]["version"] == "0.1.0"
    assert "tools" in result["capabilities"] and "tasks" not in result["capabilities"]


@pytest.mark.parametrize("version, answered", [("2099-01-01", "2025-11-25"), ("2026-07-28", "2025-11-25")])
def test_an_unknown_version_gets_the_newest_legacy_one(client, version, answered):
    assert client.initialize(version)[1]["protocolVersion"] == answered


def test_a_client_that_names_no_version(client):
    assert client.legacy("initialize", {}).json()["result"]["protocolVersion"] == "2025-03-26"


def test_a_whole_session(client):
    session, _ = client.initialize()
    assert client.legacy("notifications/initialized", session=session, notification=True).status == 202
    assert client.legacy("ping", session=session).json()["result"] == {}
    tools = client.legacy("tools/list", session=session).json()["result"]
    assert set(tools) == {"tools"}, "no cursor, no hints"
    assert client.send("DELETE", [(SESSION, session)]).status == 200
    assert client.legacy("ping", session=session).status == 404
    assert client.send("GET", [(SESSION, session)]).status == 404


@pytest.mark.parametrize("session", [None, "nonsense", "mcp-session-", "mcp-session-123"])
def test_other_messages_need_a_session(client, session):
    answer = client.legacy("tools/list", session=session)
    assert answer.status == 400 and b"session" in answer.body()


def test_any_well_formed_session_is_served(client):
    session = "mcp-session-00000000-0000-4000-8000-000000000001"
    assert client.legacy("ping", session=session).status == 200


def test_delete_without_a_session_is_harmless(client):
    assert client.send("DELETE", []).status == 200


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_the_accept_header_is_ignored(client, accept):
    session, _ = client.initialize()
    headers = [("Accept", accept)] if accept else []
    assert client.legacy("tools/list", session=session, headers=headers).status == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/jsonp"])
def test_the_content_type_is_json(client, kind):
    headers = [("Content-Type", kind)] if kind else []
    answer = client.send("POST", headers, b"{}")
    assert answer.status == 400
    assert answer.body() == b"Invalid content type: must be 'application/json'\n"


def test_the_content_type_may_have_parameters(client):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}).encode()
    assert client.send("POST", [("Content-Type", "application/json; charset=utf-8")], body).status == 200


@pytest.mark.parametrize("body", [b"", b"nope", b"[]", b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', b"3"])
def test_what_is_no_object_is_a_parse_error(client, body):
    answer = client.send("POST", [("Content-Type", "application/json")], body)
    document = answer.json()
    assert answer.status == 400 and document["id"] is None
    assert document["error"] == {"code": -32700, "message": "request body is not valid json"}


def test_a_batch_of_a_client_that_names_its_version_is_an_invalid_request(client):
    headers = [("Content-Type", "application/json"), ("MCP-Protocol-Version", "2025-06-18")]
    answer = client.send("POST", headers, b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]')
    assert answer.json()["error"]["code"] == -32600


@pytest.mark.parametrize(
    "method, params, code, text",
    [
        ("nope", None, -32601, "Method nope not found"),
        ("prompts/list", None, -32601, "Method prompts/list not found"),
        ("resources/list", None, -32601, "Method resources/list not found"),
        ("logging/setLevel", {"level": "info"}, -32601, "Method logging/setLevel not found"),
        ("tools/call", {"name": "nope"}, -32602, "tool 'nope' not found: tool not found"),
        ("tools/list", {"cursor": "nonsense"}, -32602, "invalid cursor"),
    ],
)
def test_errors_ride_on_200(client, method, params, code, text):
    session, _ = client.initialize()
    answer = client.legacy(method, params, session=session)
    assert answer.status == 200
    assert answer.json()["error"] == {"code": code, "message": text}


def test_a_wrong_json_rpc_version(client):
    body = b'{"jsonrpc":"1.0","id":"x","method":"ping"}'
    document = client.send("POST", [("Content-Type", "application/json")], body).json()
    assert document["id"] == "x"
    assert document["error"] == {"code": -32600, "message": "Invalid JSON-RPC version"}


def test_an_invalid_version_header_is_refused(client):
    session, _ = client.initialize()
    assert client.legacy("ping", session=session, version="nonsense").status == 400


@pytest.mark.parametrize("version, has_structure", [(None, False), ("2025-03-26", False), ("2025-06-18", True)])
def test_a_call(client, version, has_structure):
    session, _ = client.initialize()
    params = {"name": "echo", "arguments": {"text": "hello"}}
    result = client.legacy("tools/call", params, session=session, version=version).json()["result"]
    assert ("structuredContent" in result) == has_structure
    assert not {"resultType", "isError", "_meta"} & set(result)
    receipt = json.loads(result["content"][0]["text"])
    assert receipt["message"] == "Envelope created successfully"


def test_a_tool_error_is_a_result(client):
    session, _ = client.initialize()
    result = client.legacy("tools/call", {"name": "echo"}, session=session).json()["result"]
    assert result == {"content": [{"type": "text", "text": "missing required parameter: text"}], "isError": True}


def test_experimental_tasks_are_ignored(client):
    session, _ = client.initialize()
    params = {"name": "tasky", "arguments": {}, "task": {"ttl": 1000}}
    assert "task" not in client.legacy("tools/call", params, session=session, version="2025-11-25").json()["result"]


def test_a_tool_that_demands_tasks_cannot_be_called(client):
    session, _ = client.initialize()
    answer = client.legacy("tools/call", {"name": "must"}, session=session)
    assert answer.json()["error"]["code"] == -32021


@pytest.mark.parametrize("origin, status", [("http://evil.example.com", 403), ("http://localhost:5", 200)])
def test_foreign_origins_are_refused(client, origin, status):
    headers = [("Content-Type", "application/json"), ("Origin", origin), ("Host", "evil.example.com")]
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}).encode()
    assert client.send("POST", headers, body).status == status
    if status == 403:
        assert client.send("GET", headers[1:]).status == 403
        assert client.send("DELETE", headers[1:]).status == 403


def test_streams_of_notifications_are_open_at_once(client):
    session, _ = client.initialize()
    for _ in range(3):
        answer = client.send("GET", [("Accept", "text/event-stream"), (SESSION, session)])
        assert (answer.status, answer.type) == (200, "text/event-stream")


def test_the_first_transport_is_not_served(client):
    assert client.send("GET", [], path="/mcp/sse").status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD"])
def test_other_http_methods(client, method):
    assert client.send(method, []).status == 404

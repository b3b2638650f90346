"""2026-07-28 as raw HTTP: the checks of gateway.md 26."""

import concurrent.futures
import json

import pytest
from raw_client import CAPABILITIES, MODERN, VERSION

RETIRED = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]


def error(answer, status, code):
    document = answer.json()
    assert (answer.status, document["error"]["code"]) == (status, code), document
    assert document["id"] == answer.id
    return document["error"]


@pytest.mark.parametrize("name", [VERSION, CAPABILITIES])
def test_each_missing_field_of_meta_is_invalid_params(client, name):
    error(client.modern("tools/list", drop_meta=[name]), 400, -32602)


def test_missing_meta_is_invalid_params(client):
    body = json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {}}).encode()
    headers = [("Content-Type", "application/json"), ("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/list")]
    answer = client.send("POST", headers, body)
    answer.id = 5
    error(answer, 400, -32602)


def test_discovery_says_what_is_served(client):
    result = client.result("server/discover")
    assert result["resultType"] == "complete"
    assert result["supportedVersions"] == [MODERN]
    assert result["ttlMs"] >= 0 and result["cacheScope"] == "public"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "asya-gateway"
    assert set(result["capabilities"]) == {"tools", "resources", "extensions"}
    assert "tasks" not in result["capabilities"]


def test_results_name_the_server(client):
    call = client.result("tools/call", {"name": "echo", "arguments": {"text": "x"}})
    refused = client.result("tools/call", {"name": "echo", "arguments": {"text": 5}})
    task = client.result("tools/call", {"name": "tasky", "arguments": {}}, tasks=True)
    seen = client.result("tasks/get", {"taskId": task["taskId"]}, tasks=True)
    for result in (call, refused, task, seen):
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "asya-gateway"


@pytest.mark.parametrize("method", ["tools/list", "resources/list", "resources/templates/list"])
def test_what_is_advertised_is_honoured_with_caching_hints(client, method):
    result = client.result(method)
    assert result["resultType"] == "complete"
    assert isinstance(result["ttlMs"], int) and result["ttlMs"] >= 0
    assert result["cacheScope"] in ("public", "private")


def test_an_unsupported_version_is_named(client):
    answer = client.modern("tools/list", meta={VERSION: "v999.0.0"}, changes={"MCP-Protocol-Version": "v999.0.0"})
    data = error(answer, 400, -32022)["data"]
    assert data == {"supported": [MODERN], "requested": "v999.0.0"}


@pytest.mark.parametrize(
    "changes",
    [
        {"MCP-Protocol-Version": "2026-01-01"},
        {"MCP-Protocol-Version": None},
        {"MCP-Protocol-Version": "2025-11-25"},
        {"Mcp-Method": None},
        {"Mcp-Method": "tools/call"},
        {"Mcp-Method": "TOOLS/LIST"},
    ],
)
def test_headers_must_mirror_the_body(client, changes):
    error(client.modern("tools/list", changes=changes), 400, -32020)


def test_header_names_have_any_case_and_values_may_have_blanks(client):
    changes = {"MCP-Protocol-Version": None, "Mcp-Method": None}
    changes.update({"mcp-PROTOCOL-version": f"  {MODERN} ", "MCP-METHOD": "\ttools/list "})
    assert client.modern("tools/list", changes=changes).status == 200


@pytest.mark.parametrize(
    "name, is_good",
    [
        ("=?base64?ZWNobw==?=", True),
        (None, False),
        ("other", False),
        ("=?base64?ZWNobw=?=", False),
        ("=?base64?ZW-obw==?=", False),
        ("=?base64?ZWNobw==", False),
        ("ZWNobw==?=", False),
    ],
)
def test_the_name_of_a_tool_is_mirrored(client, name, is_good):
    answer = client.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}}, changes={"Mcp-Name": name})
    if is_good:
        assert answer.status == 200
    else:
        error(answer, 400, -32020)


def test_repeated_routing_headers_are_refused(client):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
    fields = [("Content-Type", "application/json"), ("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/list")]
    answer = client.send("POST", [*fields, ("mcp-method", "tools/list")], body)
    answer.id = 1
    error(answer, 400, -32020)


@pytest.mark.parametrize("method", [*RETIRED, "unknown/method", "tasks/list", "tasks/result", "prompts/list"])
def test_methods_that_are_not_served(client, method):
    error(client.modern(method, tasks=True), 404, -32601)


@pytest.mark.parametrize(
    "body, code",
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b"[" * 5000 + b"]" * 5000 + b"}", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":' + b"[" * 500 + b"]" * 500 + b"}}", -32600),
    ],
)
def test_malformed_messages(client, body, code):
    headers = [("Content-Type", "application/json"), ("MCP-Protocol-Version", MODERN)]
    answer = client.send("POST", headers, body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)


def test_a_notification_is_accepted_without_effect(client):
    body = json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled"}).encode()
    answer = client.send("POST", [("Content-Type", "application/json"), ("MCP-Protocol-Version", MODERN)], body)
    assert (answer.status, answer.body()) == (202, b"")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_only_post_is_modern(client, method):
    answer = client.send(method, [("MCP-Protocol-Version", MODERN)])
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "origin, host, status",
    [
        (None, None, 200),
        ("http://localhost:1234", None, 200),
        ("https://127.0.0.1", None, 200),
        ("http://[::1]:99", None, 200),
        ("http://evil.example.com", None, 403),
        ("http://evil.example.com", "evil.example.com", 403),
        ("null", None, 403),
    ],
)
def test_foreign_origins_are_refused(client, origin, host, status):
    assert client.modern("tools/list", changes={"Origin": origin, "Host": host}).status == status


@pytest.mark.parametrize(
    "accept, status", [("application/json", 200), ("*/*", 200), ("text/event-stream", 200), ("text/html", 406)]
)
def test_the_accept_header(client, accept, status):
    answer = client.modern("server/discover", changes={"Accept": accept})
    assert answer.status == status
    if accept == "text/event-stream":
        (message,) = answer.messages()
        assert message["id"] == answer.id and "result" in message


def test_concurrent_requests_get_their_own_responses(client):
    def ask(_):
        answer = client.modern("tools/list")
        return answer.json()["id"] == answer.id

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(24)))


def test_no_session_is_made_for_modern_requests(client):
    assert "Mcp-Session-Id" not in client.modern("tools/list", changes={"Mcp-Session-Id": "nonsense"}).headers


def test_a_bad_cursor_is_invalid_params(client):
    error(client.modern("tools/list", {"cursor": "nonsense"}), 400, -32602)
    error(client.modern("resources/list", {"cursor": "nonsense"}), 400, -32602)


def test_tools_are_sorted_and_complete(client):
    tools = {tool["name"]: tool for tool in client.result("tools/list")["tools"]}
    assert list(tools) == sorted(tools)
    echo = tools["echo"]
    assert echo["inputSchema"]["required"] == ["text"]
    assert echo["inputSchema"]["properties"]["count"] == {"type": "integer", "default": 1}
    assert echo["inputSchema"]["properties"]["style"]["enum"] == ["plain", "loud"]
    assert echo["inputSchema"]["properties"]["place"]["properties"]["zip"]["x-mcp-header"] == "Zip"
    assert echo["annotations"]["destructiveHint"] is True
    assert "outputSchema" not in echo
    assert tools["waiting"]["outputSchema"]["required"] == ["answer"]


# --- tools/call ------------------------------------------------------------------------------------------------------


def test_an_asynchronous_call_answers_with_the_envelope(client, actors):
    result = client.result("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    receipt = result["structuredContent"]
    assert json.loads(result["content"][0]["text"]) == receipt
    assert receipt["stream_url"] == f"/envelopes/{receipt['envelope_id']}/stream"
    envelope = actors.envelope(receipt["envelope_id"])
    assert envelope["payload"] == {"text": "hello"}


def test_arguments_travel_as_they_were_written(client, gateway):
    import urllib.request

    body = (
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"%s":"%s","%s":{}},'
        '"arguments":{"text":"\\u00e9", "count":1e0,"z":12345678901234567890,"a":0.10}}}' % (VERSION, MODERN, CAPABILITIES)
    )
    headers = [
        ("Content-Type", "application/json"), ("MCP-Protocol-Version", MODERN),
        ("Mcp-Method", "tools/call"), ("Mcp-Name", "echo"),
    ]  # fmt: skip
    identifier = client.send("POST", headers, body.encode()).json()["result"]["structuredContent"]["envelope_id"]
    with urllib.request.urlopen(f"{gateway.url}/envelopes/{identifier}", timeout=30) as response:
        text = response.read().decode()
    assert '"z":12345678901234567890' in text and '"a":0.10' in text and '"count":1e0' in text


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({}, "missing required parameter: text"),
        (None, "missing required parameter: text"),
        ({"text": 3}, "invalid arguments: /text: expected string, got integer"),
        ({"text": "x", "count": "5"}, "invalid arguments: /count: expected integer, got string"),
        ({"text": "x", "count": 1.5}, "invalid arguments: /count: expected integer, got number"),
        ({"text": "x", "style": "shy"}, 'invalid arguments: /style: must be one of "plain", "loud"'),
        ({"text": "x", "tags": ["a", 1]}, "invalid arguments: /tags/1: expected string, got integer"),
        ([1], "invalid arguments: expected an object, got array"),
    ],
)
def test_bad_arguments_are_errors_that_a_model_can_act_on(client, arguments, text):
    result = client.result("tools/call", {"name": "echo", "arguments": arguments})
    assert result["isError"] is True
    assert result["content"] == [{"type": "text", "text": text}]


@pytest.mark.parametrize("name", ["nope", "", 3, None])
def test_unknown_tools_are_invalid_params(client, name):
    error(client.modern("tools/call", {"name": name}), 400, -32602)


@pytest.mark.parametrize(
    "place, headers, is_good",
    [
        ({"zip": 42}, {"Mcp-Param-Zip": "42"}, True),
        ({"zip": 42}, {"mcp-param-ZIP": "42.0"}, True),
        ({"zip": 42}, {}, False),
        ({"zip": 42}, {"Mcp-Param-Zip": "43"}, False),
        ({}, {"Mcp-Param-Zip": "42"}, False),
        ({}, {}, True),
        ({"city": "x"}, {"Mcp-Param-City": "y"}, True),
    ],
)
def test_annotated_parameters_are_mirrored(client, place, headers, is_good):
    arguments = {"text": "x", "place": place}
    answer = client.modern("tools/call", {"name": "echo", "arguments": arguments}, changes=headers)
    if is_good:
        assert answer.status == 200
    else:
        error(answer, 400, -32020)


def test_an_idempotency_key_makes_one_envelope(client):
    def call(text, key):
        meta = {"asya.sh/idempotencyKey": key}
        return client.result("tools/call", {"name": "echo", "arguments": {"text": text}}, meta=meta)

    first = call("same", "key-1")
    assert call("same", "key-1")["structuredContent"] == first["structuredContent"]
    assert call("other", "key-1")["isError"] is True


def test_an_envelope_is_a_resource(client, actors):
    call = client.result("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    identifier = call["structuredContent"]["envelope_id"]
    (content,) = client.result("resources/read", {"uri": f"asya://envelopes/{identifier}"})["contents"]
    assert json.loads(content["text"])["id"] == identifier
    error(client.modern("resources/read", {"uri": "asya://envelopes/nope"}), 400, -32602)
    error(client.modern("resources/read", {"uri": "file:///etc/passwd"}), 400, -32602)


@pytest.mark.parametrize(
    "parameters, schema, text",
    [
        ("{a: {type: number, mcp_header: A}}", "{type: object}", "needs a string, integer or boolean"),
        ("{a: {type: string, mcp_header: 'a b'}}", "{type: object}", "is not a header name"),
        ("{}", "{type: object, pattern: x}", "/pattern: keyword is not supported"),
        ("{}", "{$ref: 'http://example.org/x'}", "only references into the same document"),
    ],
)
def test_a_tool_that_clients_could_not_use_is_refused_at_start(run_gateway, parameters, schema, text):
    tools = f"tools: [{{name: t, route: [a], parameters: {parameters}, output_schema: {schema}}}]"
    with pytest.raises(RuntimeError, match=text):
        run_gateway(tools)

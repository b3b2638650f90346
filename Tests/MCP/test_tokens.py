"""MCP with bearer tokens: who may call, what the refusal says, and that callers see their own envelopes only."""

import pytest
from actors import Actors
from raw_client import RawClient

ALICE = {"Authorization": "Bearer alices-token"}
BOB = {"Authorization": "Bearer bobs-token"}


@pytest.fixture(scope="module", name="guarded")
def _guarded(run_gateway, tmp_path_factory):
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text("alice:alices-token\nbob:bobs-token\n")
    return run_gateway(ASYA_GATEWAY_TOKENS_FILE=str(tokens), ASYA_GATEWAY_PUBLIC_URL="https://gateway.example")


@pytest.fixture(name="raw")
def _raw(guarded):
    with RawClient(guarded.port) as raw:
        yield raw


def call(raw, who, tool="tasky", **more):
    return raw.result("tools/call", {"name": tool, "arguments": {}}, tasks=True, changes=who, **more)


@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"},
     {"Authorization": "Bearer alices-token "}, {"Authorization": "alices-token"}],
    ids=["none", "wrong", "basic", "empty", "blank", "bare"],
)  # fmt: skip
def test_without_a_good_token_nothing_is_served(raw, header):
    answer = raw.modern("tools/list", changes=header)
    if header.get("Authorization", "").endswith(" "):
        assert answer.status == 200, "blanks around a field's value do not belong to it (RFC 9110, 5.5)"
        return
    assert answer.status == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer") and "https://gateway.example" in challenge
    assert b"alice" not in answer.body()


def test_both_eras_are_guarded_and_served(raw):
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    assert raw.legacy("initialize", params).status == 401
    answer = raw.legacy("initialize", params, headers=list(ALICE.items()))
    assert answer.status == 200
    session = answer.headers["Mcp-Session-Id"]
    assert raw.legacy("tools/list", session=session).status == 401
    assert raw.legacy("tools/list", session=session, headers=list(BOB.items())).status == 200
    assert [tool["name"] for tool in raw.result("tools/list", changes=ALICE)["tools"]]


def test_a_caller_sees_its_own_tasks_only(raw, guarded):
    task = call(raw, ALICE)["taskId"]
    assert raw.result("tasks/get", {"taskId": task}, tasks=True, changes=ALICE)["status"] == "working"
    for method in ("tasks/get", "tasks/cancel"):
        refused = raw.modern(method, {"taskId": task}, tasks=True, changes=BOB)
        assert (refused.status, refused.json()["error"]["code"]) == (400, -32602)
    Actors(guarded.url).succeed(task, {"n": 1})
    done = raw.result("tasks/get", {"taskId": task}, tasks=True, changes=ALICE)
    assert done["result"]["structuredContent"] == {"n": 1}


def test_lists_are_private_to_their_caller(raw):
    assert raw.result("tools/list", changes=ALICE)["cacheScope"] == "private"


def test_the_same_idempotency_key_of_two_callers_makes_two_envelopes(raw):
    meta = {"asya.sh/idempotencyKey": "k"}
    tasks = [call(raw, who, meta=meta)["taskId"] for who in (ALICE, ALICE, BOB)]
    assert tasks[0] == tasks[1] != tasks[2]

"""The process: start, configuration, reload, secrets, bad input."""

import os
import signal
import socket

import pytest
import requests

from localservers import processes

WAIT = 30


def test_without_any_configuration_it_starts_and_answers(make_gateway):
    gateway = make_gateway({"ASYA_CONFIG_PATH": "", "ASYA_SQS_ENDPOINT": "http://127.0.0.1:9"}).start()
    assert gateway.request("GET", "/health").text == "OK\n"
    tools = gateway.request("GET", "/api/v1/tools").json()["tools"]
    assert [tool["name"] for tool in tools] == ["processImageWorkflow"]


@pytest.mark.parametrize(
    "tools, text",
    [
        ("tools: []", "no tools defined"),
        ("tools:\n- {name: x, route: [a]}\n- {name: x, route: [a]}", 'duplicate tool name: \\"x\\"'),
        ("tools:\n- {name: x, route: [a], colour: red}", "unknown key"),
        ("tools:\n- {name: x\n", "failed to parse YAML"),
    ],
)
def test_a_wrong_tools_file_ends_it_with_file_and_line(make_gateway, tools, text):
    gateway = make_gateway({}, tools=tools)
    gateway.start(wait=False)
    assert gateway.process.wait(30) == 1
    assert text in gateway.log()
    assert os.path.basename(gateway.tools_file) in gateway.log()


def test_a_taken_port_ends_it(make_gateway):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        gateway = make_gateway({"ASYA_GATEWAY_PORT": str(taken.getsockname()[1])})
        gateway.start(wait=False)
        assert gateway.process.wait(30) == 1


def test_an_unreachable_database_ends_it_without_telling_the_password(make_gateway):
    gateway = make_gateway({"ASYA_DATABASE_URL": "postgresql://user:sesame@127.0.0.1:1/db"})
    gateway.start(wait=False)
    assert gateway.process.wait(30) == 1
    assert "sesame" not in gateway.log()


def test_tools_are_reloaded_and_a_wrong_file_changes_nothing(sqlite_gateway):
    gateway = sqlite_gateway

    def names():
        return [tool["name"] for tool in gateway.request("GET", "/api/v1/tools").json()["tools"]]

    gateway.write_tools("tools:\n- {name: fresh, route: [first]}\n")
    processes.wait_until(lambda: names() == ["fresh"], WAIT, what="the new tool")
    gateway.write_tools("tools: [")
    os.kill(gateway.process.pid, signal.SIGHUP)
    metric = "asya_gateway_config_failures_total 1"
    processes.wait_until(lambda: metric in gateway.request("GET", "/metrics").text, WAIT, what="the failure's metric")
    assert names() == ["fresh"]
    gateway.call("fresh", {})


def test_tokens_are_asked_for_reloaded_and_never_logged(make_gateway, tmp_path, broker, channel):
    (tmp_path / "tokens").write_text("alice:open-sesame\n")
    (tmp_path / "internal").write_text("sidecar-sesame\n")
    gateway = make_gateway(
        {
            "ASYA_LOG_LEVEL": "DEBUG",
            "ASYA_RABBITMQ_URL": broker.url,
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "aws-sesame",
            "ASYA_GATEWAY_TOKENS_FILE": str(tmp_path / "tokens"),
            "ASYA_GATEWAY_INTERNAL_TOKENS_FILE": str(tmp_path / "internal"),
        }
    ).start()
    alice = {"Authorization": "Bearer open-sesame"}
    secret_payload = {"text": "payload-sesame"}
    assert gateway.request("POST", "/tools/call", json={"name": "echo"}).status_code == 401
    envelope_id = gateway.call("echo", secret_payload, headers=alice)
    assert gateway.progress(envelope_id, 0, "received").status_code == 401
    assert gateway.request("GET", f"/envelopes/{envelope_id}").status_code == 401
    assert gateway.request("GET", f"/envelopes/{envelope_id}", headers=alice).status_code == 200
    (tmp_path / "tokens").write_text("alice:new-sesame\n")
    renewed = {"Authorization": "Bearer new-sesame"}
    processes.wait_until(
        lambda: gateway.request("GET", "/api/v1/tools", headers=renewed).status_code == 200, WAIT, what="the new token"
    )
    assert gateway.request("GET", "/api/v1/tools", headers=alice).status_code == 401
    gateway.stop()
    with open(gateway.log_file, encoding="utf-8") as file:
        assert "sesame" not in file.read()


def test_sidecars_may_have_a_port_of_their_own(make_gateway, sqlite_gateway):
    from localservers.ports import free_port

    port = free_port()
    gateway = make_gateway({"ASYA_GATEWAY_INTERNAL_PORT": str(port), "ASYA_SQS_ENDPOINT": "http://127.0.0.1:9"}).start()
    report = "/envelopes/x/final"
    assert gateway.request("POST", report, json={"status": "failed"}).status_code == 404
    internal = f"http://127.0.0.1:{port}"
    processes.wait_until(lambda: _status("GET", internal + "/health") == 200, WAIT, what="the second port")
    assert requests.post(internal + report, json={"status": "failed"}, timeout=30).status_code == 500
    assert requests.post(internal + "/tools/call", json={}, timeout=30).status_code == 404


def _status(method, url):
    try:
        return requests.request(method, url, timeout=5).status_code
    except requests.ConnectionError:
        return None


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "method, path, body, status",
    [
        ("POST", "/tools/call", b"\xff\xfe", 400),
        ("POST", "/tools/call", b"", 400),
        pytest.param("POST", "/tools/call", DEEP.encode(), 400, id="nested-too-deeply"),
        ("POST", "/tools/call", b'{"name":"echo","arguments":{"text":NaN}}', 400),
        ("POST", "/tools/call", b'{"name":"echo","arguments":{"text":"\\ud800"}}', 200),
        ("POST", "/tools/call", b'{"name":"echo","arguments":{"text":"\\u0000"}}', 200),
        ("POST", "/tools/call", b'{"name":"echo","name":"nope","arguments":{"text":"x"}}', 404),
        ("POST", "/envelopes/x/progress", b"[]", 400),
        ("POST", "/envelopes/x/progress", b'{"current_actor_idx":1e99}', 400),
        ("POST", "/envelopes/x/final", b'{"status":5}', 400),
        ("POST", "/envelopes", b'{"parent_id":"a\\u0000b"}', 400),
        ("POST", "/envelopes", b'{"id":"a\\u0000b","actors":["first"]}', 400),
        ("GET", "/envelopes/%00", None, 404),
        ("GET", "/envelopes/%FF", None, 400),
        pytest.param("GET", "/envelopes/" + "a" * 1000 + "/active", None, 410, id="long-id"),
        ("GET", "/envelopes/..%2F..%2Fetc", None, 404),
        ("PATCH", "/tools/call", b"{}", 405),
        ("GET", "/api/v1/envelopes?limit=99999999999999999999", None, 400),
        ("GET", "/api/v1/envelopes?cursor=1.%27;drop", None, 200),
        ("GET", "/api/v1/envelopes?tool=%27;%00", None, 200),
        ("GET", "/nothing/here", None, 404),
    ],
)
def test_bad_input(gateway, method, path, body, status):
    answer = gateway.request(method, path, data=body)
    assert answer.status_code == status, answer.text
    assert not answer.text.lstrip().startswith("<")
    assert gateway.request("GET", "/health").status_code == 200


def test_a_body_over_the_limit_is_refused(make_gateway):
    gateway = make_gateway({"ASYA_GATEWAY_MAX_BODY_BYTES": "2000", "ASYA_SQS_ENDPOINT": "http://127.0.0.1:9"}).start()
    body = b'{"name":"echo","arguments":{"text":"' + b"x" * 5000 + b'"}}'
    assert gateway.request("POST", "/tools/call", data=body).status_code == 413

    def chunks():
        yield body

    assert gateway.request("POST", "/tools/call", data=chunks()).status_code == 413


def test_it_stops_in_order_while_a_client_is_idle(sqlite_gateway):
    assert sqlite_gateway.request("GET", "/health").status_code == 200  # Keeps its connection.
    assert sqlite_gateway.stop() == 0
    assert "Stopped" in sqlite_gateway.log()



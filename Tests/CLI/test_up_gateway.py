"""`asya up` with a gateway beside the actors: pipelines as tools, progress, crashes, restarts, ports, tools files."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ASYA, ROOT, Asya
from up_run import RUNTIME, SIDECAR, Folder, is_alive

sys.path[:0] = [str(ROOT / "tools")]

from localservers.rabbitmq import RabbitMQ  # noqa: E402

GATEWAY = os.environ.get("ASYA_GATEWAY", str(ROOT / "bin" / "asya-gateway"))
CODE = """
import pathlib, time
def double(payload):
    return {**payload, "n": payload["n"] * 2}
def wait(payload):
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    return payload
def fail(payload):
    raise ValueError("no such picture")
"""
PIPELINE = """
actors:
  double: steps.double
  wait: steps.wait
  fail: steps.fail
"""
TOOLS = """
tools:
- name: twice
  description: Doubles a number, twice
  route: [double, double]
  progress: true
  response: wait
  parameters:
    n: {type: integer, required: true}
"""


@pytest.fixture
def folder(asya):
    if not os.path.exists(GATEWAY):
        pytest.fail(f"{GATEWAY} is missing: run make build-shared")
    folder = Folder(asya)
    folder.write(steps_py=CODE, asya_yaml=PIPELINE)
    return folder


def start(folder, *arguments, **options):
    """A run whose gateway is ready."""
    run = folder.up(*arguments, gateway=True, **options)
    run.wait(lambda: run.find("gatewayReady"), "the gateway")
    return run


def url_of(run):
    return run.find("gatewayReady")[-1]["url"]


def gateway_process(run):
    return run.find("gatewayReady")[-1]["gatewayProcess"]


def begin(folder, *words):
    """A command of `asya mcp` that runs beside the test."""
    return folder.asya.start("mcp", *words)


def outcome(process):
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def test_an_actor_is_a_tool_at_once_with_progress_and_result(folder):
    with start(folder) as run:
        listed = folder.asya("mcp", "list").stdout
        assert "- name: double" in listed and "happy-end" not in listed
        called = folder.asya("mcp", "call", "double", "--n:=21")
        assert called.json["result"] == {"n": 42} and called.json["status"] == "succeeded"
        for state in ("received", "processing", "completed"):
            assert f"double {state}" in called.stderr
        failed = folder.asya("mcp", "call", "fail", "{}", status=3)
        assert failed.json["error"] == "processing_error" and "no such picture" in failed.stdout
        # From a folder below, as git finds its repository.
        below = folder.path / "notebooks"
        below.mkdir()
        assert folder.asya("mcp", "call", "double", "--n:=1", cwd=below).json["result"] == {"n": 2}
        run.wait(lambda: (run.find("status") or [{}])[-1].get("gateway", {}).get("state") == "running", "its state")
        process = gateway_process(run)
        assert run.stop() == 0
        assert not is_alive(process) and not (folder.path / ".asya" / "gateway.json").exists()
    # Without it, the default counts again.
    failed = folder.asya("mcp", "--protocol", "2026-07-28", "list", status=1, env={"ASYA_CLI_MCP_URL": ""})
    assert failed.stderr.startswith("[-] MCP request failed: ")


def test_an_mcp_client_calls_a_tool_of_a_tools_file_and_sees_its_changes(folder):
    folder.write(tools_yaml=TOOLS)
    with start(folder) as run:
        assert [tool["name"] for tool in folder.asya("mcp", "--json", "list").json] == ["twice"]
        script = """
import asyncio, json, sys
from mcp import Client
async def main():
    async with Client(sys.argv[1] + "/mcp") as client:
        result = await client.call_tool("twice", {"n": 5})
        print(json.dumps([result.is_error, json.loads(result.content[0].text)]))
asyncio.run(main())
"""
        done = subprocess.run([sys.executable, "-c", script, url_of(run)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == [False, {"n": 20}]
        folder.write(tools_yaml=TOOLS.replace("twice", "fourfold"))
        run.wait(lambda: "fourfold" in folder.asya("mcp", "list").stdout, "the changed tools")
        assert run.stop() == 0


def test_a_gateway_that_is_killed_loses_nothing(folder):
    with start(folder) as run:
        following = begin(folder, "call", "wait", "{}")
        run.wait(lambda: folder.queues()["asya-wait"]["in_flight"] == 1, "the call to arrive")
        os.kill(gateway_process(run), signal.SIGKILL)
        run.wait(lambda: run.find("gatewayFailed"), "the end to be noticed")
        # The actor ends its work while nobody listens; its report is sent again until somebody does.
        (folder.path / "go").touch()
        run.wait(lambda: len(run.find("gatewayReady")) == 2, "the next gateway")
        assert run.find("gatewayReady")[0]["url"] == url_of(run)
        status, stdout, stderr = outcome(following)
        assert (status, json.loads(stdout)["status"]) == (0, "succeeded"), stderr
        assert folder.asya("mcp", "call", "double", "--n:=1").json["result"] == {"n": 2}
        assert run.stop() == 0


def test_calls_go_on_after_a_restart_of_everything(folder):
    with start(folder) as run:
        calls = [folder.asya("mcp", "--no-stream", "call", "wait", json.dumps({"k": k})).json for k in range(3)]
        ids = [json.loads(call["content"][0]["text"])["envelope_id"] for call in calls]
        run.wait(lambda: folder.queues()["asya-wait"]["messages"] == 3, "the calls to arrive")
        run.kill()
    (folder.path / "go").touch()
    with start(folder) as run:
        results = [folder.asya("mcp", "wait", identifier).json["result"] for identifier in ids]
        assert results == [{"k": 0}, {"k": 1}, {"k": 2}]
        assert run.stop() == 0
    assert folder.left() == 0


def test_actors_drain_before_the_gateway_ends(folder):
    with start(folder) as run:
        following = begin(folder, "call", "wait", "{}")
        run.wait(lambda: folder.queues()["asya-wait"]["in_flight"] == 1, "the call to arrive")
        run.interrupt()
        run.wait(lambda: "stopping" in run.notices, "the stop")
        assert is_alive(gateway_process(run))
        (folder.path / "go").touch()
        assert run.wait_for_end() == 0
        # The actor has sent its result on; happy-end has it or gets it from the next run.
        assert folder.queues()["asya-wait"]["messages"] == 0
        following.terminate()
        following.communicate()


def test_what_asya_send_sends_is_seen_too(folder):
    with start(folder) as run:
        folder.asya("send", "double", "--payload", '{"n": 4}', "--id", "mine", "--wait")
        seen = run.wait(lambda: [e for e in folder.asya("mcp", "ls").json["envelopes"] if e["id"] == "mine"], "it")
        assert seen[0]["route"]["actors"] == ["double"]
        assert folder.asya("mcp", "wait", "mine").json["result"] == {"n": 8}
        assert run.stop() == 0
        complaints = [event["line"] for event in run.find("log") if "level=" in event["line"]]
        assert not complaints, "neither of the id nor of a gateway that is not there yet"


def test_the_usual_port_or_a_free_one_or_the_one_that_was_asked_for(folder):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8089))
            taken.listen()
        except OSError:
            pass  # Somebody else has it, which is what this test needs.
        with start(folder) as run:
            assert not url_of(run).endswith(":8089")
            port = int(url_of(run).rpartition(":")[2])
            refused = folder_in(folder, "other").asya("up", "--gateway-port", port, env=environment(), status=1)
            assert f"port {port}" in refused.stderr and "--gateway-port" in refused.stderr
            assert run.stop() == 0
        with start(folder, "--gateway-port", str(port)) as run:
            assert url_of(run) == f"http://127.0.0.1:{port}"
            assert run.stop() == 0


def test_a_port_that_another_run_takes_first_is_left_to_it(folder):
    with folder.up(gateway=True, env={"ASYA_GATEWAY_BINARY": late_gateway(folder)}) as run:
        port = run.wait(lambda: text_of(folder.path / "asked"), "its gateway to be started")
        with start(folder_in(folder, "other"), "--gateway-port", port) as winner:
            (folder.path / "go-on").touch()
            run.wait(lambda: run.find("gatewayReady"), "its own gateway")
            assert url_of(run) != url_of(winner) and gateway_process(run) != gateway_process(winner)
            run.wait(lambda: has_settled(run), "pairs that know the address")
            called = folder.asya("mcp", "call", "double", "--n:=21")
            assert called.json["result"] == {"n": 42} and "double completed" in called.stderr
            assert winner.stop() == 0
        assert run.stop() == 0
        assert not run.find("gatewayFailed"), "it was not its fault"


def test_a_named_port_that_another_program_takes_first_ends_the_run(folder):
    with socket.socket() as other:
        # Nobody listens: the port can be had until somebody does.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        late = {"ASYA_GATEWAY_BINARY": late_gateway(folder), "ASYA_GATEWAY_PORT": port}
        with folder.up(gateway=True, env=late) as run:
            run.wait(lambda: text_of(folder.path / "asked"), "its gateway to be started")
            other.listen()
            (folder.path / "go-on").touch()
            assert run.wait_for_end() == 1
            assert f"port {port}, from ASYA_GATEWAY_PORT, is taken" in "".join(run.errors)


def late_gateway(folder):
    """A gateway that notes its port in `asked`, and starts when there is a file `go-on`."""
    program = folder.path / "late-gateway"
    program.write_text(
        f"""#!/bin/sh
if [ $# = 0 ]; then
    echo "$ASYA_GATEWAY_PORT" > {folder.path}/asked
    while [ ! -e {folder.path}/go-on ]; do sleep 0.02; done
fi
exec {GATEWAY} "$@"
"""
    )
    program.chmod(0o755)
    return str(program)


def text_of(file):
    return file.read_text().strip() if file.exists() else ""


def has_settled(run):
    """Whether all pairs run since the gateway was ready."""
    with run._lock:
        kinds = [event["event"] for event in run.events]
        after = run.events[len(kinds) - kinds[::-1].index("gatewayReady") :]
    statuses = [event for event in after if event["event"] == "status"]
    return statuses and all(actor["state"] in ("running", "at zero") for actor in statuses[-1]["actors"])


def test_a_gateway_that_hangs_holds_up_the_end_for_seconds_and_loses_nothing(folder):
    with start(folder) as run:
        called = folder.asya("mcp", "--no-stream", "call", "wait", '{"n": 4}').json
        identifier = json.loads(called["content"][0]["text"])["envelope_id"]
        run.wait(lambda: folder.queues()["asya-wait"]["in_flight"] == 1, "the call to arrive")
        # Starts the pair of the end actor, which would wait for a gateway that hangs.
        folder.asya("mcp", "call", "double", "--n:=1")
        os.kill(gateway_process(run), signal.SIGSTOP)
        (folder.path / "go").touch()
        run.wait(lambda: folder.queues()["asya-happy-end"]["in_flight"] == 1, "the result at its end")
        begun = time.monotonic()
        assert run.stop() == 0
        # Both limits together, five and ten seconds, and a busy machine; without them it is over forty.
        assert time.monotonic() - begun < 30
        assert not is_alive(gateway_process(run))
    assert folder.left() == 1
    with start(folder) as run:
        assert folder.asya("mcp", "wait", identifier).json["result"] == {"n": 4}
        assert run.stop() == 0
    assert folder.left() == 0


def environment():
    return {"ASYA_SIDECAR_BINARY": SIDECAR, "ASYA_RUNTIME_PATH": RUNTIME, "ASYA_GATEWAY_BINARY": GATEWAY}


def folder_in(folder, name):
    """Another pipeline beside the first."""
    path = Path(folder.path) / name
    path.mkdir()
    other = Folder(Asya(path))
    other.asya.environment = folder.asya.environment
    # Its own queues: the ones above would be found otherwise.
    (path / ".asya").mkdir()
    (path / ".asya" / "queue.db").touch()
    other.write(steps_py=CODE, asya_yaml=PIPELINE)
    return other


def test_without_its_program_or_with_another_gateway_the_actors_run_all_the_same(folder):
    for variables, word in (
        ({"ASYA_GATEWAY_BINARY": "", "PATH": "/usr/bin:/bin"}, "asya-gateway is neither"),
        ({"ASYA_GATEWAY_URL": "http://127.0.0.1:1"}, "ASYA_GATEWAY_URL is set"),
    ):
        with bare_program(folder).up(gateway=True, env=variables) as run:
            run.started()
            assert word in run.notices
            assert not run.find("gatewayReady")
            run.kill()
    folder.asya("up", "--no-gateway", "--gateway-port", "1", env=environment(), status=2)


def bare_program(folder):
    """`asya` in a folder without the gateway."""
    program = folder.path / "programs" / "asya"
    program.parent.mkdir(exist_ok=True)
    if not program.exists():
        shutil.copy(ASYA, program)
    folder.asya.command = lambda *arguments: [str(program), *map(str, arguments)]
    return folder


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ("tools:\n- name: x\n  route: []\n", ['tool "x"', "tools.yaml:2"]),
        ("tools:\n- name: x\n  rout: [double]\n", ["rout", "tools.yaml:3"]),
        ("tools: [\n", ["tools.yaml:"]),
    ],
)
def test_mistakes_in_the_tools_are_told_with_their_line_before_anything_starts(folder, tools, words):
    folder.write(tools_yaml=tools)
    result = folder.asya("up", env=environment(), status=1)
    assert all(word in result.stderr for word in words), result
    assert not (folder.path / ".asya").exists()


def test_a_route_to_an_actor_that_is_not_there_is_warned_of(folder):
    folder.write(tools_yaml=TOOLS.replace("[double, double]", "[double, dubble]"))
    with start(folder) as run:
        assert "tools.yaml:5" in run.notices and "dubble" in run.notices
        assert run.stop() == 0


def test_a_tools_file_that_appears_is_taken_while_code_is_watched(folder):
    with start(folder, "--watch") as run:
        assert "- name: double" in folder.asya("mcp", "list").stdout
        folder.write(tools_yaml=TOOLS)
        run.wait(lambda: len(run.find("gatewayReady")) == 2, "the gateway with these tools")
        assert [tool["name"] for tool in folder.asya("mcp", "--json", "list").json] == ["twice"]
        assert run.stop() == 0
        assert not run.find("gatewayFailed")


def test_on_a_broker_the_gateway_sends_to_the_same_broker(folder):
    with RabbitMQ(management=False) as broker:
        variables = {"ASYA_RABBITMQ_URL": broker.url}
        with start(folder, "--transport", "rabbitmq", env=variables) as run:
            called = folder.asya("mcp", "call", "double", "--n:=21")
            assert called.json["result"] == {"n": 42}
            assert run.stop() == 0
    assert not (folder.path / ".asya" / "queue.db").exists()

"""`asya mcp` and its old name against a real gateway (cli.md 1, 3)."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conftest import ASYA, ROOT

sys.path[:0] = [str(ROOT / "Tests" / "MCP"), str(ROOT / "Tests" / "Gateway"), str(ROOT / "tools")]

from actors import Actors, create_queues  # noqa: E402
from harness import Gateway  # noqa: E402
from localservers.processes import wait_until  # noqa: E402

TOOLS = """
tools:
- name: text-processor
  description: Process text with LLM
  progress: true
  route: [prep, infer]
  parameters:
    text: {type: string, required: true, description: What to process}
    count: {type: integer, default: 3}
    style: {type: string, options: [plain, loud]}
    tags: {type: array, items: {type: string}}
- name: bare
  route: [only]
"""
LIST = """\
- name: bare
  description: ''
- name: text-processor
  description: Process text with LLM
  parameters:
    text:
      type: string
      required: true
    count:
      type: integer
      required: false
    style:
      type: string
      required: false
    tags:
      type: array
      required: false

"""
SHOW = """\
name: text-processor
description: Process text with LLM
parameters:
  text:
    type: string
    required: true
    description: What to process
  count:
    type: integer
    required: false
    default: 3
  style:
    type: string
    required: false
    options:
    - plain
    - loud
  tags:
    type: array
    required: false

"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    directory = tmp_path_factory.mktemp("gateway")
    environment = {
        "ASYA_GATEWAY_STORE_PATH": str(directory / "gateway.sqlite"),
        "ASYA_EMBEDDED_PATH": str(directory / "queues.sqlite"),
    }
    running = Gateway(directory, environment, TOOLS).start()
    running.request("GET", "/ready")  # Makes it open its queue file.
    create_queues(directory / "queues.sqlite", ["prep", "infer", "only"])
    yield running
    running.close()


@pytest.fixture
def actors(gateway):
    return Actors(gateway.url)


@pytest.fixture
def mcp(asya, gateway):
    """Runs `asya mcp …` against the gateway."""
    asya.environment["ASYA_CLI_MCP_URL"] = gateway.url

    def run(*words, **options):
        return asya("mcp", *words, **options)

    run.asya = asya
    return run


@pytest.fixture
def begin(mcp, actors):
    """Starts a command that waits for an envelope; gives the process and the envelope's id."""
    processes = []

    def begin(*words, tool="text-processor"):
        known = actors.newest(tool)
        process = subprocess.Popen(
            mcp.asya.command("mcp", *words),
            env=mcp.asya.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, actors.wait_for_new(tool, {known["id"]} if known else ())

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def outcome(process):
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


@pytest.mark.parametrize("version", [None, "2026-07-28", "2025-11-25", "2024-11-05"])
def test_list_prints_yaml_in_every_revision(mcp, version):
    assert mcp(*(["--protocol", version] if version else []), "list").stdout == LIST


def test_show(mcp):
    assert mcp("show", "text-processor").stdout == SHOW
    missing = mcp("show", "nope", status=1)
    assert missing.stderr == "[-] Tool 'nope' not found\n" and missing.stdout == ""


def test_json_instead_of_yaml(mcp):
    tools = mcp("--json", "list").json
    assert [tool["name"] for tool in tools] == ["bare", "text-processor"]


def test_the_old_name_is_a_link(mcp, tmp_path):
    link = tmp_path / "asya-mcp"
    link.symlink_to(ASYA)
    done = subprocess.run([link, "list"], env=mcp.asya.environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, LIST)


@pytest.mark.parametrize("words", [[], ["nope"], ["--nope", "list"], ["status"], ["list", "extra"]])
def test_wrong_usage(mcp, words):
    assert mcp(*words, status=2).stdout == ""


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_help(mcp, words):
    assert "call TOOL" in mcp(*words).stdout


@pytest.mark.parametrize(
    "words, payload",
    [
        (["--text=hello", "--count=5"], {"text": "hello", "count": 5}),
        (["--text", "5"], {"text": "5"}),
        (["--text=x", "--tags=a", "--tags=b"], {"text": "x", "tags": ["a", "b"]}),
        (['{"text": "j"}'], {"text": "j"}),
        (["--text=x", "--extra:={\"a\":1}"], {"text": "x", "extra": {"a": 1}}),
    ],
)
def test_arguments(mcp, actors, words, payload):
    answer = mcp("--no-stream", "call", "text-processor", *words).json
    identifier = json.loads(answer["content"][0]["text"])["envelope_id"]
    assert actors.envelope(identifier)["payload"] == payload


def test_arguments_from_a_file_and_from_standard_input(mcp, actors, tmp_path):
    (tmp_path / "a.json").write_text('{"text": "from file"}')
    for source, stdin in ((tmp_path / "a.json", ""), ("-", '{"text": "from file"}')):
        answer = mcp("--no-stream", "call", "--file", source, "text-processor", stdin=stdin).json
        identifier = json.loads(answer["content"][0]["text"])["envelope_id"]
        assert actors.envelope(identifier)["payload"] == {"text": "from file"}


def test_bad_json(mcp):
    failed = mcp("call", "text-processor", "{nope", status=1)
    lines = failed.stderr.splitlines()
    assert len(lines) == 3 and all(line.startswith("[-] ") for line in lines)
    assert lines[0].startswith("[-] Invalid JSON arguments: ") and lines[2] == "[-] You provided: {nope"


def test_a_call_is_followed_to_its_end(begin, actors):
    process, identifier = begin("call", "text-processor", "--text=hello")
    actors.progress(identifier, 0, "processing", "half way")
    actors.succeed(identifier, {"answer": 42})
    status, stdout, stderr = outcome(process)
    assert status == 0, stderr
    last = json.loads(stdout)
    assert (last["status"], last["result"], last["progress_percent"]) == ("succeeded", {"answer": 42}, 100)
    assert stdout.startswith("{\n  \""), "indented by two"
    assert f"[.] Envelope ID: {identifier}" in stderr
    assert "[.] 25% prep processing – half way" in stderr, "without a terminal a line per change"
    assert "Processing:" not in stderr


@pytest.mark.parametrize("options, expected", [([], 3), (["--exit-zero"], 0)])
def test_a_failed_envelope_has_its_own_status(begin, actors, options, expected):
    process, identifier = begin("call", *options, "text-processor", "--text=hello")
    actors.fail(identifier, "boom")
    status, stdout, _ = outcome(process)
    assert (status, json.loads(stdout)["error"]) == (expected, "boom")


def test_a_refused_call_has_its_own_status(mcp):
    refused = mcp("call", "text-processor", status=4)
    assert refused.json["isError"] is True
    assert mcp("call", "--exit-zero", "text-processor").json["isError"] is True


def test_an_unknown_tool(mcp):
    failed = mcp("call", "nope", '{"a":1}', status=1)
    lines = failed.stderr.splitlines()
    assert lines[0].startswith("[-] Request failed: 404 ")
    assert lines[1] == '[-] Request payload: {"name":"nope","arguments":{"a":1}}'
    assert lines[2] == '[-] Server response: Tool "nope" not found'


def test_debugging_shows_the_call_and_each_event_but_never_the_token(begin, actors):
    process, identifier = begin("--debug", "--token", "s3cret", "call", "text-processor", "--text=hello")
    actors.progress(identifier, 0, "received")
    actors.succeed(identifier, 1)
    _, _, stderr = outcome(process)
    assert '[.] Calling tool: text-processor\n[.] Arguments: {"text":"hello"}\n' in stderr
    events = [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
    assert events[-1]["status"] == "succeeded" and len(events) >= 2
    assert "s3cret" not in stderr


def test_status(mcp, gateway):
    identifier = gateway.call("bare", {})
    assert mcp("status", identifier).json["id"] == identifier
    failed = mcp("status", "nope", status=1)
    assert "[-] Server response: Envelope not found" in failed.stderr


def test_stream_prints_a_line_per_event(begin, mcp, actors, gateway):
    identifier = gateway.call("bare", {})
    actors.progress(identifier, 0, "processing")
    actors.fail(identifier, "boom")
    streamed = mcp("stream", identifier, status=3)
    events = streamed.lines
    assert [event["status"] for event in events] == ["running", "running", "failed"]
    assert streamed.stderr.splitlines()[:2] == [f"[.] Streaming updates for envelope {identifier}", "-" * 60]
    assert "[.] 50% only processing" in streamed.stderr
    assert mcp("--json", "stream", identifier, status=3).stderr == ""


def test_wait(mcp, actors, gateway):
    identifier = gateway.call("bare", {})
    mcp("wait", identifier, "--timeout", "1s", status=6)
    threading.Timer(0.5, actors.succeed, (identifier, 7)).start()
    assert mcp("wait", identifier).json["result"] == 7


def test_cancel_ls_and_children(mcp, actors, gateway):
    identifier = gateway.call("bare", {})
    actors.post("/envelopes", {"id": f"{identifier}-1", "parent_id": identifier, "actors": ["only"], "current": 0})
    assert [child["id"] for child in mcp("children", identifier).json["envelopes"]] == [f"{identifier}-1"]
    assert mcp("cancel", identifier).json == {"status": "cancelled"}
    assert mcp("cancel", identifier, status=1).stdout == ""
    listed = mcp("ls", "--tool", "bare", "--status", "failed", "--limit", "1").json["envelopes"]
    assert [envelope["id"] for envelope in listed] == [identifier]


def test_an_idempotency_key(mcp):
    def call():
        return mcp("--no-stream", "call", "--idempotency-key", "k-1", "bare").json

    assert call() == call()


def test_ctrl_c_stops_following(begin, actors):
    process, identifier = begin("call", "text-processor", "--text=x")
    actors.progress(identifier, 0, "received")
    while "received" not in (line := process.stderr.readline()):
        assert line, "the progress line"
    process.send_signal(signal.SIGINT)
    status, stdout, stderr = outcome(process)
    assert (status, stdout) == (130, "") and f"asya mcp stream {identifier}" in stderr
    assert actors.envelope(identifier)["status"] == "running"


def test_ctrl_c_can_cancel(begin, actors):
    process, identifier = begin("call", "--cancel-on-interrupt", "text-processor", "--text=x")
    actors.progress(identifier, 0, "received")
    while "received" not in (line := process.stderr.readline()):
        assert line, "the progress line"
    process.send_signal(signal.SIGINT)
    assert outcome(process)[0] == 130
    assert actors.envelope(identifier)["error"] == "envelope cancelled"


def test_a_gateway_that_is_away(mcp):
    failed = mcp("--url", "http://127.0.0.1:1", "list", status=1)
    assert failed.stderr.startswith("[-] MCP request failed: ")
    failed = mcp("--url", "http://127.0.0.1:1", "status", "x", status=1)
    assert failed.stderr.startswith("[-] Request failed: ")


def complete(mcp, *words):
    """What bash offers for the last of these words."""
    script = (
        'source <(asya completions bash)\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\nCOMP_LINE="$*"\n'
        'COMP_POINT=${#COMP_LINE}\n_asya asya "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = {**mcp.asya.environment, "PATH": f"{ASYA.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script, "bash", "asya", "mcp", *words], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return {word.strip() for word in done.stdout.splitlines()}


def test_the_shell_completes_commands_tools_and_parameters(mcp):
    assert {"status", "stream"} <= complete(mcp, "st")
    assert {"bare", "text-processor"} <= complete(mcp, "call", "")
    assert "text-processor" in complete(mcp, "show", "te") and "bare" not in complete(mcp, "show", "te")
    assert {"--text=", "--count="} <= complete(mcp, "call", "text-processor", "--")
    mcp.asya.environment["ASYA_CLI_MCP_URL"] = "http://127.0.0.1:1"
    assert not complete(mcp, "call", "") & {"bare", "text-processor"}, "quiet without a gateway"


def test_a_bar_on_a_terminal(mcp, actors, gateway):
    import pty

    identifier = gateway.call("text-processor", {"text": "x"})
    del identifier
    known = actors.newest("text-processor")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        mcp.asya.command("mcp", "call", "text-processor", "--text=x"),
        env=mcp.asya.environment,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.close(follower)
    try:
        identifier = actors.wait_for_new("text-processor", {known["id"]})
        actors.progress(identifier, 0, "processing")
        actors.succeed(identifier, 1)
        assert json.loads(process.communicate(timeout=60)[0])["status"] == "succeeded"
        shown = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                break  # The other end is closed.
            shown += piece
        text = shown.decode()
        assert "\rProcessing:  25% |██        | prep | processing" in text
        assert "100% |██████████|" in text
    finally:
        os.close(leader)
        if process.poll() is None:
            process.kill()


def test_the_program_prints_its_help(mcp):
    assert Path(ASYA).exists() and wait_until(lambda: mcp("--help").stdout, 60, "help")

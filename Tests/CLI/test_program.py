"""The program as a whole: statuses, streams, help, completions."""

import json
import os
import pty
import signal
import subprocess

import pytest


def test_version_on_both_outputs(asya):
    assert asya("version").stdout.startswith("asya ")
    assert set(asya("version", "--output", "json").json) == {"version"}
    assert asya("--version").stdout.strip() == asya("version").stdout.split()[1]


def test_without_a_command_the_help_is_prose_and_the_status_is_misuse(asya):
    result = asya(status=2)
    assert result.stdout == ""
    assert "SUBCOMMANDS" in result.stderr


def test_help_that_was_asked_for_is_output(asya):
    result = asya("send", "--help")
    assert "--payload" in result.stdout and result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["send"],
        ["send", "a"],
        ["send", "a", "--payload"],
        ["send", "a", "--payload", "1", "--nope"],
        ["send", "a,,b", "--payload", "1"],
        ["send", "a/b", "--payload", "1"],
        ["send", "a", "--payload", "1", "--header", "x"],
        ["send", "a", "--payload", "1", "--header", "x:=nope"],
        ["send", "a", "--payload", "1", "--timeout", "5s"],
        ["send", "a", "--payload", "1", "--wait", "--timeout", "soon"],
        ["send", "a", "--payload", "1", "--each", "--id", "x"],
        ["send", "a", "--payload", "1", "--id", ""],
        ["send", "a", "--payload", "1", "--transport", "pigeon"],
        ["send", "a", "--payload", "1", "--output", "xml"],
        ["peek"],
        ["peek", "a", "--limit", "0"],
        ["peek", "a", "--offset=-1"],
        ["trace"],
        ["dlq"],
        ["dlq", "frob"],
        ["dlq", "redrive"],
        ["dlq", "purge", "--all"],
        ["new"],
        ["new", "Upper"],
        ["completions", "tcsh"],
    ],
)
def test_wrong_usage_ends_with_2_and_a_marker(asya, arguments):
    result = asya(*arguments, status=2)
    assert result.stdout == ""
    assert result.stderr.startswith(("[-] ", "OVERVIEW")), result
    assert not list(asya.folder.iterdir()), "nothing is made"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_commands(asya, shell):
    script = asya("completions", shell).stdout
    assert all(word in script for word in ("validate", "send", "redrive"))
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_reader_that_goes_away_ends_the_program_quietly(asya, store):
    payload = asya.folder / "big.json"
    payload.write_text(json.dumps("x" * 3_000_000))
    asya("send", "first", "--payload", f"@{payload}")
    for restore_signals in (True, False):
        # False leaves SIGPIPE ignored, as some parents do.
        process = asya.start("peek", "first", "--output", "json", restore_signals=restore_signals)
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) in (141, -signal.SIGPIPE)
        assert process.stderr.read() == ""
        process.stderr.close()


def test_a_full_output_is_an_error(asya):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            asya.command("version"), env=asya.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert done.returncode == 1
    assert "standard output" in done.stderr


def run_on_terminal(asya, arguments, answer=None, env=None):
    """Output (both streams) of a command whose three streams are a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(asya.folder)
        os.execve(arguments[0], arguments, {**asya.environment, "TERM": "xterm", **(env or {})})
    output = b""
    if answer is not None:
        while b"]" not in output:
            output += os.read(terminal, 4096)
        os.write(terminal, answer)
    while True:
        try:
            block = os.read(terminal, 4096)
        except OSError:
            break
        if not block:
            break
        output += block
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode()


def test_colours_only_on_terminals_and_never_with_no_color(asya, store):
    assert "\x1b[" not in asya("queues").stdout
    status, text = run_on_terminal(asya, asya.command("queues"))
    assert status == 0 and "\x1b[1mQUEUE" in text
    _, plain = run_on_terminal(asya, asya.command("queues"), env={"NO_COLOR": "1"})
    assert "\x1b[" not in plain and "QUEUE" in plain
    _, dumb = run_on_terminal(asya, asya.command("queues"), env={"TERM": "dumb"})
    assert "\x1b[" not in dumb


@pytest.mark.parametrize("answer, left", [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_purge_asks_on_a_terminal(asya, store, answer, left):
    store.add_dead_letter("asya-first", {"id": "d-1", "route": {"actors": ["first"], "current": 0}, "payload": 1})
    status, text = run_on_terminal(asya, asya.command("dlq", "purge", "first"), answer=answer)
    assert status == 0 and "Delete 1 message of asya-first-dlq" in text
    assert len(asya("dlq", "list", "--output", "json").json) == left

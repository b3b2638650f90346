"""Start, stop, resume and refusal of `asya up`."""

import os
import pty
import select
import signal
import subprocess
import sys

import pytest

from up_run import RUNTIME, SIDECAR, Folder, eventually, is_alive

SLOW = "import time\ndef work(payload):\n    time.sleep(payload)\n    return payload\n"
ONE = "actors: {work: {handler: slow.work, timeout: 60}}\n"


@pytest.fixture
def folder(asya):
    folder = Folder(asya)
    folder.write(slow_py=SLOW, asya_yaml=ONE)
    return folder


def test_ctrl_c_finishes_what_is_held_and_the_next_run_goes_on(folder):
    with folder.up() as run:
        run.started()
        folder.send("work", [2, 0.1, 0.2])
        run.wait(lambda: folder.queues()["asya-work"]["in_flight"] >= 1, "a held message")
        assert run.stop() == 0
        assert "still queued: " in run.notices
    queues = folder.queues()
    assert queues["asya-happy-end"]["enqueued_total"] == 1, "the held message was finished"
    assert queues["asya-work"]["messages"] == 2
    assert queues["asya-work"]["in_flight"] == 0, "nothing waits for a lease"
    with folder.up() as run:
        run.started()
        assert "work 2" in run.notices
        run.wait(lambda: len(folder.results()) == 3, "all results")
        assert run.stop() == 0
    assert folder.duplicates() == {} and folder.left() == 0


def test_a_second_ctrl_c_stops_at_once_and_gives_the_message_back(folder):
    with folder.up() as run:
        run.started()
        folder.send("work", [3600])
        run.wait(lambda: folder.queues()["asya-work"]["in_flight"] == 1, "a held message")
        children = run.processes("work", "sidecar") + run.processes("work", "runtime")
        run.interrupt()
        run.wait(lambda: "Ctrl-C again" in run.notices, "the first one to be heard")
        run.interrupt()
        assert run.wait_for_end() == 130
        assert not any(map(is_alive, children))
    assert folder.left() == 1


def test_nothing_survives_a_killed_asya_up(folder):
    with folder.up() as run:
        run.started()
        run.wait(lambda: run.find("ready", actor="work"), "the pair")
        children = run.processes("work", "sidecar") + run.processes("work", "runtime")
        run.kill()
        eventually(lambda: not any(map(is_alive, children)), "the end of the processes")


def test_a_second_run_on_the_same_queues_is_refused_with_the_first_ones_process(folder):
    with folder.up() as run:
        run.started()
        refused = folder.asya("up", env={"ASYA_SIDECAR_BINARY": SIDECAR, "ASYA_RUNTIME_PATH": RUNTIME}, status=1)
        assert str(run.process.pid) in refused.stderr and "already" in refused.stderr
        assert run.stop() == 0
    with folder.up() as run:
        run.started()
        assert run.stop() == 0


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("actors: {work: {handler: slow.work, python: ./no-venv}}\n", ["no-venv", "asya.sh/python"]),
        ("actors: {work: {handler: slow.work, workdir: nowhere}}\n", ["nowhere", "asya.sh/workdir"]),
        ("actors: {work: {replicas: 2}}\n", ["asya.yaml:1", "handler"]),
        ("actors: {work: {handler: slow.work, replicas: -1}}\n", ["asya.yaml:1", "replicas"]),
        ("actors: {}\n", ["actor"]),
    ],
)
def test_mistakes_are_told_before_anything_starts(folder, manifest, words):
    folder.write(asya_yaml=manifest)
    result = folder.asya("up", env={"ASYA_SIDECAR_BINARY": SIDECAR, "ASYA_RUNTIME_PATH": RUNTIME}, status=1)
    assert all(word in result.stderr for word in words), result
    assert not (folder.path / ".asya" / "queue.db").exists()


def test_missing_manifests_and_programs_are_named(folder):
    (folder.path / "asya.yaml").unlink()
    assert "-f" in folder.asya("up", status=1).stderr
    folder.write(asya_yaml=ONE)
    result = folder.asya("up", env={"ASYA_SIDECAR_BINARY": "/nowhere/sidecar"}, status=1)
    assert "ASYA_SIDECAR_BINARY" in result.stderr
    result = folder.asya("up", env={"ASYA_SIDECAR_BINARY": SIDECAR, "ASYA_RUNTIME_PATH": "/nowhere.py"}, status=1)
    assert "ASYA_RUNTIME_PATH" in result.stderr
    folder.asya("up", "--gpus", "-1", status=2)
    folder.asya("up", "--transport", "pigeons", status=2)


def test_a_dry_run_prints_the_plan_and_touches_nothing(folder):
    environment = {"ASYA_SIDECAR_BINARY": SIDECAR, "ASYA_RUNTIME_PATH": RUNTIME, "SECRET": "hidden"}
    plan = folder.asya("up", "--dry-run", "-o", "json", env=environment).json
    assert [actor["actor"] for actor in plan] == ["work", "happy-end", "error-end"]
    assert plan[0]["handler"] == "slow.work" and plan[0]["workdir"] == os.path.realpath(folder.path)
    text = folder.asya("up", "--dry-run", env=environment)
    assert "asya-work" in text.stdout and "hidden" not in text.stdout
    assert not (folder.path / ".asya").exists()


def test_state_directories_may_lie_deep(folder):
    deep = folder.path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    folder.asya.folder = folder.path = deep
    folder.write(slow_py=SLOW, asya_yaml=ONE)
    with folder.up() as run:
        run.started()
        folder.send("work", [0])
        run.wait(lambda: len(folder.results()) == 1, "the result")
        assert run.stop() == 0


def test_end_actors_of_the_manifests_replace_the_built_in_ones(folder):
    folder.write(
        slow_py=SLOW + "def keep(envelope):\n    open('kept', 'a').write(envelope['id'] + '\\n')\n    return {}\n",
        asya_yaml="""
actors:
  work: {handler: slow.work}
  happy-end: {handler: slow.keep, mode: envelope, env: {ASYA_ENABLE_VALIDATION: "false"}}
""",
    )
    with folder.up() as run:
        run.started()
        folder.send("work", [0])
        run.wait(lambda: (folder.path / "kept").exists(), "the end actor")
        run.wait(lambda: folder.left() == 0, "empty queues")
        assert run.stop() == 0
    assert folder.results() == []


def test_a_terminal_gets_a_table_in_place_colours_and_prefixes(folder):
    folder.write(slow_py=SLOW + "print('hello from the handler')\n")
    main, terminal = pty.openpty()
    environment = {
        **folder.asya.environment, "TERM": "xterm", "ASYA_SIDECAR_BINARY": SIDECAR, "ASYA_RUNTIME_PATH": RUNTIME,
        "PATH": f"{os.path.dirname(sys.executable)}:{folder.asya.environment['PATH']}",
    }
    process = subprocess.Popen(
        folder.asya.command("up"), cwd=folder.path, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    seen = bytearray()

    def read():
        while select.select([main], [], [], 0)[0]:
            try:
                seen.extend(os.read(main, 65536))
            except OSError:
                break
        return seen

    try:
        eventually(lambda: b"REPLICAS" in read() and b"hello from the handler" in seen and b"1/1" in seen, "the table")
        assert b"\x1b[36mwork.0" in seen, "a coloured prefix"
        assert b"F\x1b[J" in seen, "the table is drawn again in place"
        process.send_signal(signal.SIGINT)
        eventually(lambda: (read(), process.poll())[1] is not None, "the end")
        assert process.returncode == 0
        assert b"all queues are empty" in read()
    finally:
        process.kill()
        process.wait()
        os.close(main)

"""What `asya up` does when processes are killed, do not start, or do not stop."""

import os
import random
import signal

import pytest

from up_run import Folder, eventually, is_alive

ENVELOPES = 240
STEP = "import time\ndef work(payload):\n    time.sleep(0.04)\n    return payload\n"
TWO_STEPS = """
actors:
  one: {handler: step.work, replicas: 2}
  two: {handler: step.work, replicas: 2}
"""


@pytest.fixture
def folder(asya):
    return Folder(asya)


def test_killed_sidecars_and_runtimes_and_asya_up_itself_lose_and_double_nothing(folder):
    generator = random.Random(20261125)
    folder.write(step_py=STEP, asya_yaml=TWO_STEPS)
    run = folder.up()
    try:
        run.started()
        folder.send("one,two", [{"n": n} for n in range(ENVELOPES)])
        for round_number in range(6):
            run.wait(lambda: run.processes("one", "sidecar") and run.processes("two", "sidecar"), "pairs")
            assert folder.left() > 0, "nothing is left to be lost"
            if round_number % 3 == 2:
                # Its children go with it; a new one goes on.
                children = [
                    process
                    for actor in ("one", "two")
                    for name in ("sidecar", "runtime")
                    for process in run.processes(actor, name)
                ]
                run.kill()
                eventually(lambda: not any(map(is_alive, children)), "the processes to end with asya up")
                run = folder.up().started()
                continue
            name = ("sidecar", "runtime")[round_number % 3]
            for actor in ("one", "two"):
                victim = generator.choice(run.processes(actor, name)[-2:])
                if is_alive(victim):
                    os.kill(victim, signal.SIGKILL)
            ready = len(run.find("ready"))
            run.wait(lambda: len(run.find("ready")) > ready, "a restart")
        run.wait(lambda: folder.ended() >= ENVELOPES, "the end of every envelope")
        run.wait(lambda: folder.left() == 0, "empty queues")
        assert run.stop() == 0
    finally:
        run.__exit__()
    # Exactly once between queues. The end actors may see an envelope twice, like every handler.
    assert folder.ended() == ENVELOPES
    # A runtime that dies with an envelope in its hands is a failure of that envelope: error-end has it.
    numbers = {
        (entry["envelope"]["payload"].get("original_payload") or entry["envelope"]["payload"])["n"]
        for entry in folder.results()
    }
    assert numbers == set(range(ENVELOPES))


def test_a_handler_that_cannot_be_loaded_is_a_crash_loop_and_its_repair_is_noticed(folder):
    folder.write(broken_py="raise RuntimeError('no model here')\n", asya_yaml="actors: {work: broken.work}\n")
    with folder.up("--watch") as run:
        run.started()
        run.wait(lambda: run.find("failed", actor="work", process="runtime", crashLoop=True), "a crash loop")
        run.wait(lambda: run.status("work").get("state") == "crash loop", "the state crash loop")
        assert any("no model here" in event["line"] for event in run.find("log", actor="work"))
        delays = [event["retryAfterSeconds"] for event in run.find("failed", actor="work")]
        assert delays[:3] == [0.5, 1, 2]
        folder.write(broken_py="def work(payload):\n    return 'repaired'\n")
        run.wait(lambda: run.find("ready", actor="work"), "the repaired actor")
        folder.send("work", [1])
        run.wait(lambda: folder.results(), "the result")
        assert run.stop() == 0
    assert folder.results()[0]["envelope"]["payload"] == "repaired"


def test_a_handler_beyond_its_timeout_costs_one_envelope_and_a_restart(folder):
    folder.write(
        stuck_py="import time\ndef work(payload):\n    time.sleep(payload)\n    return payload\n",
        asya_yaml="actors: {work: {handler: stuck.work, timeout: 1}}\n",
    )
    with folder.up() as run:
        run.started()
        folder.send("work", [3600, 0])
        run.wait(lambda: len(folder.results()) == 2, "both results")
        assert run.find("failed", actor="work", process="sidecar", reason="exit status 1")
        assert run.stop() == 0
    assert sorted(entry["outcome"] for entry in folder.results()) == ["failed", "succeeded"]
    assert folder.ended() == 2


def test_changed_code_replaces_the_pairs_of_that_actor_only(folder):
    (folder.path / "a").mkdir()
    (folder.path / "b").mkdir()
    (folder.path / "a" / "code.py").write_text("def work(payload):\n    return 'old'\n")
    (folder.path / "b" / "code.py").write_text("def work(payload):\n    return payload\n")
    folder.write(
        asya_yaml="""
actors:
  first: {handler: code.work, workdir: a, replicas: 2}
  second: {handler: code.work, workdir: b}
"""
    )
    with folder.up("--watch") as run:
        run.started()
        run.wait(lambda: len(run.find("ready")) == 3, "three pairs")
        old = run.processes("first", "runtime")
        (folder.path / "a" / "code.py").write_text("def work(payload):\n    return 'new'\n")
        run.wait(lambda: not any(map(is_alive, old)), "the end of the old pairs")
        run.wait(lambda: len(run.processes("first", "runtime")) == 4, "new pairs")
        folder.send("first,second", [0, 1, 2])
        run.wait(lambda: len(folder.results()) == 3, "results")
        assert len(run.processes("second", "runtime")) == 1
        assert run.stop() == 0
        assert not run.find("failed")
    assert {entry["envelope"]["payload"] for entry in folder.results()} == {"new"}


def test_output_without_line_ends_and_in_long_lines_is_shown(folder):
    folder.write(
        talk_py="""
import sys
sys.stdout.write("a prompt without end"); sys.stdout.flush()
sys.stderr.write("x" * 50000 + "\\n")
def work(payload):
    return payload
""",
        asya_yaml="actors: {work: talk.work}\n",
    )
    with folder.up() as run:
        run.started()
        run.wait(lambda: run.find("ready", actor="work"), "the pair")

        def text():
            return "".join(event["line"] for event in run.find("log", actor="work"))

        run.wait(lambda: "a prompt without end" in text() and text().count("x") >= 50000, "the output")
        assert max(len(event["line"]) for event in run.find("log")) <= 16 * 1024
        assert run.stop() == 0

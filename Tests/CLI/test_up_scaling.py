"""Autoscaling of `asya up`, and the safe scale-in."""

import os

import pytest

from scaling_actors import LONG, calls, manifest, quick
from up_run import Folder, eventually


@pytest.fixture
def folder(asya):
    return Folder(asya)


def test_500_envelopes_take_an_actor_from_0_to_8_and_back_to_0(folder):
    folder.write(
        quick_py=quick(0.03),
        asya_yaml=manifest(
            ["work"], "quick.work", minReplicas=0, maxReplicas=8, queueLength=5, pollingInterval=1, cooldownPeriod=3
        ),
    )
    with folder.up() as run:
        run.started()
        assert run.processes("work", "runtime") == []
        folder.send("work", [{"n": n} for n in range(500)])
        run.wait(lambda: folder.ended() == 500, "500 results")
        run.wait(lambda: run.timeline("work")[-1:] == [0], "the way back to 0")
        timeline = run.timeline("work")
        assert timeline[0] == 0 and max(timeline) == 8, timeline
        # Up as fast as the queue asks for it, then only down.
        assert timeline[timeline.index(8):] == sorted(timeline[timeline.index(8):], reverse=True)
        run.wait(lambda: run.status("work").get("state") == "at zero", "the state at zero")
        run.wait(lambda: len(folder.results()) == 500, "500 kept results")
        assert run.stop() == 0
        assert not run.find("failed") and not run.find("drainTimedOut")
    assert {entry["envelope"]["payload"]["n"] for entry in folder.results()} == set(range(500))
    assert folder.duplicates() == {} and folder.left() == 0


def scale_in_round(folder, run, number, seconds):
    """Two pairs hold a message each when one of them is ended; both calls have to run to their end, once."""
    folder.send("work", [{"actor": "work", "n": number * 10 + n, "seconds": seconds} for n in range(6)])
    run.wait(lambda: folder.ended() == (number + 1) * 6, f"round {number}", timeout=6 * seconds + 60)


def check_calls(folder, rounds):
    begun, ended = calls(folder)
    assert begun == ended, "a call was interrupted"
    assert sorted(int(number) for _, number, _ in begun) == sorted(
        round_number * 10 + n for round_number in range(rounds) for n in range(6)
    ), "a call ran twice, or never"


def test_scale_in_never_interrupts_a_call(folder):
    rounds = int(os.environ.get("ASYA_SCALE_IN_ROUNDS", "2"))
    seconds = float(os.environ.get("ASYA_SCALE_IN_SECONDS", "2.5"))
    # Six messages ask for two pairs; the last five or fewer, held ones included, for one: with a cooldown of 0 a pair
    # is ended at the next look, in the middle of its call.
    folder.write(
        long_py=LONG,
        asya_yaml=manifest(
            ["work"], "long.work", minReplicas=1, maxReplicas=2, queueLength=5, pollingInterval=1, cooldownPeriod=0
        ),
    )
    with folder.up() as run:
        run.started()
        run.wait(lambda: run.processes("work", "runtime"), "the first pair")
        for number in range(rounds):
            scale_in_round(folder, run, number, seconds)
        timeline = run.timeline("work")
        assert timeline.count(2) >= rounds, timeline
        busy = [event for event in run.find("scaled", actor="work", to=1) if event["inFlight"] == 2]
        assert len(busy) >= rounds, "both pairs held a message when one of them was ended"
        assert run.stop() == 0
        assert not run.find("drainTimedOut") and not run.find("failed")
    check_calls(folder, rounds)
    assert folder.duplicates() == {} and folder.left() == 0


def test_replicas_without_scaling_and_gpu_slots(folder):
    folder.write(
        gpu_py="import os\ndef work(payload):\n    return os.environ['CUDA_VISIBLE_DEVICES']\n",
        asya_yaml="actors:\n  work: {handler: gpu.work, replicas: 3, gpu: 1}\n",
    )
    with folder.up("--gpus", "2") as run:
        run.started()
        run.wait(lambda: len(run.processes("work", "runtime")) == 2, "two pairs")
        run.wait(lambda: run.status("work").get("state") == "waiting for a GPU", "the third to wait")
        folder.send("work", [0, 1, 2, 3])
        run.wait(lambda: len(folder.results()) == 4, "the results")
        assert run.stop() == 0
    assert {entry["envelope"]["payload"] for entry in folder.results()} <= {"0", "1"}


def test_the_first_message_wakes_an_actor_without_waiting_for_the_polling_interval(folder):
    folder.write(
        quick_py=quick(0.03),
        asya_yaml=manifest(["work"], "quick.work", minReplicas=0, maxReplicas=1, pollingInterval=3600, cooldownPeriod=3600),
    )
    with folder.up() as run:
        run.started()
        folder.send("work", [1])
        run.wait(lambda: run.timeline("work") == [0, 1], "the first pair")
        eventually(lambda: folder.ended() == 1, "the result")
        assert run.stop() == 0

"""The loss test on the embedded transport: kill -9 of sidecars and runtimes, then a full disk.

Between queues a hop happens exactly once: every envelope arrives once, in happy-end or (when its runtime was killed
with it) in error-end. Handlers may run again; that is counted apart. Seeds and numbers as in `test_loss.py`.
"""

import collections
import contextlib
import os
import random
import subprocess
import threading
import time

import pytest
from harness.embedded import EmbeddedWorld
from harness.envelopes import body
from harness.waiting import eventually, observe_for
from test_loss import COUNT, Chaos, all_settled, check_arrival, check_blamed, payloads

WINDOW = 32
LEASE = "2s"
SECONDS_BETWEEN_FAULTS = 0.2  # Twenty thousand envelopes take a few seconds here: one fault per second would be few.
NAMES = ("one", "two")


class Pipeline:
    """Two actors with real runtimes whose handlers write down each call."""

    def __init__(self, world):
        self.world = world.declare_usual(*NAMES)
        self.notes = [os.path.join(world.directory(), "notes") for _ in NAMES]
        self.runtimes = [
            world.python("conformance_handlers.append_hop_and_note", CONFORMANCE_HOP=name, CONFORMANCE_NOTES=notes)
            for name, notes in zip(NAMES, self.notes)
        ]
        self.sidecars = [
            world.sidecar(name, runtime, ASYA_EMBEDDED_VISIBILITY_TIMEOUT=LEASE)
            for name, runtime in zip(NAMES, self.runtimes)
        ]

    def send(self, items):
        bodies = [body("loss-%d" % p["n"], NAMES, payload=p, headers={"n": p["n"]}) for p in items]
        self.world.send_many("one", bodies)

    def wait(self, limit):
        eventually(lambda: all_settled(self.world, NAMES), limit, "all envelopes to be handled", interval=0.2)

    def judge(self, count, runtime_kills, sidecar_kills):
        """Fails when an envelope is missing or there twice; prints how often handlers ran again."""
        arrived = [check_arrival(m.json) for m in self.world.client.consume_all("asya-happy-end")]
        blamed = [check_blamed(m.json) for m in self.world.client.consume_all("asya-error-end")]
        seen = collections.Counter(arrived + blamed)
        calls = [sum(1 for _ in open(path, encoding="ascii")) for path in self.notes]
        repeated = sum(calls) - (len(arrived) * 2 + len(blamed))
        print(
            "%d arrived, %d inside a killed runtime; handler calls %r, about %d of them repeated"
            % (len(arrived), len(blamed), calls, repeated),
            flush=True,
        )
        assert set(range(count)) == set(seen), "lost: %r" % sorted(set(range(count)) - set(seen))[:20]
        twice = [n for n, times in seen.items() if times > 1]
        assert not twice, "stored twice: %r" % twice[:20]
        assert len(blamed) <= 2 * runtime_kills, "only the oldest unanswered request is blamed"
        assert repeated <= WINDOW * (sidecar_kills + runtime_kills) + len(blamed)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_between_queues_nothing_is_lost_or_doubled_while_sidecars_and_runtimes_are_killed(embedded_world):
    seed = int(os.environ.get("ASYA_LOSS_SEED") or random.SystemRandom().randrange(2**31))
    print("ASYA_LOSS_SEED=%d ASYA_LOSS_COUNT=%d" % (seed, COUNT), flush=True)
    pipeline = Pipeline(embedded_world)
    started = time.monotonic()
    chaos = Chaos(embedded_world, seed, pipeline.sidecars, pipeline.runtimes, SECONDS_BETWEEN_FAULTS).start()
    # In portions, so that sidecars meet both a full and an empty queue.
    made = list(payloads(random.Random(seed)))
    try:
        for start in range(0, COUNT, 2000):
            pipeline.send(made[start : start + 2000])
            eventually(lambda: embedded_world.depth("one") < 500, 200, "the first queue to shrink", interval=0.05)
        pipeline.wait(200)
    finally:
        chaos.stop()
    pipeline.wait(60)
    print("%.1f s, faults %r" % (time.monotonic() - started, chaos.counts), flush=True)
    assert chaos.counts["sidecar"] + chaos.counts["runtime"] > 0
    pipeline.judge(COUNT, chaos.counts["runtime"], chaos.counts["sidecar"])


@contextlib.contextmanager
def small_file_system(megabytes):
    """A directory on a tmpfs of its own; skips where this process may not mount one."""
    world = EmbeddedWorld.__new__(EmbeddedWorld)
    world._begin()
    path = world.directory()
    command = ["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "tmpfs", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        os.rmdir(path)
        pytest.skip("cannot mount a small tmpfs (%s)" % (done.stderr.strip() or done.returncode))
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
        os.rmdir(path)


def fill(path):
    """Takes all the space there is."""
    with open(path, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
        with contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 512)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_disk_that_is_full_for_a_while_loses_and_doubles_nothing(request):
    count = 3000
    with small_file_system(24) as directory:
        world = EmbeddedWorld(directory)
        request.node.conformance_world = world
        try:
            pipeline = Pipeline(world)
            pipeline.send(list(payloads(random.Random(1)))[:count])
            eventually(lambda: world.depth("happy-end") > 100, 30, "the first results")
            filler = os.path.join(directory, "filler")
            stop = threading.Event()

            def keep_full():
                while not stop.wait(0.02):
                    fill(filler)

            thread = threading.Thread(target=keep_full, daemon=True)
            fill(filler)
            thread.start()
            try:
                eventually(
                    lambda: any(s.status("/ready") == 503 for s in pipeline.sidecars), 60, "a sidecar to be not ready"
                )
                before = world.depth("happy-end")
                observe_for(3)
                assert all(s.is_running for s in pipeline.sidecars)
            finally:
                stop.set()
                thread.join(20)
                os.unlink(filler)
            print("%d results before the disk was full" % before, flush=True)
            pipeline.wait(90)
            eventually(lambda: all(s.status("/ready") == 200 for s in pipeline.sidecars), 30, "readiness")
            assert "no space left" in "".join(s.log() for s in pipeline.sidecars)
            pipeline.judge(count, 0, 1000)
        finally:
            world.close()

"""The loss test: thousands of envelopes through two actors while everything around them is killed at random.

`ASYA_LOSS_SEED` repeats a run's choices, `ASYA_LOSS_COUNT` sets the number of envelopes (20,000 by default).
"""

import hashlib
import os
import random
import threading
import time

import pytest
from harness.envelopes import body
from harness.waiting import eventually

COUNT = int(os.environ.get("ASYA_LOSS_COUNT", "20000"))
SECONDS_BETWEEN_FAULTS = 1.0
WINDOW = 16  # The adaptive window's upper end: what one sidecar can have in flight, sent ahead or not.
TIME_LIMIT = 220


class Chaos:
    """Kills something every second (or `interval` seconds) and restarts it at once, until stopped."""

    def __init__(self, world, seed, sidecars, runtimes, interval=SECONDS_BETWEEN_FAULTS):
        self.interval = interval
        self.random = random.Random(seed)
        self.world, self.sidecars, self.runtimes = world, sidecars, runtimes
        self.counts = {"sidecar": 0, "runtime": 0, "connections": 0}
        self.failure = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._thread.join(30)
        if self.failure is not None:
            raise self.failure

    def _run(self):
        try:
            while not self._stopping.wait(self.interval):
                self._strike(self.random.choice(["sidecar", "runtime", "connections"]))
        except Exception as failure:
            self.failure = failure

    def _strike(self, kind):
        which = self.random.randrange(2)
        if kind == "sidecar":
            self.sidecars[which].kill()
            self.sidecars[which].start()
        elif kind == "runtime":
            self.runtimes[which].kill()
            self.runtimes[which].start(wait=False)
        elif self.world.close_sidecar_connections() == 0:
            return  # Nothing is connected at this moment; not counted.
        self.counts[kind] += 1

    @property
    def duplicates_allowed(self):
        """In flight times faults: a closed connection can hit both sidecars at once."""
        return WINDOW * (self.counts["sidecar"] + self.counts["runtime"] + 2 * self.counts["connections"])


def payloads(generator):
    """Distinct texts with their hashes, so that mixed-up or damaged payloads are noticed."""
    for number in range(COUNT):
        text = "%d:%s" % (number, generator.getrandbits(512))
        yield {"n": number, "text": text, "sha": hashlib.sha256(text.encode()).hexdigest(), "hops": []}


def check_arrival(envelope):
    payload = envelope["payload"]
    assert envelope["id"] == "loss-%d" % payload["n"]
    assert hashlib.sha256(payload["text"].encode()).hexdigest() == payload["sha"]
    assert payload["hops"] == ["one", "two"], "each actor worked on it once"
    assert envelope["route"] == {"actors": ["one", "two"], "current": 2}
    assert envelope["headers"] == {"n": payload["n"]}
    return payload["n"]


def check_blamed(envelope):
    """A message that was inside a runtime when it was killed."""
    text = envelope["payload"]["error"]
    assert text.startswith(("failed to read response from runtime: ", "failed to send message to runtime: ")), text
    return envelope["payload"]["original_payload"]["n"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_while_sidecars_runtimes_and_connections_are_killed(world):
    seed = int(os.environ.get("ASYA_LOSS_SEED") or random.SystemRandom().randrange(2**31))
    print("ASYA_LOSS_SEED=%d ASYA_LOSS_COUNT=%d" % (seed, COUNT), flush=True)
    world.declare_usual("one", "two")
    names = ("one", "two")
    runtimes = [world.python("conformance_handlers.append_hop", CONFORMANCE_HOP=name) for name in names]
    sidecars = [world.sidecar(name, runtime) for name, runtime in zip(names, runtimes)]
    started = time.monotonic()
    chaos = Chaos(world, seed, sidecars, runtimes).start()
    made = payloads(random.Random(seed))
    world.send_many("one", [body("loss-%d" % p["n"], names, payload=p, headers={"n": p["n"]}) for p in made])
    try:
        eventually(lambda: all_settled(world, names), TIME_LIMIT, "all envelopes to be handled", interval=0.2)
    finally:
        chaos.stop()
    seconds = time.monotonic() - started
    eventually(lambda: all_settled(world, names), 30, "the last envelopes to be handled", interval=0.2)
    arrived = [check_arrival(m.json) for m in world.client.consume_all("asya-happy-end")]
    blamed = [check_blamed(m.json) for m in world.client.consume_all("asya-error-end")]
    report_and_judge(chaos, arrived, blamed, seconds)


def all_settled(world, names):
    """Twice in a row, because a message is for a moment in neither queue between two looks."""
    looks = [world.queue_counts(name) for _ in range(2) for name in names]
    return all(look == (0, 0) for look in looks)


def report_and_judge(chaos, arrived, blamed, seconds):
    missing = set(range(COUNT)) - set(arrived) - set(blamed)
    duplicates = len(arrived) - len(set(arrived))
    first_seen = list(dict.fromkeys(arrived))
    steps_back = sum(1 for a, b in zip(first_seen, first_seen[1:]) if b < a)
    faults = sum(chaos.counts.values())
    print(
        "%d envelopes in %.1f s, %d faults %r: missing %d, duplicates %d (allowed %d), inside a killed runtime %d, "
        "steps back in order %d"
        % (
            COUNT,
            seconds,
            faults,
            chaos.counts,
            len(missing),
            duplicates,
            chaos.duplicates_allowed,
            len(blamed),
            steps_back,
        ),
        flush=True,
    )
    assert not missing, "lost: %r" % sorted(missing)[:20]
    assert duplicates <= chaos.duplicates_allowed
    assert len(blamed) <= 2 * chaos.counts["runtime"], "only the oldest unanswered request is blamed"
    # A redelivery puts a message behind at most the window that was in flight; between faults order is kept.
    assert steps_back <= faults * WINDOW

"""The loss test over SQS: sidecars and runtimes are killed, connections dropped, calls throttled.

SQS delivers at least once, so duplicates are allowed, as many as can have been in flight; nothing may be lost. Seeds and
numbers as in `test_loss.py`; the stand-in keeps real visibility timeouts.
"""

import os
import random
import time

import pytest
from harness.envelopes import body
from harness.waiting import eventually
from test_loss import Chaos, all_settled, check_arrival, check_blamed, payloads

COUNT = int(os.environ.get("ASYA_LOSS_COUNT", "20000")) // 4
WINDOW = 128  # The widest window of a fast handler.
VISIBILITY_SECONDS = 4
THROTTLED_PERCENT = 2
NAMES = ("one", "two")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_over_sqs_while_everything_is_killed(sqs_world):
    seed = int(os.environ.get("ASYA_LOSS_SEED") or random.SystemRandom().randrange(2**31))
    print("ASYA_LOSS_SEED=%d ASYA_LOSS_COUNT=%d" % (seed, 4 * COUNT), flush=True)
    world = sqs_world.declare_usual(*NAMES)
    runtimes = [world.python("conformance_handlers.append_hop", CONFORMANCE_HOP=name) for name in NAMES]
    sidecars = [
        world.sidecar(name, runtime, ASYA_SQS_VISIBILITY_TIMEOUT=VISIBILITY_SECONDS)
        for name, runtime in zip(NAMES, runtimes)
    ]
    made = list(payloads(random.Random(seed)))[:COUNT]
    started = time.monotonic()
    world.send_many("one", [body("loss-%d" % p["n"], NAMES, payload=p, headers={"n": p["n"]}) for p in made[:2000]])
    world.server.administer("/settings?throttle_percent=%d" % THROTTLED_PERCENT)
    chaos = Chaos(world, seed, sidecars, runtimes, interval=0.4).start()
    try:
        for start in range(2000, COUNT, 500):
            send_in_spite_of_faults(world, made[start : start + 500])
        eventually(lambda: world.server.statistics()["queues"]["asya-one"]["deleted"] >= COUNT, 200, "the first hop")
    finally:
        chaos.stop()
        world.server.administer("/settings?throttle_percent=0")
    eventually(lambda: all_settled(world, NAMES), 60, "all envelopes to be handled", interval=0.2)
    arrived = [check_arrival(m.json) for m in world.client.consume_all("asya-happy-end")]
    blamed = [check_blamed(m.json) for m in world.client.consume_all("asya-error-end")]
    duplicates = len(arrived) + len(blamed) - len(set(arrived) | set(blamed))
    print(
        "%d envelopes in %.1f s, faults %r, %d inside a killed runtime, %d duplicates"
        % (COUNT, time.monotonic() - started, chaos.counts, len(blamed), duplicates),
        flush=True,
    )
    missing = set(range(COUNT)) - set(arrived) - set(blamed)
    assert not missing, "lost: %r" % sorted(missing)[:20]
    assert duplicates <= WINDOW * 2 * sum(chaos.counts.values())


def send_in_spite_of_faults(world, items):
    """The suite's own calls are throttled and cut off, too: a batch may then be stored twice, which is allowed."""
    bodies = [body("loss-%d" % p["n"], NAMES, payload=p, headers={"n": p["n"]}) for p in items]
    for start in range(0, len(bodies), 10):
        eventually(lambda s=start: sent(world, bodies[s : s + 10]), 20, "a batch to be taken")


def sent(world, bodies):
    try:
        world.send_many("one", bodies)
    except Exception:  # Throttled or cut off.
        return False
    return True

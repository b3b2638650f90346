"""Several operators, operators that are killed, and operators that start again."""

import random

import pytest
from world import ACTORS, SCALED_OBJECTS, actor, wait_until

LEASES = "/apis/coordination.k8s.io/v1/namespaces/asya-system/leases"


def holder(world):
    """Who leads."""
    lease = world.get(LEASES.replace("asya-system", "{}"), "asya-operator.asya.sh", "asya-system")
    return (lease or {}).get("spec", {}).get("holderIdentity")


def test_of_two_operators_one_leads_and_the_other_takes_over(world, start_operator):
    with start_operator("--leader-elect", POD_NAME="first") as first:
        wait_until(lambda: (holder(world) or "").startswith("first"), "the first to lead")
        # Ready without leading.
        with start_operator("--leader-elect", POD_NAME="second") as second:
            world.apply(actor("one"))
            world.wait_for_deployment("one")
            assert first.writes() > 0 and "leader_election_master_status" in second.metrics()
            assert 'result="success"} 0' in second.metrics()
            # A clean stop hands over at once.
            assert first.stop() == 0
            wait_until(lambda: holder(world).startswith("second"), "the second to lead", limit=10)
            world.apply(actor("two"))
            world.wait_for_deployment("two")
            # A crash is noticed when the lease has run out.
            first.start()
            second.kill()
            world.apply(actor("three"))
            world.wait_for_deployment("three")
            assert holder(world).startswith("first")


@pytest.mark.usefixtures("keda")
def test_a_restart_writes_nothing(world, operators, start_operator):
    operators.shared()
    for number in range(10):
        world.apply(actor(f"calm-{number}", scaling={"enabled": number % 2 == 0}))
    for number in range(10):
        world.make_ready(world.wait_for_pods(f"calm-{number}", 1)[0])
        world.wait_for_state(f"calm-{number}", "Running")
    with start_operator() as operator:
        successes = 'controller_runtime_reconcile_total{controller="asyncactor",result="success"} '

        def reconciled():
            line = [line for line in operator.metrics().splitlines() if line.startswith(successes)][0]
            return int(line.removeprefix(successes)) >= 10

        wait_until(reconciled, "all actors to be looked at")
        assert operator.writes() == 0, operator.log()


@pytest.mark.usefixtures("keda")
def test_an_operator_that_is_killed_again_and_again_gets_there(world, broker, start_operator, seed):
    generator = random.Random(seed)
    count = 20
    operator = start_operator()
    for number in range(count):
        world.apply(actor(f"storm-{number}", scaling={"enabled": number % 2 == 0}))
    for _ in range(8):
        operator.start(wait=False)
        # Somewhere within the reconciles, which take about half a second from the start.
        generator_time = generator.uniform(0.05, 0.6)
        try:
            operator.process.wait(generator_time)
        except Exception:  # pylint: disable=broad-except
            pass
        operator.kill()
    deleted = [f"storm-{number}" for number in range(0, count, 4)]
    for name in deleted:
        world.delete(ACTORS, name)
    for _ in range(4):
        operator.start(wait=False)
        try:
            operator.process.wait(generator.uniform(0.05, 0.4))
        except Exception:  # pylint: disable=broad-except
            pass
        operator.kill()
    with operator:
        for number in range(count):
            name = f"storm-{number}"
            if name in deleted:
                world.wait_gone(ACTORS, name)
                assert world.deployment(name) is None
                continue
            world.wait_for_deployment(name)
            world.wait_for_condition(name, "TransportReady", "True")
            if number % 2 == 0:
                world.wait_for_condition(name, "ScalingReady", "True")
                assert world.get(SCALED_OBJECTS, name)
        names = {queue["name"] for queue in broker.api("GET", "/api/queues")}
        for number in range(count):
            assert (f"asya-storm-{number}" in names) == (f"storm-{number}" not in deleted)

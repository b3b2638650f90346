"""The periodic check of many queues: one question for all of them, and transports that do not wait for each other."""

import threading

from interruption import HTTPProxy
from world import ACTORS, actor, wait_until

COUNT = 60


class Listing(HTTPProxy):
    """A management API in front of the broker's, which counts how often all queues are asked for."""

    def __init__(self, broker):
        super().__init__(f"http://{broker.host}:{broker.management_port}")
        self.count = 0
        self.hangs = False
        self.end = threading.Event()
        self.answer = self._see

    def __exit__(self, *_):
        self.end.set()
        super().__exit__()

    def _see(self, _method, path, _headers, _body):
        if path.startswith("/api/queues/%2F?"):
            self.count += 1
            if self.hangs:
                self.end.wait()


def transport(broker, listing):
    """A transport with its own way to the management API."""
    config = {"host": broker.host, "port": broker.port, "managementPort": listing.port, "username": "guest"}
    return {"type": "rabbitmq", "enabled": True, "config": config}


def body(name, transport_name):
    """An actor without pods, which would only take time."""
    made = actor(name, transport=transport_name)
    made["spec"]["workload"]["replicas"] = 0
    return made


def ready(cluster, namespace):
    """Names of the actors whose queues are there."""
    found = cluster.request("GET", ACTORS.format(namespace))["items"]
    return {one["metadata"]["name"] for one in found if one.get("status", {}).get("transportStatus") == "Ready"}


def test_many_queues_are_checked_by_one_question_and_no_transport_waits_for_another(
    world, broker, cluster, start_operator
):
    names = [f"many-{number}" for number in range(COUNT)]
    with Listing(broker) as fast, Listing(broker) as slow:
        config = {"fast": transport(broker, fast), "slow": transport(broker, slow)}
        with start_operator(config=config, ASYA_QUEUE_HEALTH_CHECK_INTERVAL="1s") as operator:
            world.apply(body("other", "slow"))
            for name in names:
                world.apply(body(name, "fast"))
            wait_until(lambda: ready(cluster, world.namespace) >= {"other", *names}, "all queues")
            lost = [names[0], names[COUNT // 2], names[-1]]
            for name in lost:
                broker.api("DELETE", f"/api/queues/%2F/asya-{name}")
            for name in lost:
                world.wait_for_event(name, "QueueRecreated")
            assert operator.log().count("queue is missing") == len(lost)
            slow.hangs = True
            before = slow.count
            wait_until(lambda: slow.count > before, "a check that hangs")
            fast_before, slow_before = fast.count, slow.count
            wait_until(lambda: fast.count - fast_before >= slow.count - slow_before + 3, "the checks beside it")
            for name in ("other", *names):
                world.delete(ACTORS, name)
            wait_until(lambda: not world.list(ACTORS), "all actors to go")

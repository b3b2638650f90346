"""One sidecar for actor `a` with a scripted runtime, for the many tests that need no processes of their own."""

from .scripted_runtime import echo
from .waiting import Timeout, eventually

QUEUES = ("a", "b", "c", "happy-end", "error-end")


class Cell:
    """World, runtime and sidecar of actor `a`; `b`, `c` and the end actors are queues without consumers."""

    def __init__(self, world):
        self.world = world.declare_usual("a", "b", "c")
        self.runtime = world.scripted()
        self.sidecar = world.sidecar("a", self.runtime)
        self._before = self.sidecar.metrics()

    def reset(self):
        """Empties queues and records, and puts the echo script back."""
        if self.sidecar.is_running and not self._lets_go():
            self.sidecar.kill()  # An earlier test failed and left a message in its hands.
        self.runtime.script = echo
        self.runtime.requests = []
        for actor in QUEUES:
            self.world.client.purge("asya-" + actor)
        if not self.sidecar.is_running:
            self.sidecar.start().wait_ready()
        self._before = self.sidecar.metrics()

    def _lets_go(self):
        """Whether the sidecar settles what it still holds: a result may be seen before its input is acknowledged."""
        try:
            eventually(lambda: not self.world.queue_counts("a")[1], 10, "the last message to be settled")
        except Timeout:
            return False
        return True

    def send(self, body, **properties):
        """Publishes to `a` and waits until the message is settled."""
        self.world.send("a", body, **properties)
        self.world.wait_settled("a")

    def only(self, actor, count=1):
        """The one message (or list of `count` messages) in the queue of `actor`; all other queues are empty."""
        messages = self.world.receive_many(actor, count, timeout=15)
        left = {name: self.world.drain(name) for name in QUEUES}
        assert not any(left.values()), "unexpected messages: %r" % left
        return messages[0] if count == 1 else messages

    def error_for(self, body, **properties):
        """Sends `body` and returns the one error envelope, parsed."""
        self.send(body, **properties)
        return self.only("error-end").json

    def grown(self, name, **labels):
        """By how much a series has grown since the test began; waits until the sidecar is idle."""
        eventually(lambda: self.sidecar.metric("active_messages") == 0, 15, "the sidecar to be idle")
        full = "asya_actor_" + name
        return self.sidecar.metrics().value(full, **labels) - self._before.value(full, **labels)

"""Waiting for messages, over any client that can look at a queue and take one message from it."""

import time

from .waiting import Timeout, eventually


class QueueReader:
    """Needs `get_now(queue)`, which takes one message or returns None, or `get_some`, and `depth(queue)`."""

    def get_some(self, queue, count):
        """A list of up to `count` messages that are ready now; here one."""
        message = self.get_now(queue)
        return [] if message is None else [message]

    def get(self, queue, timeout=10.0):
        """Waits for one message and takes it."""
        return eventually(lambda: self.get_some(queue, 1), timeout, "a message in %s" % queue)[0]

    def get_many(self, queue, count, timeout=20.0):
        """Waits for `count` messages; fails with how many came."""
        messages = []
        deadline = time.monotonic() + timeout
        while len(messages) < count:
            some = self.get_some(queue, count - len(messages))
            messages += some
            if not some and time.monotonic() > deadline:
                raise Timeout("%d of %d messages arrived in %s within %.1f s" % (len(messages), count, queue, timeout))
            if not some:
                time.sleep(0.02)
        return messages

    def drain(self, queue):
        """Everything that is ready now."""
        messages = []
        while True:
            some = self.get_some(queue, 100)
            if not some:
                return messages
            messages += some

    def wait_depth(self, queue, count, timeout=15.0):
        """Waits until exactly `count` messages are ready."""
        self.wait_until_depth(queue, lambda depth: depth == count, timeout, "depth %d" % count)

    def wait_until_depth(self, queue, accept, timeout, what):
        seen = []

        def check():
            seen[:] = [self.depth(queue)]
            return seen[0] is not None and accept(seen[0])

        try:
            eventually(check, timeout, "%s of %s" % (what, queue))
        except Timeout:
            raise Timeout("waited %.1f s for %s of %s, it is %r" % (timeout, what, queue, seen[0])) from None

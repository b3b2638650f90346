"""Waiting on conditions with a limit, so that no test sleeps for a guessed time."""

import time

POLL_INTERVAL_SECONDS = 0.02


class Timeout(AssertionError):
    """A condition did not become true within its limit."""


def eventually(condition, timeout=10.0, what="the condition", interval=POLL_INTERVAL_SECONDS):
    """Returns the first truthy value of `condition()`; fails after `timeout` seconds with the last value seen."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Timeout("waited %.1f s for %s, last seen: %r" % (timeout, what, value))
        time.sleep(interval)


def holds_for(condition, seconds, what="the condition", interval=0.1):
    """Fails as soon as `condition()` is false within `seconds`. For statements of the kind "nothing happens"."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if not value:
            raise AssertionError("%s stopped holding, seen: %r" % (what, value))
        time.sleep(interval)


def observe_for(seconds):
    """Lets time pass where the specification itself measures time. The only plain sleep of the suite."""
    time.sleep(seconds)

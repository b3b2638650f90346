"""Runs the waiting tests of one file side by side.

Tests marked `concurrent` spend their time waiting (back-off, reconnection, time-outs). The first of a file that
is due starts all selected ones of that file on threads, each in a world of its own; each test then reports its
own outcome. One that is asked for again runs again, alone: that is the second attempt of one that failed. Such a test
takes the fixture `world` or `spare_world` and parameters, nothing else.
"""

from concurrent.futures import ThreadPoolExecutor

from .world import World

# Two cores carry about this many mostly idle sidecars without disturbing one another's time limits.
WORKERS = 6


class ConcurrentTests:
    """The running and finished tests of one session, by node id."""

    def __init__(self):
        self._files = set()
        self._outcomes = {}
        self._descriptions = {}
        self._pools = []

    def result(self, item, broker_of):
        """Outcome of one test; starts all of its file when it is the first. `broker_of(fixture)` is its broker."""
        if item.fspath not in self._files:
            self._files.add(item.fspath)
            self._start_file(item, broker_of)
        outcome = self._outcomes.pop(item.nodeid, None)
        if outcome is not None:
            return outcome.result()
        return self._run(item, *_world_of(item, broker_of))

    def description(self, item):
        """Logs of the test's world, when it failed."""
        return self._descriptions.get(item.nodeid)

    def _start_file(self, first, broker_of):
        pool = ThreadPoolExecutor(max_workers=WORKERS)
        self._pools.append(pool)
        for item in first.session.items:
            if item.fspath == first.fspath and item.get_closest_marker("concurrent"):
                self._outcomes[item.nodeid] = pool.submit(self._run, item, *_world_of(item, broker_of))

    def _run(self, item, fixture, broker):
        parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        world = World(broker)
        try:
            return item.obj(**{fixture: world}, **parameters)
        except BaseException:
            self._descriptions[item.nodeid] = world.describe()
            raise
        finally:
            world.close()

    def close(self):
        """Forgets tests that have not begun; those that run finish by their own limits."""
        for pool in self._pools:
            for outcome in self._outcomes.values():
                outcome.cancel()
            pool.shutdown(wait=True)


def _world_of(item, broker_of):
    """The fixture that a test takes, and the broker of its world."""
    fixture = "spare_world" if "spare_world" in item.fixturenames else "world"
    return fixture, broker_of(fixture)

"""Fixtures: one RabbitMQ for the session, a spare one for tests that break it, one world (vhost) per test."""

import os
import signal
import sys

import pytest

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, "..", "..", "tools")]

from harness.cell import Cell  # noqa: E402
from harness.concurrent import ConcurrentTests  # noqa: E402
from harness.embedded import EmbeddedWorld  # noqa: E402
from harness.paths import sidecar_binary  # noqa: E402
from harness.sqs import SQSWorld  # noqa: E402
from harness.world import Broker, World  # noqa: E402
from localservers.moto import Moto  # noqa: E402
from localservers.rabbitmq import RabbitMQ  # noqa: E402

NEEDS_NO_SIDECAR = "test_harness.py"


def pytest_configure(config):
    """SIGTERM ends the session like Ctrl-C, so that brokers and sidecars are cleaned up."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: pytest.exit("SIGTERM", returncode=143))


def pytest_collection_modifyitems(items):
    """A concurrent test waits for its siblings, so its limit is that of the whole file."""
    for item in items:
        if item.get_closest_marker("concurrent") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(240))


# What a sidecar makes of a message has nothing to do with the queue system: these files run on every one.
ON_EVERY_TRANSPORT = ("test_router_input.py", "test_router_runtime.py", "test_random_bodies.py")


def pytest_generate_tests(metafunc):
    """Parametrises the shared sidecar by its transport."""
    file = os.path.basename(metafunc.module.__file__)
    if "module_cell" not in metafunc.fixturenames or file not in ON_EVERY_TRANSPORT:
        return
    transports = ["rabbitmq"]
    if metafunc.definition.get_closest_marker("rabbitmq_only") is None:
        transports += ["embedded", "sqs"]
        # The router's cases also where nothing of SQS is ours; it is too slow for random ones.
        if file.startswith("test_router"):
            transports.append("moto")
    metafunc.parametrize("module_cell", transports, indirect=True, scope="module")


@pytest.fixture(scope="session")
def moto():
    """The emulator that the SQS tests against an independent implementation share, one after the other."""
    with Moto() as server:
        yield server


@pytest.fixture
def sqs_world(request):
    """A world on an SQS stand-in of its own."""
    made = SQSWorld()
    request.node.conformance_world = made
    yield made
    made.close()


@pytest.fixture
def moto_world(request):
    """A world on moto."""
    made = SQSWorld(request.getfixturevalue("moto"))
    request.node.conformance_world = made
    yield made
    made.close()


@pytest.fixture
def embedded_world(request):
    """A queue file in a fresh directory and everything started in it."""
    made = EmbeddedWorld()
    request.node.conformance_world = made
    yield made
    made.close()


def pytest_runtest_setup(item):
    if item.fspath.basename != NEEDS_NO_SIDECAR and not os.access(sidecar_binary(), os.X_OK):
        pytest.fail("no sidecar binary at %s: run `make build` or set ASYA_SIDECAR" % sidecar_binary(), pytrace=False)


# The management API lists a new connection after its own sampling interval, 5 s unless it is told otherwise.
SAMPLING = {
    "management.sample_retention_policies.%s" % name: "1" for name in ("global.minute", "basic.minute", "detailed.10")
}


@pytest.fixture(scope="session")
def broker():
    """The broker most tests share. Nobody restarts it or sets alarms on it."""
    with RabbitMQ(management=True, configuration=SAMPLING) as server:
        yield Broker(server)


@pytest.fixture(scope="session")
def spare_broker():
    """A broker with TLS for tests that restart, block or reconfigure it. They leave it running and unblocked."""
    with RabbitMQ(tls=True, management=True, configuration=SAMPLING) as server:
        yield Broker(server)


@pytest.fixture(scope="session")
def concurrent_tests():
    tests = ConcurrentTests()
    yield tests
    tests.close()


@pytest.fixture
def world(request):
    """A fresh vhost and everything started in it. Concurrent tests get theirs on their own thread."""
    yield from _world(request, "broker")


@pytest.fixture
def spare_world(request):
    """A world in the spare broker."""
    yield from _world(request, "spare_broker")


@pytest.fixture(scope="module")
def module_cell(request):
    """One sidecar `a` with a scripted runtime, shared by the tests of a file."""
    transport = getattr(request, "param", "rabbitmq")
    value_of = request.getfixturevalue
    worlds = {
        "rabbitmq": lambda: World(value_of("broker")),
        "embedded": EmbeddedWorld,
        "sqs": SQSWorld,
        "moto": lambda: SQSWorld(value_of("moto")),
    }
    made = worlds[transport]()
    request.node.conformance_world = made
    try:
        yield Cell(made)
    finally:
        made.close()


@pytest.fixture
def cell(request, module_cell):
    """The shared sidecar with empty queues and the echo script; it must be alive and idle after every test."""
    module_cell.reset()
    yield module_cell
    assert module_cell.sidecar.is_running, "the sidecar did not survive:\n" + module_cell.sidecar.log_tail()


def _world(request, fixture):
    if request.node.get_closest_marker("concurrent"):
        yield None
        return
    made = World(request.getfixturevalue(fixture))
    request.node.conformance_world = made
    yield made
    made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Hands tests marked `concurrent` to the threads that run them."""
    if pyfuncitem.get_closest_marker("concurrent") is None:
        return None
    brokers = {"world": "broker", "spare_world": "spare_broker"}
    value_of = pyfuncitem._request.getfixturevalue
    value_of("concurrent_tests").result(pyfuncitem, lambda fixture: value_of(brokers[fixture]))
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the logs of a failed test's processes to its report."""
    outcome = yield
    report = outcome.get_result()
    if call.when != "call" or not report.failed:
        return
    text = _description(item)
    if text:
        report.sections.append(("world", text))


def _description(item):
    if item.get_closest_marker("concurrent"):
        return item._request.getfixturevalue("concurrent_tests").description(item)
    world = getattr(item, "conformance_world", None) or getattr(item.parent, "conformance_world", None)
    return world.describe() if world is not None else None

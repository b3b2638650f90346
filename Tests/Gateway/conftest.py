"""Fixtures: one RabbitMQ and one PostgreSQL for the session, a gateway per store and test."""

import os
import sys

import pika
import pytest

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, "..", "..", "tools")]

from harness import Gateway, new_id  # noqa: E402
from localservers.postgres import Postgres  # noqa: E402
from localservers.rabbitmq import RabbitMQ  # noqa: E402


@pytest.fixture(scope="session")
def broker():
    with RabbitMQ(management=False) as server:
        yield server


@pytest.fixture(scope="session")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture
def channel(broker):
    """A channel with the queues of the route `first`, `second` bound as the project's operator does it."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.exchange_declare("asya", "topic", durable=True)
    for actor in ("first", "second"):
        channel.queue_declare(f"asya-{actor}", durable=True)
        channel.queue_bind(f"asya-{actor}", "asya", actor)
        channel.queue_purge(f"asya-{actor}")
    yield channel
    connection.close()


def _environment(kind, directory, broker, request):
    environment = {"ASYA_RABBITMQ_URL": broker.url}
    if kind == "postgres":
        server = request.getfixturevalue("postgres")
        environment["ASYA_DATABASE_URL"] = server.create_database("gw" + new_id().replace("-", ""))
    else:
        environment["ASYA_GATEWAY_STORE_PATH"] = str(directory / "gateway.db")
    return environment


@pytest.fixture(params=["sqlite", "postgres"])
def environment(request, tmp_path, broker):
    """Variables of a gateway with a fresh store of either kind."""
    return _environment(request.param, tmp_path, broker, request)


@pytest.fixture
def make_gateway(tmp_path):
    """Starts gateways that end with the test."""
    started = []

    def make(environment, **options):
        gateway = Gateway(tmp_path, environment, **options)
        started.append(gateway)
        return gateway

    yield make
    for gateway in started:
        gateway.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def shared_gateway(request, tmp_path_factory, broker):
    """One gateway per store for all tests that do not end it."""
    directory = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(directory, _environment(request.param, directory, broker, request)).start()
    yield gateway
    gateway.close()


@pytest.fixture
def gateway(shared_gateway, channel):
    """The shared gateway with empty queues; it must be alive after every test."""
    yield shared_gateway
    assert shared_gateway.process.poll() is None, "the gateway did not survive:\n" + shared_gateway.log()


@pytest.fixture
def sqlite_gateway(make_gateway, tmp_path, broker, channel, request):
    """A gateway of the test's own, for what does not depend on the store."""
    return make_gateway(_environment("sqlite", tmp_path, broker, request)).start()

"""Fixtures: the built gateway with tools of every kind, and a client that speaks to it without any SDK."""

import os
import sys

import pytest

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, "..", "Gateway"), os.path.join(_HERE, "..", "..", "tools")]

from actors import Actors, create_queues  # noqa: E402
from harness import Gateway, new_id  # noqa: E402
from localservers.postgres import Postgres  # noqa: E402
from raw_client import RawClient  # noqa: E402

TOOLS = """
tools:
- name: echo
  description: Says it again
  progress: true
  tasks: never
  route: [prep, infer, post]
  parameters:
    text: {type: string, required: true, description: What to say}
    count: {type: integer, default: 1}
    style: {type: string, options: [plain, loud]}
    place:
      type: object
      properties:
        zip: {type: integer, mcp_header: Zip}
        city: {type: string}
    tags: {type: array, items: {type: string}}
- name: waiting
  response: wait
  tasks: never
  route: [only]
  output_schema:
    type: object
    properties: {answer: {type: integer}}
    required: [answer]
- name: tasky
  tasks: auto
  route: [a, b]
- name: must
  tasks: required
  route: [a]
"""


@pytest.fixture(scope="session")
def run_gateway(tmp_path_factory):
    """Starts gateways with stores and queues of their own."""
    started = []

    def run(tools=TOOLS, **environment):
        directory = tmp_path_factory.mktemp("gateway")
        embedded = {
            "ASYA_GATEWAY_STORE_PATH": str(directory / "gateway.sqlite"),
            "ASYA_EMBEDDED_PATH": str(directory / "queues.sqlite"),
        }
        gateway = Gateway(directory, {**embedded, **environment}, tools)
        started.append(gateway)
        gateway.start()
        if "ASYA_EMBEDDED_PATH" not in environment:
            gateway.request("GET", "/ready")  # Makes it open its queue file.
            create_queues(directory / "queues.sqlite", ["prep", "infer", "post", "only", "a", "b"])
        return gateway

    yield run
    for gateway in started:
        gateway.close()


@pytest.fixture(scope="session")
def gateway(run_gateway):
    """The gateway that most tests share."""
    return run_gateway()


@pytest.fixture(scope="session")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def replicas(run_gateway, postgres):
    """Two gateways on one database and one queue file, as behind a load balancer."""
    shared = {"ASYA_DATABASE_URL": postgres.create_database("mcp" + new_id().replace("-", ""))}
    first = run_gateway(**shared)
    both = first, run_gateway(**shared, ASYA_EMBEDDED_PATH=first.environment["ASYA_EMBEDDED_PATH"])
    yield both
    # Before their database, which waits for its clients.
    for gateway in both:
        gateway.close()


@pytest.fixture
def client(gateway):
    """Speaks to the gateway as raw HTTP."""
    with RawClient(gateway.port) as raw:
        yield raw


@pytest.fixture
def actors(gateway):
    """Plays the sidecars."""
    return Actors(gateway.url)

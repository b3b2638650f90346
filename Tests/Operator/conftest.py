"""One cluster and one broker for the whole run, one namespace for each test."""

import os
import random
import sys

import boto3
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.dirname(os.path.abspath(__file__))]

from localservers.kubernetes import Kubernetes  # noqa: E402
from localservers.moto import Moto  # noqa: E402
from localservers.rabbitmq import RabbitMQ  # noqa: E402
from world import BINARY, Operator, World, create, install, wait_until  # noqa: E402

# From one start of everything to the end of the slowest test.
pytestmark = pytest.mark.timeout(300)


def pytest_addoption(parser):
    """`--seed N` repeats what was drawn in another run."""
    parser.addoption("--seed", type=int, default=random.randrange(10**6), help="seed of everything that is drawn")


def pytest_terminal_summary(terminalreporter, config):
    """How to repeat this run; also with -q, which drops the header."""
    terminalreporter.write_line(f"drawn with --seed {config.getoption('--seed')}")


@pytest.fixture(scope="session")
def seed(pytestconfig):
    """Of everything that is drawn."""
    return pytestconfig.getoption("--seed")


@pytest.fixture(scope="session")
def cluster():
    """The API with our CRD and the operator's own namespace and rights."""
    if not os.path.exists(BINARY):
        pytest.fail(f"{BINARY} is missing: run make build")
    with Kubernetes() as kubernetes:
        create(kubernetes, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "asya-system"}})
        install(
            kubernetes,
            os.path.join(ROOT, "deploy", "crd", "asya.sh_asyncactors.yaml"),
            os.path.join(ROOT, "deploy", "rbac", "operator.yaml"),
        )
        wait_for_api(kubernetes, "/apis/asya.sh/v1alpha1/asyncactors")
        yield kubernetes


def wait_for_api(kubernetes, path):
    """A new custom resource is served a moment after it was created."""

    def is_served():
        try:
            return kubernetes.request("GET", path)
        except Exception:  # pylint: disable=broad-except
            return None

    wait_until(is_served, path)


@pytest.fixture(scope="session")
def broker():
    """RabbitMQ with its management API."""
    with RabbitMQ(management=True) as rabbitmq:
        yield rabbitmq


@pytest.fixture(scope="session")
def aws():
    """SQS, as moto plays it."""
    with Moto() as server:
        yield server


@pytest.fixture
def sqs(aws):
    """A client of the tests' own."""
    return boto3.client(
        "sqs", endpoint_url=aws.url, region_name=aws.region, aws_access_key_id="testing", aws_secret_access_key="testing"
    )


@pytest.fixture(scope="session")
def keda(cluster):
    """KEDA's resources, reduced; there from the first test that asks for them."""
    install(cluster, os.path.join(os.path.dirname(__file__), "keda-reduced.yaml"))
    wait_for_api(cluster, "/apis/keda.sh/v1alpha1/scaledobjects")
    wait_for_api(cluster, "/apis/keda.sh/v1alpha1/triggerauthentications")


@pytest.fixture(scope="session")
def transports(broker):
    """The transport configuration most tests use."""
    return {
        "rabbitmq": {
            "type": "rabbitmq",
            "enabled": True,
            "config": {
                "host": broker.host,
                "port": broker.port,
                "managementPort": broker.management_port,
                "username": "guest",
                "queues": {"dlq": {"enabled": True}},
            },
        }
    }


@pytest.fixture(scope="session")
def operator_token(cluster):
    """The operator's own service account: its rights are part of what is tested."""
    return cluster.service_account_token("asya-system", "asya-operator")


class Operators:
    """At most one kind of operator runs at a time: two with different configurations would fight over the actors."""

    def __init__(self, make):
        self._make = make
        self._shared = None

    def shared(self):
        """The one for all tests that do not need one of their own."""
        if self._shared is None:
            self._shared = self._make(ASYA_QUEUE_HEALTH_CHECK_INTERVAL="2s")
            self._shared.start()
        return self._shared

    def own(self, *flags, config=None, **variables):
        """One that the caller starts (or uses in a `with`)."""
        self.stop_shared()
        return self._make(*flags, config=config, **variables)

    def stop_shared(self):
        """Until somebody asks for it again."""
        if self._shared is not None:
            assert self._shared.stop() == 0, self._shared.log()
            self._shared = None


@pytest.fixture(scope="session")
def operators(cluster, transports, operator_token, tmp_path_factory):
    """Makes operators and keeps the shared one."""

    def make(*flags, config=None, **variables):
        directory = str(tmp_path_factory.mktemp("operator"))
        return Operator(cluster, directory, config or transports, *flags, token=operator_token, **variables)

    made = Operators(make)
    yield made
    made.stop_shared()


@pytest.fixture
def start_operator(operators):
    """Makes operators: `start_operator(*flags, config=…, **variables)`, to be used in a `with`."""
    return operators.own


@pytest.fixture
def shared_operator(operators):
    """One operator for all tests that do not need one of their own."""
    return operators.shared()


_count = iter(range(1, 10**6))


@pytest.fixture
def world(cluster, operators):
    """A fresh namespace; its actors are gone before the next test."""
    name = f"test-{next(_count)}"
    create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield World(cluster, name)
    remove_actors(cluster, operators)


def remove_actors(cluster, operators):
    """Deletes all actors of the cluster, with an operator that does it in an orderly way."""
    path = "/apis/asya.sh/v1alpha1/asyncactors"
    if not cluster.request("GET", path)["items"]:
        return
    operators.shared()

    def are_gone():
        left = cluster.request("GET", path)["items"]
        for actor in left:
            if "deletionTimestamp" not in actor["metadata"]:
                metadata = actor["metadata"]
                cluster.request("DELETE", f"/apis/asya.sh/v1alpha1/namespaces/{metadata['namespace']}/asyncactors/{metadata['name']}")
        return not left

    wait_until(are_gone, "all actors to go")

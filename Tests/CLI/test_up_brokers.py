"""`asya up --transport …`: the same pipeline on a real RabbitMQ, and on a stand-in of SQS."""

import json
import os
import signal
import sys

import pytest

from conftest import ROOT
from up_run import Folder

sys.path.insert(0, str(ROOT / "tools"))

from localservers.moto import Moto
from localservers.rabbitmq import RabbitMQ

SQS_SIDECAR = os.environ.get("ASYA_SIDECAR_SQS", str(ROOT / "bin" / "asya-sidecar-sqs"))
ENVELOPES = 60


@pytest.fixture(params=["rabbitmq", "sqs"])
def broker(request):
    """(name of the transport, what the environment has to say about it)."""
    if request.param == "rabbitmq":
        with RabbitMQ(management=False) as server:
            yield request.param, {"ASYA_RABBITMQ_URL": server.url}
        return
    if not os.path.exists(SQS_SIDECAR):
        pytest.skip(f"{SQS_SIDECAR} was not built")
    with Moto() as server:
        yield request.param, {
            "ASYA_SIDECAR_BINARY": SQS_SIDECAR,
            "ASYA_SQS_ENDPOINT": server.url,
            "ASYA_AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # A killed sidecar's messages come back after this time.
            "ASYA_SQS_VISIBILITY_TIMEOUT": "5",
            "ASYA_SQS_WAIT_TIME_SECONDS": "1",
        }


def test_a_broker_carries_the_same_pipeline_and_a_killed_sidecar_loses_nothing(asya, broker):
    transport, environment = broker
    folder = Folder(asya)
    scaling = {"minReplicas": 0, "maxReplicas": 3, "queueLength": 10, "pollingInterval": 1, "cooldownPeriod": 4}
    folder.write(
        step_py="import time\ndef work(payload):\n    time.sleep(0.1)\n    return payload\n",
        asya_yaml=json.dumps({"actors": {"one": {"handler": "step.work", "scaling": scaling}, "two": "step.work"}}),
    )
    with folder.up("--transport", transport, env=environment) as run:
        run.started()
        lines = "".join(f'{{"n": {n}}}\n' for n in range(ENVELOPES))
        asya("send", "one,two", "-p", "-", "--each", "--transport", transport, stdin=lines, env=environment)
        run.wait(lambda: len(run.processes("one", "sidecar")) >= 2, "pairs of the first actor")
        run.wait(lambda: folder.results(), "the first results")
        os.kill(run.processes("one", "sidecar")[-1], signal.SIGKILL)

        def arrived():
            return {entry["envelope"]["payload"]["n"] for entry in folder.results()}

        run.wait(lambda: arrived() == set(range(ENVELOPES)), lambda: f"the results, {len(arrived())} now")
        assert {entry["outcome"] for entry in folder.results()} == {"succeeded"}
        run.wait(lambda: run.timeline("one")[-1:] == [0], "the way back to zero")
        timeline = run.timeline("one")
        assert timeline[0] == 0 and max(timeline) == 3, timeline
        assert run.status("two").get("done", 0) > 0, "the counters of the sidecars are read"
        assert run.stop() == 0
    assert not os.path.exists(folder.path / ".asya" / "queue.db")


def test_an_unreachable_broker_is_told_at_the_start(asya):
    folder = Folder(asya)
    folder.write(step_py="def work(payload):\n    return payload\n", asya_yaml="actors: {one: step.work}\n")
    with folder.up("--transport", "rabbitmq", env={"ASYA_RABBITMQ_URL": "amqp://guest:s3cret@127.0.0.1:1/"}) as run:
        assert run.wait_for_end() == 1
        text = "".join(run.errors)
        assert "cannot make the queues" in text and "s3cret" not in text

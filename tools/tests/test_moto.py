"""Tests of tools/localservers/moto.py."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

TOOLS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOOLS))

from localservers.moto import ACCOUNT_ID, Moto


def sqs(server, action, **parameters):
    """One unsigned call of SQS."""
    scope = f"20260101/{server.region}/sqs/aws4_request"
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"AmazonSQS.{action}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=testing/{scope}, SignedHeaders=host, Signature=0",
    }
    return json.loads(server.post("/", json.dumps(parameters).encode(), headers))


@pytest.fixture(scope="module")
def server():
    with Moto() as running:
        yield running


def test_queues_are_there_until_a_reset(server):
    assert sqs(server, "CreateQueue", QueueName="q")["QueueUrl"] == f"{server.url}/{ACCOUNT_ID}/q"
    assert len(sqs(server, "ListQueues")["QueueUrls"]) == 1
    server.reset()
    assert "QueueUrls" not in sqs(server, "ListQueues")


def test_a_restart_keeps_the_address_and_forgets_the_rest(server):
    url = server.url
    sqs(server, "CreateQueue", QueueName="q")
    server.restart()
    assert server.url == url
    assert "QueueUrls" not in sqs(server, "ListQueues")


def test_signatures_are_checked_when_asked_for():
    with Moto(auth=True) as server:
        key, secret = server.create_access_key()
        assert key and secret
        sqs(server, "CreateQueue", QueueName="q")
        server.require_signatures()
        with pytest.raises(urllib.error.HTTPError) as refused:
            sqs(server, "ListQueues")
        assert refused.value.code == 403
        server.require_signatures(False)
        sqs(server, "ListQueues")


def test_the_command_runs_with_the_servers_variables_and_ends_it():
    script = "import os; print(os.environ['ASYA_SQS_ENDPOINT'], os.environ['AWS_ACCESS_KEY_ID'])"
    done = subprocess.run(
        [sys.executable, "-m", "localservers.moto", "--", sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(TOOLS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    url, key = done.stdout.split()
    assert url.startswith("http://127.0.0.1:") and key == "testing"
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=5)

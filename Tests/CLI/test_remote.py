"""`asya send` to RabbitMQ and SQS; both are private servers of these tests."""

import json
import sys

import boto3
import pika
import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from localservers.moto import Moto  # noqa: E402
from localservers.rabbitmq import RabbitMQ  # noqa: E402


@pytest.fixture(scope="module")
def broker():
    with RabbitMQ(management=False) as server:
        yield server


@pytest.fixture
def channel(broker):
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.exchange_declare("asya", "topic", durable=True)
    channel.queue_declare("asya-remote", durable=True)
    channel.queue_bind("asya-remote", "asya", "remote")
    channel.queue_purge("asya-remote")
    yield channel
    connection.close()


def received(channel):
    bodies = []
    while True:
        method, properties, body = channel.basic_get("asya-remote", auto_ack=True)
        if method is None:
            return bodies
        bodies.append((properties, json.loads(body)))


def test_rabbitmq_by_option_and_by_variable(asya, broker, channel):
    settings = {"ASYA_RABBITMQ_URL": broker.url}
    first = asya("send", "remote", "-p", '{"n": 1}', "--transport", "rabbitmq", env=settings).stdout.strip()
    asya("send", "remote,other", "-p", "2", "--id", "x", env={**settings, "ASYA_TRANSPORT": "rabbitmq"})
    messages = received(channel)
    assert [body["payload"] for _, body in messages] == [{"n": 1}, 2]
    assert [properties.message_id for properties, _ in messages] == [first, "x"]
    assert messages[0][0].delivery_mode == 2
    assert not (asya.folder / ".asya").exists()


def test_many_lines_to_rabbitmq(asya, broker, channel):
    lines = "".join(f"{number}\n" for number in range(1000))
    result = asya(
        "send", "remote", "-p", "-", "--each", "--transport", "rabbitmq", stdin=lines, env={"ASYA_RABBITMQ_URL": broker.url}
    )
    assert len(result.stdout.splitlines()) == 1000
    assert sorted(body["payload"] for _, body in received(channel)) == list(range(1000))


def test_what_goes_wrong_is_told_without_the_password(asya, broker, channel):
    arguments = ("send", "nobody", "-p", "1", "--transport", "rabbitmq")
    result = asya(*arguments, env={"ASYA_RABBITMQ_URL": broker.url}, status=1)
    assert "asya-nobody does not exist" in result.stderr and "asya up --transport" in result.stderr
    for url in ("amqp://u:s3cret@127.0.0.1:1/", "s3cret", f"amqp://guest:s3cret@{broker.url.split('@')[-1]}"):
        result = asya(*arguments, env={"ASYA_RABBITMQ_URL": url}, status=1)
        assert result.stderr.startswith("[-] ") and "s3cret" not in result.stderr, result
    assert asya(*arguments, "--create", status=2, env={"ASYA_RABBITMQ_URL": broker.url}).stdout == ""


def test_sqs(asya):
    with Moto() as server:
        settings = {
            "ASYA_SQS_ENDPOINT": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }
        client = boto3.client(
            "sqs",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        queue = client.create_queue(QueueName="asya-remote")["QueueUrl"]
        asya("send", "remote", "-p", '{"n": 1}', "--transport", "sqs", env=settings)
        body = json.loads(client.receive_message(QueueUrl=queue)["Messages"][0]["Body"])
        assert body["payload"] == {"n": 1} and body["route"] == {"actors": ["remote"], "current": 0}
        result = asya("send", "nobody", "-p", "1", "--transport", "sqs", env=settings, status=1)
        assert "asya-nobody" in result.stderr

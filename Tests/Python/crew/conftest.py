"""Fixtures: the crew's handlers as a new process would import them, and an S3 server of our own."""

import importlib
import sys

import boto3
import pytest
from moto.server import ThreadedMotoServer

_ENVIRONMENT = {"ASYA_HANDLER_MODE": "envelope", "ASYA_ENABLE_VALIDATION": "false"}


def _forget_handlers():
    for name in [name for name in sys.modules if name.partition(".")[0] == "handlers"]:
        del sys.modules[name]


@pytest.fixture
def load(monkeypatch):
    """Imports `handlers.end_handlers` under the variables given; None unsets one."""

    def load(**variables):
        _forget_handlers()
        for name, value in {**_ENVIRONMENT, **variables}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return importlib.import_module("handlers.end_handlers")

    yield load
    _forget_handlers()


@pytest.fixture(scope="session")
def s3_endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Store:
    """What is in the S3 server, seen by a client of its own."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def keys(self, bucket):
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def only_object(self, bucket):
        (key,) = self.keys(bucket)
        response = self.client.get_object(Bucket=bucket, Key=key)
        return key, response["Body"].read(), response["ContentType"]

    def buckets(self):
        return [bucket["Name"] for bucket in self.client.list_buckets()["Buckets"]]


@pytest.fixture
def store(s3_endpoint):
    store = Store(s3_endpoint)
    yield store
    for bucket in store.buckets():
        for key in store.keys(bucket):
            store.client.delete_object(Bucket=bucket, Key=key)
        store.client.delete_bucket(Bucket=bucket)

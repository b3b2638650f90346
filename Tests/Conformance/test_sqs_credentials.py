"""sidecar.md 7.1: every source of credentials through the program itself, their renewal, and that none is ever logged."""

import os
import threading
from datetime import datetime, timezone

import pytest
from harness.aws_credentials import ROLE, STS, ContainerEndpoint, InstanceMetadata
from harness.aws_faults import FaultProxy
from harness.envelopes import body
from harness.waiting import eventually

NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "ASYA_LOG_LEVEL": "DEBUG"}


@pytest.fixture(name="proxy")
def _proxy(sqs_world):
    made = FaultProxy(sqs_world.server.url)
    sqs_world._others.append(made)
    return made


def source(world, made):
    world._others.append(made)
    return made


def start(world, proxy, **settings):
    world.declare_usual()
    return world.sidecar("a", world.scripted(), ASYA_SQS_ENDPOINT=proxy.url, **NO_KEYS, **settings)


def file(world, name, text):
    path = os.path.join(world.directory(), name)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def passes(world, name="x"):
    world.send("a", body(name))
    assert world.receive("b").json["id"] == name


def check_no_secret(sidecar, *secrets):
    text = sidecar.log()
    for secret in ("s3cret-", "t0ken-", *secrets):
        assert secret not in text


def test_web_identity(sqs_world, proxy):
    """IRSA: the token of a projected file, for credentials of STS."""
    sts = source(sqs_world, STS())
    token = file(sqs_world, "token", "jwt-of-the-pod\n")
    sidecar = start(
        sqs_world,
        proxy,
        AWS_WEB_IDENTITY_TOKEN_FILE=token,
        AWS_ROLE_ARN=ROLE,
        AWS_ENDPOINT_URL_STS=sts.origin,
    )
    passes(sqs_world)
    assert sts.proofs == ["jwt-of-the-pod"]
    assert set(proxy.keys) == {("ASIA1", "t0ken-1")}
    check_no_secret(sidecar, "jwt-of-the-pod")


def test_web_identity_with_motos_sts(moto_world):
    """Neither STS nor the queues are ours."""
    moto_world.declare_usual()
    token = file(moto_world, "token", "jwt-of-the-pod")
    sidecar = moto_world.sidecar(
        "a",
        moto_world.scripted(),
        AWS_WEB_IDENTITY_TOKEN_FILE=token,
        AWS_ROLE_ARN=ROLE,
        AWS_ENDPOINT_URL_STS=moto_world.server.url,
        **NO_KEYS,
    )
    moto_world.send("a", body("x"))
    assert moto_world.receive("b", timeout=20).json["id"] == "x"
    check_no_secret(sidecar, "jwt-of-the-pod")


def test_container_endpoint_with_a_token_of_the_environment(sqs_world, proxy):
    """ECS."""
    endpoint = source(sqs_world, ContainerEndpoint())
    sidecar = start(
        sqs_world,
        proxy,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url,
        AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer of-the-task",
    )
    passes(sqs_world)
    assert endpoint.proofs == ["Bearer of-the-task"]
    assert set(proxy.keys) == {("ASIA1", "t0ken-1")}
    check_no_secret(sidecar, "of-the-task")


def test_instance_metadata(sqs_world, proxy):
    """IMDSv2, when nothing else is configured."""
    instance = source(sqs_world, InstanceMetadata())
    sidecar = start(sqs_world, proxy, AWS_EC2_METADATA_SERVICE_ENDPOINT=instance.origin)
    passes(sqs_world)
    assert instance.proofs == [InstanceMetadata.TOKEN]
    assert set(proxy.keys) == {("ASIA1", "t0ken-1")}
    check_no_secret(sidecar, InstanceMetadata.TOKEN)


def test_keys_of_a_shared_profile(sqs_world, proxy):
    text = "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other-s3cret\n"
    text += "[team]\naws_access_key_id = AKIATEAM\naws_secret_access_key = team-s3cret\n"
    path = file(sqs_world, "credentials", text)
    sidecar = start(sqs_world, proxy, AWS_SHARED_CREDENTIALS_FILE=path, AWS_PROFILE="team")
    passes(sqs_world)
    assert set(proxy.keys) == {("AKIATEAM", None)}
    check_no_secret(sidecar, "team-s3cret", "other-s3cret")


def test_role_of_a_shared_profile(sqs_world, proxy):
    """Keys in one file, the role in the other, as `aws configure` leaves them."""
    sts = source(sqs_world, STS())
    keys = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base-s3cret\n"
    role = "[profile worker]\nrole_arn = %s\nsource_profile = base\n" % ROLE
    sidecar = start(
        sqs_world,
        proxy,
        AWS_SHARED_CREDENTIALS_FILE=file(sqs_world, "credentials", keys),
        AWS_CONFIG_FILE=file(sqs_world, "config", role),
        AWS_PROFILE="worker",
        AWS_ENDPOINT_URL_STS=sts.origin,
    )
    passes(sqs_world)
    assert sts.proofs == ["AKIABASE"]
    assert set(proxy.keys) == {("ASIA1", "t0ken-1")}
    check_no_secret(sidecar, "base-s3cret")


def test_credentials_are_renewed_before_they_end_and_no_message_waits_for_it(sqs_world, proxy):
    """EKS Pod Identity. The first ones end after 8 s, so new ones are fetched after 4; the endpoint takes its time."""
    endpoint = source(sqs_world, ContainerEndpoint(lifetimes=[8]))
    token = file(sqs_world, "token", "first-token-of-the-pod")
    used = []
    proxy.refuse = lambda action, key, number: used.append((key, datetime.now(timezone.utc)))
    sidecar = start(
        sqs_world,
        proxy,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token,
    )
    with open(token, "w", encoding="utf-8") as stream:
        stream.write("second-token-of-the-pod")
    endpoint.gate = _Counting()
    eventually(lambda: endpoint.gate.waiting, 10, "the second request for credentials")
    passes(sqs_world, "meanwhile")
    assert {key for key, _ in used} == {"ASIA1"}
    endpoint.gate.set()
    eventually(lambda: used[-1][0] == "ASIA2", 10, "the new key")
    passes(sqs_world, "afterwards")
    assert endpoint.count == 2
    assert endpoint.proofs == ["first-token-of-the-pod", "second-token-of-the-pod"]
    assert all(when < endpoint.ends[key] for key, when in used), "a key was used after its end"
    assert ("ASIA2", "t0ken-2") in proxy.keys
    assert sidecar.metric("nacks_total", queue="a", cause="routing_error") == 0
    check_no_secret(sidecar, "token-of-the-pod")


class _Counting(threading.Event):
    """An event that tells whether somebody waits for it."""

    waiting = False

    def wait(self, timeout=None):
        self.waiting = True
        return super().wait(timeout)


def test_a_source_that_fails_is_reported_and_asked_again(sqs_world, proxy):
    """Meanwhile the sidecar is up, not ready, and says why."""
    sqs_world.declare_usual()
    instance = source(sqs_world, InstanceMetadata())
    instance.is_down = True
    sidecar = sqs_world.sidecar(
        "a",
        sqs_world.scripted(),
        ready=False,
        ASYA_SQS_ENDPOINT=proxy.url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT=instance.origin,
        ASYA_QUEUE_RETRY_BACKOFF="200ms",
        **NO_KEYS,
    )
    sidecar.wait_up()
    eventually(lambda: "Cannot get AWS credentials" in sidecar.log(), 10, "the reason in the log")
    assert "the instance metadata endpoint was refused: HTTP 503" in sidecar.log()
    assert sidecar.status("/ready") == 503
    assert proxy.actions == []
    instance.is_down = False
    sidecar.wait_ready()
    passes(sqs_world)

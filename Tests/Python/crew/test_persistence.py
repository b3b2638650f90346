"""What is in the object store afterwards, seen by another client (crew.md 1.2, 1.4, 6)."""

import json
import re

import pytest

ENVELOPE = {
    "id": "abc-123",
    "route": {"actors": ["prep", "infer"], "current": 2, "metadata": {"job_id": "abc-123"}},
    "payload": {"text": "Grüße 🌍", "nested": [[{"deep": None}]], "big": 12345678901234567890},
}


@pytest.fixture
def persisting(load, store):
    """The handlers with a store, with further variables."""

    def persisting(bucket="asya-results", **variables):
        return load(ASYA_S3_BUCKET=bucket, ASYA_S3_ENDPOINT=store.endpoint, **variables)

    return persisting


@pytest.mark.parametrize(
    "function, bucket, prefix",
    [
        ("happy_end_handler", "asya-results", "happy-asya/"),
        ("error_end_handler", "asya-errors", "error-asya/"),
    ],
)
def test_the_envelope_is_written_as_received(persisting, store, function, bucket, prefix):
    assert getattr(persisting(bucket), function)(ENVELOPE) == {}
    key, body, content_type = store.only_object(bucket)
    assert re.fullmatch(re.escape(prefix) + r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/infer/abc-123\.json", key)
    assert json.loads(body) == ENVELOPE
    assert body == json.dumps(ENVELOPE, indent=2, ensure_ascii=False).encode()
    assert content_type == "application/json"


def test_prefixes_can_be_set(persisting, store):
    handlers = persisting(ASYA_S3_RESULTS_PREFIX="r/", ASYA_S3_ERRORS_PREFIX="e/")
    handlers.happy_end_handler(ENVELOPE)
    handlers.error_end_handler(ENVELOPE)
    assert [key[:2] for key in store.keys("asya-results")] == ["e/", "r/"]


def test_ten_megabytes_arrive_unchanged(persisting, store):
    envelope = {"id": "big", "payload": "é" * (5 * 1024 * 1024)}
    persisting().happy_end_handler(envelope)
    assert json.loads(store.only_object("asya-results")[1]) == envelope


def test_the_bucket_is_looked_for_once(persisting, store):
    handlers = persisting()
    calls = []
    handlers._store._client.meta.events.register(
        "before-call.s3", lambda model, **_: calls.append(model.name)
    )
    for number in range(10):
        handlers.happy_end_handler({"id": str(number)})
    assert calls == ["HeadBucket", "CreateBucket"] + ["PutObject"] * 10
    assert len(store.keys("asya-results")) == 10


def test_an_existing_bucket_is_used(persisting, store):
    store.client.create_bucket(Bucket="asya-results")
    persisting().happy_end_handler(ENVELOPE)
    assert len(store.keys("asya-results")) == 1


def test_a_bucket_that_cannot_be_created_is_logged_and_tried_again(persisting, store, caplog):
    handlers = persisting("ab")  # Too short for S3.
    assert handlers.happy_end_handler(ENVELOPE) == {}
    assert handlers.happy_end_handler(ENVELOPE) == {}
    failures = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(failures) == 2 and all(record.exc_info for record in failures)


def test_a_bucket_that_may_not_be_looked_at_is_written_to(persisting, store, caplog):
    store.client.create_bucket(Bucket="asya-results")
    handlers = persisting()

    def forbid(**_):
        raise _client_error("403", "HeadBucket")

    handlers._store._client.meta.events.register("before-call.s3.HeadBucket", forbid)
    handlers.happy_end_handler(ENVELOPE)
    assert len(store.keys("asya-results")) == 1
    assert "could not be checked" in caplog.text


def test_a_store_that_is_away_never_raises(load, caplog):
    handlers = load(ASYA_S3_BUCKET="b-b", ASYA_S3_ENDPOINT="http://127.0.0.1:1")
    handlers._store._client.meta.config.retries = {"total_max_attempts": 1}
    assert handlers.happy_end_handler(ENVELOPE) == {}
    assert "was not persisted" in caplog.text


def test_delivering_twice_gives_one_object(persisting, store):
    envelope = {**ENVELOPE, "deadline": "2025-11-18T14:30:45Z"}
    for _ in range(2):
        persisting().happy_end_handler(envelope)
    assert store.keys("asya-results") == ["happy-asya/2025-11-18T14:30:45.000000Z/infer/abc-123.json"]


def test_a_template_without_time_gives_one_object(persisting, store):
    for _ in range(2):
        persisting(ASYA_S3_KEY_TEMPLATE="{prefix}{actor}/{id}.json").happy_end_handler(ENVELOPE)
    assert store.keys("asya-results") == ["happy-asya/infer/abc-123.json"]


def test_the_place_is_returned_when_asked_for(persisting, store):
    metadata = persisting(ASYA_END_RETURN_METADATA="true").happy_end_handler(ENVELOPE)["metadata"]
    key, body, _ = store.only_object("asya-results")
    assert metadata == {
        "s3_bucket": "asya-results",
        "s3_key": key,
        "s3_uri": f"s3://asya-results/{key}",
        "bytes": len(body),
    }


def test_a_failure_is_returned_when_asked_for(persisting, store):
    result = persisting("ab", ASYA_END_RETURN_METADATA="true").happy_end_handler(ENVELOPE)
    assert list(result["metadata"]) == ["persist_error"]


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({}, ("minioadmin", "minioadmin", "us-east-1")),
        ({"ASYA_S3_ACCESS_KEY": "me"}, ("me", "minioadmin", "us-east-1")),
        ({"ASYA_S3_SECRET_KEY": "hush", "AWS_REGION": "eu-west-1"}, ("minioadmin", "hush", "us-east-1")),
    ],
)
def test_credentials_with_an_endpoint(persisting, variables, expected):
    client = persisting(**variables)._store._client
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key, client.meta.region_name) == expected


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"ASYA_S3_ACCESS_KEY": "me", "ASYA_S3_SECRET_KEY": "hush"}, "me"),
        ({"ASYA_S3_ACCESS_KEY": "me"}, "from-the-chain"),
    ],
)
def test_credentials_without_an_endpoint(load, monkeypatch, variables, expected):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    client = load(ASYA_S3_BUCKET="b", AWS_REGION="eu-west-1", **variables)._store._client
    assert client._request_signer._credentials.access_key == expected
    assert client.meta.region_name == "eu-west-1"


def _client_error(code, operation):
    import botocore.exceptions

    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, operation)

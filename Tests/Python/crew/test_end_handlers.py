"""The contract of the handlers that needs no object store (crew.md 1.1, 1.3)."""

import os
import pathlib
import subprocess
import sys

import pytest

CREW = pathlib.Path(__file__).resolve().parents[3] / "Sources" / "Crew"
RUNTIME = CREW.parent / "Runtime" / "asya_runtime.py"


@pytest.mark.parametrize("mode", [None, "", "payload", "Payload", "other"])
def test_refuses_to_be_imported_outside_envelope_mode(load, mode):
    with pytest.raises(RuntimeError, match="^End handlers must run in envelope mode"):
        load(ASYA_HANDLER_MODE=mode)


@pytest.mark.parametrize("validation", [None, "", "true", "TRUE"])
def test_refuses_to_be_imported_with_validation(load, validation):
    with pytest.raises(RuntimeError, match="^End handlers must run with validation disabled"):
        load(ASYA_ENABLE_VALIDATION=validation)


def test_the_mode_is_checked_before_validation(load):
    with pytest.raises(RuntimeError, match="envelope mode"):
        load(ASYA_HANDLER_MODE="payload", ASYA_ENABLE_VALIDATION="true")


@pytest.mark.parametrize("mode", ["envelope", "ENVELOPE"])
def test_the_mode_ignores_case(load, mode):
    load(ASYA_HANDLER_MODE=mode)


@pytest.fixture(params=["happy_end_handler", "error_end_handler"])
def handler(load, request):
    return getattr(load(), request.param)


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_an_argument_that_is_no_dict_is_refused(handler, value):
    with pytest.raises(ValueError, match=f"^Envelope must be a dict, got {type(value).__name__}$"):
        handler(value)


def test_an_envelope_without_id_is_refused(handler):
    with pytest.raises(ValueError, match="^Envelope missing required field: id$"):
        handler({"payload": 1})


@pytest.mark.parametrize(
    "envelope",
    [
        {"id": "e"},
        {"id": ""},
        {"id": None, "route": None},
        {"id": "e", "route": "text", "payload": None, "headers": 3},
        {"id": "e", "route": {"actors": [], "current": -1}},
        {"id": "e", "route": {"actors": ["a"], "current": 1}, "payload": {"error": "boom", "details": {}}},
    ],
)
def test_nothing_but_the_id_is_validated_and_the_answer_is_empty(handler, envelope):
    assert handler(envelope) == {}


def test_without_a_bucket_nothing_beyond_the_standard_library_is_imported():
    code = (
        "import handlers.end_handlers as h, sys;"
        "assert h.happy_end_handler({'id': 'e'}) == {};"
        "assert 'boto3' not in sys.modules and 'botocore' not in sys.modules"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(CREW),
        "ASYA_HANDLER_MODE": "envelope",
        "ASYA_ENABLE_VALIDATION": "false",
    }
    subprocess.run([sys.executable, "-S", "-c", code], check=True, env=environment, timeout=60)


def test_a_bucket_without_the_client_library_is_a_warning(load, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "boto3", None)
    handlers = load(ASYA_S3_BUCKET="b")
    assert handlers.happy_end_handler({"id": "e"}) == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_an_unusable_endpoint_is_logged_and_nothing_is_persisted(load, caplog):
    handlers = load(ASYA_S3_BUCKET="b", ASYA_S3_ENDPOINT="no url")
    assert handlers.error_end_handler({"id": "e"}) == {}
    assert "cannot be used" in caplog.text


@pytest.mark.parametrize("template, word", [("{id}{nope}", "nope"), ("{prefix}", "id")])
def test_a_bad_key_template_is_refused_at_import(load, template, word):
    with pytest.raises(RuntimeError, match=f"ASYA_S3_KEY_TEMPLATE.*{word}"):
        load(ASYA_S3_KEY_TEMPLATE=template)


def test_the_runtime_serves_the_handlers(monkeypatch):
    from runtime_process import RuntimeProcess

    process = RuntimeProcess(
        "",
        environment={
            "ASYA_HANDLER": "handlers.end_handlers.happy_end_handler",
            "ASYA_HANDLER_MODE": "envelope",
            "ASYA_ENABLE_VALIDATION": "false",
            "PYTHONPATH": str(CREW),
        },
    )
    try:
        process.wait_until_ready()
        from runtime_process import Client

        with Client(process.socket_path) as client:
            reply = client.call({"id": "e-1", "route": {"actors": ["a"], "current": 1}, "payload": {"answer": 42}})
        assert isinstance(reply, list) and "error" not in str(reply)
    finally:
        process.discard()

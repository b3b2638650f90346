"""TLS on both sides of the gateway, and log lines as JSON that hold ids and no secrets."""

import json
import os
import pwd
import shutil
import socket
import ssl

import pytest

from localservers import processes
from localservers.certificates import Certificates
from localservers.postgres import Postgres
from localservers.rabbitmq import RabbitMQ

WAIT = 30


@pytest.fixture(scope="session")
def tls_broker():
    with RabbitMQ(tls=True, management=False) as server:
        yield server


@pytest.fixture
def certificates(tmp_path):
    made = Certificates(str(tmp_path / "certificates"))
    made.create()
    return made


def tls(certificates):
    return {
        "ASYA_GATEWAY_TLS_CERT_FILE": certificates.server_cert,
        "ASYA_GATEWAY_TLS_KEY_FILE": certificates.server_key,
    }


def test_clients_and_streams_are_served_over_tls(make_gateway, certificates, broker, channel):
    gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url, **tls(certificates)}, ca_file=certificates.ca_file).start()
    envelope_id = gateway.call()
    gateway.progress(envelope_id, 0, "received")
    gateway.final(envelope_id, result={"ok": True})
    with gateway.request("GET", f"/envelopes/{envelope_id}/stream", stream=True) as answer:
        assert '"status":"succeeded"' in answer.text
    context = ssl.create_default_context(cafile=certificates.ca_file)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_plain_http_on_the_tls_port_gets_no_answer_and_harms_nobody(make_gateway, certificates, broker):
    gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url, **tls(certificates)}, ca_file=certificates.ca_file).start()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    assert not answer.startswith(b"HTTP/1.1 200")
    assert gateway.request("GET", "/health").status_code == 200


@pytest.mark.parametrize("missing", ["ASYA_GATEWAY_TLS_CERT_FILE", "ASYA_GATEWAY_TLS_KEY_FILE"])
def test_half_a_tls_configuration_is_an_error_that_names_both_variables(make_gateway, certificates, missing):
    settings = tls(certificates)
    del settings[missing]
    gateway = make_gateway({"ASYA_SQS_ENDPOINT": "http://127.0.0.1:9", **settings})
    gateway.start(wait=False)
    assert gateway.process.wait(WAIT) == 1
    assert "ASYA_GATEWAY_TLS_CERT_FILE" in gateway.log() and "ASYA_GATEWAY_TLS_KEY_FILE" in gateway.log()


def test_the_broker_is_spoken_to_over_tls(make_gateway, tls_broker):
    url = f"{tls_broker.tls_url}?cacertfile={tls_broker.ca_file}"
    gateway = make_gateway({"ASYA_RABBITMQ_URL": url}).start()
    assert gateway.request("GET", "/ready").status_code == 200
    # No queue is bound: that the broker says so proves that the message reached it.
    envelope = gateway.wait_status(gateway.call("lost", {}), "failed")
    assert "nowhere" in envelope["error"]


def test_a_broker_whose_certificate_is_not_trusted_gets_nothing(make_gateway, tls_broker, certificates):
    url = f"{tls_broker.tls_url}?cacertfile={certificates.ca_file}"
    gateway = make_gateway({"ASYA_RABBITMQ_URL": url})
    gateway.start(wait=False)
    reason = "cert verification failed"
    processes.wait_until(lambda: reason in gateway.log(), WAIT, what=lambda: f"{reason}\n{gateway.log()}")
    assert "guest:guest" not in gateway.log()


@pytest.fixture(name="tls_postgres")
def _tls_postgres(certificates, tmp_path_factory):
    """A PostgreSQL with the server's certificate, which its account must own."""
    directory = tmp_path_factory.getbasetemp() / "postgres-tls"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    account = pwd.getpwnam("postgres")
    settings = {"ssl": "on"}
    for name, path in (("ssl_cert_file", certificates.server_cert), ("ssl_key_file", certificates.server_key)):
        copy = shutil.copy(path, directory)
        os.chmod(copy, 0o600)
        os.chown(copy, account.pw_uid, account.pw_gid)
        settings[name] = f"'{copy}'"
    # Everything above must let the account through.
    for folder in (directory, *directory.parents):
        if folder.stat().st_uid == os.getuid() and folder != directory.root and "pytest" in str(folder):
            os.chmod(folder, 0o755)
    with Postgres(settings) as server:
        yield server


def test_the_database_is_spoken_to_over_tls_and_its_certificate_is_checked(
    make_gateway, tls_postgres, certificates, broker, tmp_path
):
    url = tls_postgres.create_database("sealed").replace("127.0.0.1", "localhost")
    settings = {"ASYA_RABBITMQ_URL": broker.url}
    trusted = f"{url}?sslmode=verify-full&sslrootcert={certificates.ca_file}"
    gateway = make_gateway({**settings, "ASYA_DATABASE_URL": trusted}).start()
    gateway.call("lost", {})
    sealed = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'sealed'"
    assert tls_postgres.sql(sealed) == "t"
    other = Certificates(str(tmp_path / "other"))
    other.create()
    wrong = f"{url}?sslmode=verify-full&sslrootcert={other.ca_file}"
    refusing = make_gateway({**settings, "ASYA_DATABASE_URL": wrong})
    refusing.start(wait=False)
    assert refusing.process.wait(WAIT) == 1
    assert "certificate verify failed" in refusing.log()
    assert gateway.stop() == 0


def test_log_lines_are_json_with_envelope_ids_and_without_secrets(make_gateway, tmp_path, broker, channel):
    (tmp_path / "tokens").write_text("alice:open-sesame\n")
    gateway = make_gateway(
        {
            "ASYA_LOG_FORMAT": "json",
            "ASYA_LOG_LEVEL": "DEBUG",
            "ASYA_RABBITMQ_URL": broker.url,
            "ASYA_DB_MIN_CONNS": "7",
            "ASYA_GATEWAY_TOKENS_FILE": str(tmp_path / "tokens"),
        }
    ).start()
    alice = {"Authorization": "Bearer open-sesame", "traceparent": "x"}
    assert gateway.request("POST", "/tools/call", json={"name": "lost"}).status_code == 401
    envelope_id = gateway.call("lost", {"text": "payload-sesame"}, headers=alice)
    lines = []

    def has_line():
        lines[:] = _lines(gateway)
        return any(line.get("id") == envelope_id for line in lines)

    processes.wait_until(has_line, WAIT, what=lambda: f"a line about {envelope_id}: {lines}")
    failed = next(line for line in lines if line.get("id") == envelope_id)
    assert (failed["level"], failed["msg"]) == ("ERROR", "Failed to send envelope")
    assert "nowhere" in failed["error"]
    assert gateway.stop() == 0
    lines = _lines(gateway)
    assert all({"time", "level", "msg"} <= set(line) for line in lines)
    assert any("ASYA_DB_MIN_CONNS has no effect" in line["msg"] for line in lines)
    assert lines[-1]["msg"] == "Stopped"
    with open(gateway.log_file, encoding="utf-8") as file:
        text = file.read()
    assert "sesame" not in text and "guest:guest" not in text


def _lines(gateway):
    with open(gateway.log_file, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().splitlines()]

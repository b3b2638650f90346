"""URLs, credentials, vhosts and TLS; sidecar.md 2, 6.1 and 14.23."""

import os
import subprocess

import pytest
from harness.envelopes import body
from harness.management import quote

ODD_PASSWORD = "p@ss:w/rd%41?&#+ é"


def works(world, sidecar, actor="a"):
    """One message through the sidecar."""
    world.send(actor, body("x", actors=[actor, "b"]))
    assert world.receive("b").json["id"] == "x"
    assert sidecar.is_running


def test_a_url_with_an_encoded_password_and_vhost_works(world):
    world.declare_usual()
    world.management.add_user("user@host/1", ODD_PASSWORD, world.vhost)
    sidecar = world.sidecar(
        "a", world.scripted(), ASYA_RABBITMQ_URL=world.broker.url(world.vhost, "user@host/1", ODD_PASSWORD)
    )
    works(world, sidecar)
    assert "w/rd" not in sidecar.log() and quote(ODD_PASSWORD) not in sidecar.log()


def test_a_vhost_with_odd_characters_is_percent_decoded(broker, world):
    from harness.world import World

    odd = World(broker, vhost="odd/vhost é%d" % os.getpid())
    odd.management.add_vhost(odd.vhost)
    try:
        odd.declare_usual()
        works(odd, odd.sidecar("a", odd.scripted()))
    finally:
        odd.close()
        odd.management.delete_vhost(odd.vhost)


@pytest.fixture
def root_world(broker):
    """The vhost `/`, which the four separate variables always mean."""
    from harness.world import World

    world = World(broker, vhost="/")
    world.declare("parts-actor", "b", "happy-end", "error-end")
    yield world
    for actor in ("parts-actor", "b", "happy-end", "error-end"):
        world.client.delete_queue("asya-" + actor)
    world.client.delete_exchange()
    world.close()


def test_a_url_built_from_parts_encodes_user_and_password(root_world):
    world = root_world
    world.management.add_user("parts@user:/", ODD_PASSWORD, "/")
    sidecar = world.sidecar(
        "parts-actor",
        world.scripted(),
        ASYA_RABBITMQ_URL=None,
        ASYA_RABBITMQ_HOST="127.0.0.1",
        ASYA_RABBITMQ_PORT=world.broker.port,
        ASYA_RABBITMQ_USERNAME="parts@user:/",
        ASYA_RABBITMQ_PASSWORD=ODD_PASSWORD,
    )
    works(world, sidecar, "parts-actor")
    assert "w/rd" not in sidecar.log()


def test_parts_default_to_guest_and_an_empty_url_counts_as_unset(root_world):
    world = root_world
    sidecar = world.sidecar(
        "parts-actor",
        world.scripted(),
        ASYA_RABBITMQ_URL="",
        ASYA_RABBITMQ_HOST="localhost",
        ASYA_RABBITMQ_PORT=world.broker.port,
    )
    works(world, sidecar, "parts-actor")


@pytest.mark.parametrize("suffix", ["/", "", "/%2F", "/%2f"])
def test_an_empty_path_or_a_slash_means_the_root_vhost(root_world, suffix):
    world = root_world
    url = "amqp://guest:guest@127.0.0.1:%d%s" % (world.broker.port, suffix)
    works(world, world.sidecar("parts-actor", world.scripted(), ASYA_RABBITMQ_URL=url), "parts-actor")


def test_the_url_wins_over_the_parts(world):
    world.declare_usual()
    sidecar = world.sidecar(
        "a", world.scripted(), ASYA_RABBITMQ_HOST="no.such.host.invalid", ASYA_RABBITMQ_PASSWORD="wrong"
    )
    works(world, sidecar)


def test_a_url_without_credentials_means_guest(world):
    world.declare_usual()
    url = "amqp://127.0.0.1:%d/%s" % (world.broker.port, world.vhost)
    works(world, world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=url))


def test_query_keys_are_honoured_and_unknown_ones_ignored(world):
    world.declare_usual()
    url = world.url + "?heartbeat=7&connection_timeout=5000&channel_max=5&auth_mechanism=plain&unknown=1"
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=url)
    works(world, sidecar)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "amqp//127.0.0.1", "amqp://127.0.0.1:notaport/", "amqp://127.0.0.1:99999/", "::::"]
)
def test_a_url_that_cannot_be_understood_ends_with_status_1_and_one_clear_line(world, url):
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=url)
    assert sidecar.wait_exit(15) == 1
    assert sidecar.log_lines("ERROR")


@pytest.mark.concurrent
def test_a_wrong_password_is_a_clear_error_without_the_password(world):
    url = world.broker.url(world.vhost, "guest", "s3cr3t-wr0ng")
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=url)
    assert sidecar.wait_exit(40) == 1
    errors = "\n".join(sidecar.log_lines("ERROR")).lower()
    assert "access_refused" in errors or "refused" in errors or "login" in errors or "auth" in errors, errors
    assert "s3cr3t" not in sidecar.log()


@pytest.mark.concurrent
def test_a_vhost_that_does_not_exist_is_a_clear_error(world):
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=world.broker.url("no-such-vhost"))
    assert sidecar.wait_exit(40) == 1
    assert "vhost" in "\n".join(sidecar.log_lines("ERROR")).lower()


@pytest.mark.concurrent
def test_a_host_name_that_does_not_resolve_is_status_1(world):
    url = "amqp://guest:s3cr3t@no.such.host.invalid:5672/"
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=url)
    assert sidecar.wait_exit(60) == 1
    assert "s3cr3t" not in sidecar.log()


# TLS, with the spare broker's certificates


def tls_url(world, **query):
    server = world.broker.server
    pairs = "&".join("%s=%s" % (name, quote(str(value))) for name, value in query.items())
    return "%s%s?%s" % (server.tls_url, quote(world.vhost), pairs)


def test_tls_with_a_ca_file_works(spare_world):
    world = spare_world.declare_usual()
    url = tls_url(world, cacertfile=world.broker.server.ca_file)
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=url)
    works(world, sidecar)
    world.send("a", body("big", payload="x" * 5_000_000))
    assert len(world.receive("b").json["payload"]) == 5_000_000
    world.send_many("a", [body("m-%d" % i) for i in range(300)])
    assert [m.json["id"] for m in world.receive_many("b", 300)] == ["m-%d" % i for i in range(300)]


def test_tls_with_a_client_certificate_works(spare_world):
    world = spare_world.declare_usual()
    server = world.broker.server
    url = tls_url(world, cacertfile=server.ca_file, certfile=server.client_cert, keyfile=server.client_key)
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=url)
    works(world, sidecar)
    subjects = {c.get("peer_cert_subject") for c in world.management.connections(world.vhost)}
    assert any(subject and "asya-sidecar" in subject for subject in subjects) or len(subjects) <= 1


def test_tls_connections_are_made_again_after_a_loss(spare_world):
    world = spare_world.declare_usual()
    url = tls_url(world, cacertfile=world.broker.server.ca_file)
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=url)
    works(world, sidecar)
    from harness.waiting import eventually

    eventually(lambda: len(world.management.sidecar_connections(world.vhost)) >= 2, 10, "the connections")
    world.close_sidecar_connections()
    works(world, sidecar)


def own_authority(directory):
    """A certificate of an authority the broker knows nothing of."""
    certificate, key = os.path.join(directory, "other.pem"), os.path.join(directory, "other.key")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other"]
    subprocess.run(command + ["-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    return certificate


@pytest.mark.concurrent
@pytest.mark.parametrize("case", ["wrong CA", "system CAs", "missing CA file", "wrong name"])
def test_a_server_that_cannot_be_verified_is_a_clear_error_and_status_1(spare_world, case):
    world = spare_world.declare_usual()
    ca_file = world.broker.server.ca_file
    query = {
        "wrong CA": {"cacertfile": own_authority(world.directory())},
        "system CAs": {},
        "missing CA file": {"cacertfile": "/nonexistent/ca.pem"},
        "wrong name": {"cacertfile": ca_file, "server_name_indication": "other.example"},
    }[case]
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=tls_url(world, **query))
    assert sidecar.wait_exit(40) == 1
    errors = "\n".join(sidecar.log_lines("ERROR")).lower()
    assert "certificate" in errors or "tls" in errors or "ca" in errors, errors


@pytest.mark.concurrent
def test_plain_amqp_to_a_tls_port_is_status_1(spare_world):
    world = spare_world
    url = world.broker.url(world.vhost, port=world.broker.server.tls_port)
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=url)
    assert sidecar.wait_exit(45) == 1

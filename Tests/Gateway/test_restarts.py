"""What survives crashes: deadlines, messages that were not sent, and connections to broker and database."""

import sqlite3
import time

import pika
from localservers import processes
from localservers.postgres import Postgres
from localservers.rabbitmq import RabbitMQ
from test_calls import take

WAIT = 30


def test_a_deadline_survives_a_crash_and_a_late_result_does_not_count(make_gateway, environment, channel):
    gateway = make_gateway(environment).start()
    envelope_id = gateway.call("short", {})
    gateway.kill()
    time.sleep(2.5)  # The deadline passes while nobody is there.
    gateway.start()
    state = gateway.wait_status(envelope_id, "failed")
    assert state["error"] == "envelope timed out"
    assert gateway.final(envelope_id, result=1).json() == {"status": "ok", "ignored": True}
    assert gateway.envelope(envelope_id)["error"] == "envelope timed out"


def test_a_finished_envelope_does_not_time_out(gateway):
    envelope_id = gateway.call("short", {})
    gateway.final(envelope_id)
    later = gateway.call("short", {})
    gateway.wait_status(later, "failed")
    assert gateway.envelope(envelope_id)["status"] == "succeeded"


def test_what_was_stored_and_not_sent_is_sent_after_a_restart(make_gateway, tmp_path, broker, channel):
    path = tmp_path / "unsent.db"
    gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url, "ASYA_GATEWAY_STORE_PATH": str(path)}).start()
    envelope_id = gateway.call()
    take(channel, "asya-first")
    processes.wait_until(lambda: outbox(path) == [], WAIT, what="the mark that it was sent")
    gateway.kill()
    # As after a crash between store and send, a while ago.
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO outbox SELECT seq, created_at - 60000000 FROM envelopes")
    gateway.start()
    assert take(channel, "asya-first")[1]["id"] == envelope_id
    processes.wait_until(lambda: outbox(path) == [], WAIT, what="the mark that it was sent")


def outbox(path):
    with sqlite3.connect(path) as database:
        return database.execute("SELECT seq FROM outbox").fetchall()


def test_a_restarted_broker_is_found_again(make_gateway, tmp_path):
    with RabbitMQ(management=False) as broker:
        declare(broker)
        gateway = make_gateway(
            {"ASYA_RABBITMQ_URL": broker.url, "ASYA_GATEWAY_STORE_PATH": str(tmp_path / "g.db")}
        ).start()
        gateway.call()
        broker.restart()
        envelope_id = gateway.call()
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        # What was not confirmed before the restart is sent again, so the first message may be there twice.
        channel = connection.channel()
        ids = []
        while envelope_id not in ids and len(ids) < 3:
            ids.append(take(channel, "asya-first")[1]["id"])
        connection.close()
        assert envelope_id in ids
        assert gateway.envelope(envelope_id)["status"] == "running"


def declare(broker):
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.exchange_declare("asya", "topic", durable=True)
    channel.queue_declare("asya-first", durable=True)
    channel.queue_bind("asya-first", "asya", "first")
    connection.close()


def test_a_restarted_database_is_found_again(make_gateway, broker, channel):
    with Postgres() as server:
        gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url, "ASYA_DATABASE_URL": server.url}).start()
        envelope_id = gateway.call()
        server.stop()
        assert gateway.request("GET", f"/envelopes/{envelope_id}").status_code == 503
        assert gateway.request("GET", "/ready").status_code == 503
        assert gateway.request("GET", "/health").status_code == 200
        server.start()
        processes.wait_until(
            lambda: gateway.request("GET", "/ready").status_code == 200, WAIT, what="readiness", interval=0.2
        )
        assert gateway.progress(envelope_id, 0, "received").status_code == 200
        assert gateway.envelope(envelope_id)["progress_percent"] == 5
        # Before its database, which waits for its clients.
        assert gateway.stop() == 0


def test_a_database_that_the_original_created(make_gateway, postgres, broker, channel):
    url = postgres.create_database("original")
    gateway = make_gateway({"ASYA_RABBITMQ_URL": broker.url, "ASYA_DATABASE_URL": url}).start()
    # What the original's chart test does, and what the original's rows look like.
    postgres.sql(
        "INSERT INTO envelopes (id, status, route_actors, route_current) VALUES ('old', 'running', '{a,b}', 0);"
        "INSERT INTO envelope_updates (envelope_id, status, message, progress_percent, actor, envelope_state)"
        " VALUES ('old', 'running', 'm', 5, 'a', 'received')",
        database="original",
    )
    assert gateway.envelope("old")["status"] == "running"
    assert gateway.progress("old", 1, "completed", ("a", "b")).json()["progress_percent"] == 100
    assert gateway.final("old").json() == {"status": "ok"}
    assert len(gateway.stream("old").wait_end()) == 3
    gateway.stop()
    # Migrating again changes nothing, and two at once get in nobody's way.
    others = [make_gateway({"ASYA_RABBITMQ_URL": broker.url, "ASYA_DATABASE_URL": url}).start() for _ in range(2)]
    assert [other.envelope("old")["status"] for other in others] == ["succeeded"] * 2


def test_several_gateways_migrate_one_empty_database_at_once(make_gateway, postgres, broker, channel):
    url = postgres.create_database("together")
    gateways = [make_gateway({"ASYA_RABBITMQ_URL": broker.url, "ASYA_DATABASE_URL": url}) for _ in range(3)]
    for gateway in gateways:
        gateway.start(wait=False)
    for gateway in gateways:
        processes.wait_until(gateway._is_up, 60, what=gateway.log)
    names = postgres.sql("SELECT name FROM asya_gateway_migrations ORDER BY name", database="together").split()
    assert names == ["001_initial_schema", "002_add_progress_tracking", "003_add_parent_id",
                     "004_lowercase_status_values", "005_gateway", "006_fewer_indices"]

"""The embedded transport: leases, several consumers, files that are busy or broken, signals."""

import os
import signal
import sqlite3
import threading
import time

import pytest
from harness.embedded import EmbeddedWorld
from harness.envelopes import body, reply_element
from harness.scripted_runtime import always, delayed_echo, end_reply, error, gated_echo, hangs, reply
from harness.waiting import eventually, holds_for


@pytest.fixture
def world(embedded_world):
    return embedded_world.declare_usual("a", "b")


def outcomes(world, envelope_id):
    return world.client.rows("SELECT outcome, attempt FROM hop WHERE envelope_id = ? ORDER BY id", envelope_id)


def test_an_envelope_goes_through_two_actors_and_its_hops_are_on_record(world):
    for actor in ("a", "b"):
        sidecar = world.sidecar(actor, world.python())
    world.send("a", body("x", payload={"v": 1}))
    assert world.receive("happy-end").json["payload"] == {"v": 1}
    assert sidecar.metric("messages_received_total", queue="b", transport="embedded") == 1
    # The sender here gave no id to the store; the sidecar of `a` did.
    assert outcomes(world, "x") == [(1, 1)]
    assert sidecar.stop() == 0


def test_an_idle_sidecar_takes_a_message_at_once(world):
    runtime = world.scripted()
    world.sidecar("a", runtime)
    holds_for(lambda: not runtime.requests, 0.3, "silence")
    fastest = 9.0
    for number in range(20):
        started = time.monotonic()
        world.send("a", body("e-%d" % number))
        runtime.wait_requests(number + 1)
        fastest = min(fastest, time.monotonic() - started)
    # Without the bell every one of them would wait for the look that comes once per second.
    assert fastest < 0.5


def test_two_sidecars_share_a_queue(world):
    runtimes = [world.scripted(delayed_echo(0.005)) for _ in range(2)]
    for runtime in runtimes:
        world.sidecar("a", runtime)
    world.send_many("a", [body("e-%d" % number) for number in range(300)])
    ids = [message.json["id"] for message in world.receive_many("b", 300, timeout=30)]
    assert sorted(ids) == sorted("e-%d" % number for number in range(300))
    shares = [len(runtime.requests) for runtime in runtimes]
    assert sum(shares) == 300 and min(shares) > 20, shares


def test_after_kill_9_a_message_is_delivered_again_when_its_lease_ends(world):
    gate = threading.Event()
    first = world.scripted(gated_echo(gate))
    killed = world.sidecar("a", first, ASYA_EMBEDDED_VISIBILITY_TIMEOUT="2s")
    world.send("a", body("x"))
    first.wait_requests(1)
    killed.kill()
    second = world.scripted()
    survivor = world.sidecar("a", second)
    assert world.receive("b", timeout=20).json["id"] == "x"
    assert survivor.metric("redelivered_total", queue="a") == 1
    gate.set()
    assert world.depth("b") == 0


def test_a_lease_is_renewed_while_the_handler_runs(world):
    gate = threading.Event()
    slow = world.scripted(gated_echo(gate))
    world.sidecar("a", slow, ASYA_EMBEDDED_VISIBILITY_TIMEOUT="3s")
    other = world.scripted()
    world.send("a", body("x"))
    slow.wait_requests(1)
    world.sidecar("a", other)
    holds_for(lambda: not other.requests, 5, "the message to stay with its holder")
    gate.set()
    assert world.receive("b").json["id"] == "x"


def test_a_sidecar_that_was_stopped_for_longer_than_its_lease_stores_nothing_twice(world):
    gate = threading.Event()
    first = world.scripted(gated_echo(gate))
    frozen = world.sidecar("a", first, ASYA_EMBEDDED_VISIBILITY_TIMEOUT="1s")
    world.send("a", body("x"))
    first.wait_requests(1)
    frozen.signal(signal.SIGSTOP)
    world.sidecar("a", world.scripted())
    assert world.receive("b", timeout=10).json["id"] == "x"
    frozen.signal(signal.SIGCONT)
    gate.set()
    eventually(lambda: frozen.metric("nacks_total", queue="a", cause="delivery_lost") == 1, 10, "the loss to be seen")
    assert world.depth("b") == 0 and world.queue_counts("a") == (0, 0)
    world.send("a", body("y"))
    assert world.receive("b").json["id"] == "y"


def test_sigterm_finishes_the_running_call_and_gives_the_rest_back_uncounted(world):
    gate = threading.Event()
    runtime = world.scripted(gated_echo(gate))
    sidecar = world.sidecar("a", runtime, ASYA_EMBEDDED_PREFETCH=8)
    world.send_many("a", [body("e-%d" % number) for number in range(8)])
    runtime.wait_requests(1)
    world.wait_unacknowledged("a", 8)
    sidecar.terminate()
    eventually(lambda: world.queue_counts("a") == (7, 1), 10, "the others to be given back")
    gate.set()
    assert sidecar.wait_exit() == 0
    assert world.receive("b").json["id"] == "e-0"
    assert world.queue_counts("a") == (7, 0)
    assert world.client.rows("SELECT DISTINCT deliveries FROM schedule") == [(0,)]


def test_a_hanging_handler_leaves_one_error_envelope_and_no_message(world):
    sidecar = world.sidecar("a", world.scripted(always(hangs())), ASYA_RUNTIME_TIMEOUT="1s", ASYA_EMBEDDED_PREFETCH=3)
    world.send_many("a", [body("e-%d" % number) for number in range(3)])
    assert sidecar.wait_exit(15) == 1
    error_envelope = world.receive("error-end").json
    assert error_envelope["id"] == "e-0" and "Runtime timeout exceeded after 1s" in error_envelope["payload"]["error"]
    assert world.queue_counts("a") == (2, 0), "the others were given back at once"
    assert world.depth("error-end") == 0


def test_an_end_actor_acknowledges_what_its_handler_has_taken(world):
    runtime = world.scripted(end_reply)
    world.end_sidecar("happy-end", runtime)
    world.send_many("happy-end", [body("e-%d" % number) for number in range(40)])
    runtime.wait_requests(40)
    world.wait_settled("happy-end")
    assert outcomes(world, "") == [(1, 1)] * 40


def test_a_fan_out_and_its_acknowledgement_are_one_step(world):
    elements = [reply_element(current=1, payload=number) for number in range(5)]
    world.sidecar("a", world.scripted(always(reply(elements))))
    database = sqlite3.connect(world.path, isolation_level=None, timeout=20)
    seen = set()
    world.send("a", body("x"))
    while True:
        counts = dict(database.execute("SELECT name, message_count FROM queue"))
        seen.add((counts["asya-a"], counts["asya-b"]))
        if counts["asya-b"]:
            break
    database.close()
    assert seen <= {(1, 0), (0, 5)}, seen


def test_a_missing_next_queue_leads_to_a_release_with_delay_and_is_found_when_it_appears(embedded_world):
    world = embedded_world.declare("a", "happy-end", "error-end")
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    world.send("a", body("x"))
    eventually(lambda: sidecar.metric("messages_failed_total", queue="a", reason="routing_error") >= 1, 20, "failure")
    assert len(runtime.requests) == 1
    world.declare("b")
    assert world.receive("b", timeout=20).json["id"] == "x"
    world.wait_settled("a")


def test_the_store_moves_a_poisonous_message_to_the_dead_letter_queue(embedded_world):
    world = embedded_world.declare("a-dlq")
    world.declare("a", arguments={"max_retry_count": 2, "dead_letter_queue": "asya-a-dlq"})
    # No error-end: its error envelope cannot be stored, so the message comes back.
    sidecar = world.sidecar("a", world.scripted(always(error("boom"))))
    world.send("a", body("x", payload=1))
    world.wait_depth("a-dlq", 1, timeout=40)
    assert world.queue_counts("a") == (0, 0)
    assert world.client.rows("SELECT count(*) FROM message WHERE origin <> 0") == [(1,)]
    assert sidecar.is_running


def test_the_pipelines_own_limit_publishes_to_the_configured_queue(embedded_world):
    world = embedded_world.declare("a", "graveyard")
    world.sidecar("a", world.scripted(), ASYA_QUEUE_MAX_DELIVERIES=1, ASYA_QUEUE_DLQ="asya-graveyard")
    text = body("x", payload=1)
    world.send("a", text)
    assert world.receive("graveyard", timeout=30).body == text
    world.wait_settled("a")


def test_a_missing_own_queue_is_waited_for(embedded_world):
    world = embedded_world.declare("b", "happy-end", "error-end")
    sidecar = world.sidecar("a", world.scripted(), ASYA_QUEUE_RETRY_BACKOFF="200ms")
    eventually(lambda: "queue does not exist" in sidecar.log(), 10, "the warning")
    world.declare("a")
    world.send("a", body("x"))
    assert world.receive("b", timeout=15).json["id"] == "x"


def test_a_lock_that_is_kept_for_long_delays_and_loses_nothing(world):
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    database = sqlite3.connect(world.path, isolation_level=None, timeout=20)
    world.send_many("a", [body("e-%d" % number) for number in range(50)])
    database.execute("BEGIN IMMEDIATE")
    try:
        eventually(lambda: sidecar.status("/ready") == 503, 30, "the sidecar to notice")
        assert sidecar.is_running and "locked by another process" in sidecar.log()
    finally:
        database.execute("ROLLBACK")
        database.close()
    ids = [message.json["id"] for message in world.receive_many("b", 50, timeout=30)]
    assert sorted(ids) == sorted("e-%d" % number for number in range(50))
    eventually(lambda: sidecar.status("/ready") == 200, 10, "readiness")
    world.wait_settled("a")


# Files that cannot be used


def exits_with(world, text, **environment):
    sidecar = world.sidecar("a", world.scripted(), ready=False, **environment)
    assert sidecar.wait_exit(15) == 1
    assert text in sidecar.log(), sidecar.log()
    return sidecar.log()


def test_without_a_path_it_does_not_start(world):
    exits_with(world, "ASYA_EMBEDDED_PATH is required", ASYA_EMBEDDED_PATH="")


def test_a_file_that_is_no_database_ends_the_start_with_its_name(world):
    path = os.path.join(world.directory(), "garbage.db")
    with open(path, "wb") as file:
        file.write(b"not a database " * 1000)
    log = exits_with(world, "is damaged or not a database", ASYA_EMBEDDED_PATH=path)
    assert path in log
    with open(path, "rb") as file:
        assert file.read(5) == b"not a", "it is left as it was"


def test_a_missing_directory_ends_the_start_with_what_to_do(world):
    exits_with(world, "its directory has to exist and be writable", ASYA_EMBEDDED_PATH="/nonexistent/dir/q.db")


def test_a_newer_schema_ends_the_start(world):
    database = sqlite3.connect(world.path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    exits_with(world, "has schema version 99, this program knows up to 1")


def test_a_file_that_is_damaged_while_it_is_used_ends_the_process_with_status_1(world):
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime)
    world.send_many("a", [body("e-%d" % number, payload="x" * 2000) for number in range(20)])
    world.receive_many("b", 20)
    database = sqlite3.connect(world.path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with open(world.path, "r+b") as file:
        size = os.path.getsize(world.path)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
        os.fsync(file.fileno())
    # A page that SQLite has in memory is read again only when somebody else has changed the file.
    with open(world.path, "r+b") as file:
        file.seek(24)
        file.write(b"\0\0\xff\xff")
        file.seek(92)
        file.write(b"\0\0\xff\xff")
    assert sidecar.wait_exit(20) == 1, sidecar.log()
    assert "is damaged or not a database" in sidecar.log()


def test_sidecars_that_start_together_on_a_file_that_is_not_there_all_come_up():
    world = EmbeddedWorld()
    try:
        path = os.path.join(world.directory(), "fresh.db")
        sidecars = [
            world.sidecar("a", world.scripted(), ready=False, ASYA_EMBEDDED_PATH=path, ASYA_QUEUE_RETRY_BACKOFF="100ms")
            for _ in range(6)
        ]
        for sidecar in sidecars:
            sidecar.wait_ready(20)
        assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    finally:
        world.close()

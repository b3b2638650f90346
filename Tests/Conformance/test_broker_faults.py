"""Lost, stalled, delayed and cut broker connections; sidecar.md 6.1, 6.2, 14.1, 14.13 and "Bad input"."""

import socket
import threading
import time

import pytest
from harness.envelopes import body
from harness.proxy import TO_BROKER, TO_SIDECAR
from harness.scripted_runtime import delayed_echo
from harness.waiting import eventually, holds_for

pytestmark = [pytest.mark.concurrent]


def wait_connections(world, count=2):
    """The consuming and the publishing connection are listed by the broker."""
    eventually(lambda: len(world.management.sidecar_connections(world.vhost)) >= count, 15, "the sidecar's connections")


def test_after_a_force_closed_connection_a_new_message_is_handled_within_15_seconds(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted())
    pid = sidecar.process.pid
    world.send("a", body("one"))
    assert world.receive("b").json["id"] == "one"
    for i in range(3):
        wait_connections(world)
        assert world.close_sidecar_connections() >= 2
        world.send("a", body("after-%d" % i))
        assert world.receive("b", timeout=15).json["id"] == "after-%d" % i
        world.wait_settled("a")
    assert sidecar.is_running and sidecar.process.pid == pid
    assert sidecar.metrics().total("asya_actor_transport_reconnects_total") >= 3
    assert sidecar.metrics().total("asya_actor_transport_connected") >= 1


def test_the_broker_sees_two_connections_with_the_documented_capabilities(world):
    world.declare_usual()
    world.sidecar("a", world.scripted())
    world.send("a", body("x"))
    world.receive("b")
    wait_connections(world)
    connections = world.management.connections(world.vhost)
    ours = [c for c in connections if c.get("client_properties", {}).get("connection_name") != "conformance-suite"]
    assert len(ours) == 2, "consuming and publishing do not share a connection"
    for connection in ours:
        capabilities = connection["client_properties"]["capabilities"]
        for name in (
            "consumer_cancel_notify",
            "publisher_confirms",
            "connection.blocked",
            "basic.nack",
            "authentication_failure_close",
        ):
            assert capabilities.get(name) is True, name
        assert connection["timeout"] == 10, "heartbeat"
        assert connection["auth_mechanism"] == "PLAIN"


def test_a_connection_closed_during_a_handler_forgets_the_old_delivery(world):
    """The result is published, the message comes again, and no stale tag is settled on the new channel."""
    world.declare_usual()
    runtime = world.scripted(delayed_echo(2))
    sidecar = world.sidecar("a", runtime)
    wait_connections(world)
    world.send("a", body("x"))
    runtime.wait_requests(1)
    world.close_sidecar_connections()
    assert world.receive("b", timeout=15).json["id"] == "x"
    world.wait_settled("a", timeout=20)
    assert len(runtime.requests) <= 2
    assert len(world.drain("b")) <= 1, "at most one duplicate"
    assert world.depth("error-end") == 0
    assert not any("unknown delivery tag" in line for line in sidecar.log_lines())
    world.send("a", body("y"))
    assert world.receive("b").json["id"] == "y"


def test_a_broker_that_closes_in_the_middle_of_a_delivery_loses_nothing(world):
    world.declare_usual()
    proxy = world.proxy()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    for byte_count in (1, 7, 8, 30, 60_000, 131_072, 250_000):
        proxy.cut_after(TO_SIDECAR, byte_count)
        message_id = "cut-%d" % byte_count
        world.send("a", body(message_id, payload="x" * 300_000))
        assert world.receive("b", timeout=20).json["id"] == message_id
        assert not proxy.cut_pending
        world.wait_settled("a")
        world.drain("b")
    assert world.depth("error-end") == 0
    assert sidecar.is_running


def test_a_broker_that_closes_in_the_middle_of_a_publication_loses_nothing(world):
    world.declare_usual()
    proxy = world.proxy()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime, ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    for byte_count in (1, 20, 60_000, 131_072, 290_000):
        proxy.cut_after(TO_BROKER, byte_count)
        message_id = "cut-%d" % byte_count
        world.send("a", body(message_id, payload="x" * 300_000))
        arrived = world.receive("b", timeout=20)
        assert arrived.json["id"] == message_id and arrived.json["payload"] == "x" * 300_000
        world.wait_settled("a")
        world.drain("b")
    assert world.depth("error-end") == 0
    assert sidecar.is_running


def test_a_publishing_connection_lost_before_the_confirm_does_not_run_the_handler_again(world):
    """5.3: the result is kept and published again."""
    world.declare_usual()
    proxy = world.proxy()
    runtime = world.scripted()
    world.sidecar("a", runtime, ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    proxy.cut_after(TO_BROKER, 150_000)  # Acks and heartbeats are tiny: only the publication gets this far.
    world.send("a", body("x", payload="y" * 200_000))
    assert world.receive("b", timeout=15).json["id"] == "x"
    world.wait_settled("a", timeout=20)
    # Both connections are cut, so the delivery comes again; the rule is at most one further call.
    assert len(runtime.requests) <= 2
    assert world.depth("error-end") == 0


def test_a_silent_network_is_noticed_by_the_heartbeat(world):
    world.declare_usual()
    proxy = world.proxy()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=world.proxied_url(proxy, "?heartbeat=2"))
    world.send("a", body("one"))
    world.receive("b")
    proxy.stall_existing()
    world.send("a", body("two"))
    # The broker notices the dead peer after two missed heartbeats as well and gives the message back.
    assert world.receive("b", timeout=25).json["id"] == "two"
    assert sidecar.is_running


def test_an_idle_connection_is_kept_by_heartbeats_also_during_a_handler(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(delayed_echo(5)), ASYA_RABBITMQ_URL=world.url + "?heartbeat=1")
    wait_connections(world)
    before = sorted(world.management.sidecar_connections(world.vhost))
    world.send("a", body("slow"))
    holds_for(lambda: sidecar.is_running, 4, "the sidecar to run")
    assert world.receive("b").json["id"] == "slow"
    assert sorted(world.management.sidecar_connections(world.vhost)) == before
    assert sidecar.metrics().total("asya_actor_transport_reconnects_total") == 0


def test_a_broker_that_sends_garbage_is_a_lost_connection(world):
    """A stand-in listens where the broker was, answers rubbish once, and then forwards again."""
    world.declare_usual()
    garbage = _Impostor(("127.0.0.1", world.broker.port), b"\x09garbage" * 50)
    try:
        url = world.broker.url(world.vhost, port=garbage.port)
        sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=url)
        world.send("a", body("one"))
        assert world.receive("b").json["id"] == "one"
        world.wait_settled("a")
        garbage.misbehave()
        world.send("a", body("two"))
        assert world.receive("b", timeout=20).json["id"] == "two"
        world.wait_settled("a")
        assert sidecar.is_running
    finally:
        garbage.stop()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x01\x00\x00", b""])
def test_a_server_that_is_no_broker_ends_the_start_with_status_1(world, answer):
    impostor = _Impostor(None, answer)
    impostor.misbehave()
    try:
        started = time.monotonic()
        sidecar = world.sidecar(
            "a", world.scripted(), ready=False, ASYA_RABBITMQ_URL="amqp://guest:hidden@127.0.0.1:%d/" % impostor.port
        )
        assert sidecar.wait_exit(45) == 1
        assert time.monotonic() - started > 10, "five attempts with delays 1, 2, 4, 8 s"
        assert sidecar.log_lines("ERROR")
        assert "hidden" not in sidecar.log()
    finally:
        impostor.stop()


def test_a_broker_that_appears_within_the_first_attempts_is_found(world):
    world.declare_usual()
    proxy = world.proxy()
    proxy.refusing = True
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    eventually(lambda: proxy.accepted >= 2, 10, "two attempts")
    proxy.refusing = False
    sidecar.wait_ready(20)
    world.send("a", body("x"))
    assert world.receive("b").json["id"] == "x"


def test_no_broker_at_all_is_five_attempts_and_status_1(world):
    proxy = world.proxy()
    proxy.refusing = True
    started = time.monotonic()
    sidecar = world.sidecar("a", world.scripted(), ready=False, ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    assert sidecar.wait_exit(40) == 1
    assert 12 <= time.monotonic() - started <= 25
    assert proxy.accepted in (5, 10), "five attempts, with one or both connections"
    assert sidecar.log_lines("ERROR")


def test_reconnection_goes_on_for_ever_and_backs_off(world):
    world.declare_usual()
    proxy = world.proxy()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    before = proxy.accepted
    proxy.refusing = True
    proxy.cut()
    holds_for(lambda: sidecar.is_running, 12, "the sidecar to run without a broker")
    # 0.2 + 0.4 + … per connection: about seven attempts of each of the two in 12 s.
    assert 4 <= proxy.accepted - before <= 24
    assert sidecar.metrics().total("asya_actor_transport_connected") == 0
    proxy.refusing = False
    world.send("a", body("x"))
    assert world.receive("b", timeout=25).json["id"] == "x"


def test_many_cuts_at_any_moment_lose_nothing(world):
    world.declare_usual()
    proxy = world.proxy()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RABBITMQ_URL=world.proxied_url(proxy))
    ids = ["m-%d" % i for i in range(1500)]
    world.send_many("a", [body(i, payload="p" * 200) for i in ids])
    for byte_count in (3_000, 17, 9_001, 40_000, 333):
        proxy.cut_after(TO_BROKER, byte_count)
        eventually(lambda: not proxy.cut_pending or world.depth("a") == 0, 20, "the cut")
    world.wait_settled("a", timeout=30)
    arrived = [m.json["id"] for m in world.drain("b")]
    assert set(arrived) == set(ids)
    assert len(arrived) <= len(ids) + 5 * 2 * 32
    assert world.depth("error-end") == 0
    assert sidecar.is_running


class _Impostor:
    """Forwards to a target; in misbehaviour it ends what is open, and answers the next connection with rubbish."""

    def __init__(self, target, rubbish):
        self.target, self.rubbish = target, rubbish
        self.rotten = 0 if target else 1_000_000
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def misbehave(self):
        """One rotten connection per role of the sidecar; what is open gets rubbish too."""
        if self.target:
            self.rotten = 2
        for near, _ in self._open:
            try:
                near.sendall(self.rubbish)
            except OSError:
                pass  # Closed already.
        self._open = []

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # Wakes the thread inside accept().
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.rotten > 0:
                self.rotten -= 1
                threading.Thread(target=self._rot, args=(near,), daemon=True).start()
                continue
            far = socket.create_connection(self.target)
            self._open.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def _rot(self, near):
        try:
            near.recv(8)
            near.sendall(self.rubbish)
            near.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The sidecar was faster.
        near.close()


def _copy(source, sink):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
    except OSError:
        pass  # Either end is gone.
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # Not connected any more.

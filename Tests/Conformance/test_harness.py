"""The suite's own tools work: run without a sidecar."""

import socket
import struct
import types

import pytest
from harness.amqp import AMQPClient
from harness.concurrent import ConcurrentTests
from harness.envelopes import body
from harness.metrics import parse_metrics
from harness.proxy import TO_BROKER
from harness.scripted_runtime import closes, in_turn, reply, wire
from harness.waiting import eventually


def call(runtime, request, connection=None):
    """One request as the sidecar would send it; returns (reply body or None, connection)."""
    if connection is None:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(runtime.socket_path)
    connection.sendall(struct.pack(">I", len(request)) + request)
    header = connection.recv(4, socket.MSG_WAITALL)
    if len(header) < 4:
        return None, connection
    return connection.recv(struct.unpack(">I", header)[0], socket.MSG_WAITALL), connection


def test_a_world_has_its_own_vhost_with_queues_that_can_be_counted(world):
    world.declare_usual()
    world.send("a", body())
    world.wait_depth("a", 1)
    eventually(lambda: world.queue_counts("a") == (1, 0), 5)
    assert world.receive("a").json["id"] == "e-1"
    assert world.depth("nobody") is None


def test_the_tap_sees_what_is_published_to_the_exchange(world):
    world.declare("a").tap()
    world.client._open().basic_publish("asya", "a", b"{}")
    assert world.client.get("tap").routing_key == "a"


def test_a_scripted_runtime_follows_its_script_and_records_requests(world):
    runtime = world.scripted(in_turn(reply([1]), wire(b"\0\0"), closes()))
    first, connection = call(runtime, b"one")
    assert first == b"[1]"
    assert call(runtime, b"two", connection)[0] is None
    assert call(runtime, b"three")[0] is None
    assert runtime.bodies == [b"one", b"two", b"three"]
    assert runtime.connections == 2
    assert runtime.max_serving == 1


def test_a_proxy_cuts_in_the_middle_and_forwards_afterwards(world):
    world.declare("a")
    proxy = world.proxy()
    client = AMQPClient(world.proxied_url(proxy))
    client.publish("asya-a", b"x")
    proxy.cut_after(TO_BROKER, 1000)
    client.publish("asya-a", b"y" * 100_000)
    eventually(lambda: not proxy.cut_pending, 5, "the cut")
    client.publish("asya-a", b"z")
    client.close()
    bodies = [message.body for message in world.receive_many("a", 2)]
    assert bodies[0] == b"x"
    assert bodies[-1][:1] in (b"y", b"z")


def test_connections_of_others_can_be_force_closed(world):
    client = AMQPClient(world.url)
    client._open()
    eventually(lambda: len(world.management.connections(world.vhost)) >= 1, 5, "the connection to be listed")
    assert world.close_sidecar_connections() == 0, "the suite's own connections are spared"
    client.close()


def test_the_fake_gateway_records_and_misbehaves(world):
    import urllib.error
    import urllib.request

    gateway = world.gateway()
    gateway.answers["progress"] = 500
    request = urllib.request.Request(gateway.url + "/envelopes/x/progress", data=b"{}", method="POST")
    try:
        urllib.request.urlopen(request, timeout=5)
        raise AssertionError("500 expected")
    except urllib.error.HTTPError as error:
        assert error.code == 500
    assert [report.kind for report in gateway.reports] == ["progress"]


def test_the_metrics_reader_understands_labels_and_types():
    page = parse_metrics('# TYPE x counter\nx{a="1",b="q\\"r"} 2\n# TYPE y histogram\ny_bucket{le="+Inf"} 1\n')
    assert page.value("x", a="1", b='q"r') == 2
    assert page.types == {"x": "counter", "y": "histogram"}
    assert page.buckets("y") == [float("inf")]


def test_a_second_attempt_of_a_concurrent_test_runs_it_again_and_no_other(broker):
    calls = []

    def item(name, passes):
        def test(world):
            calls.append((name, world.vhost))
            assert passes()

        return types.SimpleNamespace(
            nodeid=name, fspath="file", obj=test, fixturenames=["world"], get_closest_marker=lambda _: True, session=session
        )

    session = types.SimpleNamespace(items=[])
    session.items += [item("fails once", lambda: len(calls) > 2), item("passes", lambda: True)]
    tests = ConcurrentTests()
    with pytest.raises(AssertionError):
        tests.result(session.items[0], lambda _: broker)
    tests.result(session.items[1], lambda _: broker)
    tests.result(session.items[0], lambda _: broker)
    assert sorted(name for name, _ in calls) == ["fails once", "fails once", "passes"]
    assert len({vhost for _, vhost in calls}) == 3
    tests.close()

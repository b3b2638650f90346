"""sidecar.md 7 and the SQS points of 14, against the stand-in of perf/sqs_stand_in.c, which keeps real time."""

import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from harness.aws_credentials import ContainerEndpoint
from harness.aws_faults import FaultProxy
from harness.envelopes import body
from harness.paths import sidecar_binary
from harness.scripted_runtime import advanced_reply, always, delayed_echo, error, gated_echo, reply
from harness.waiting import eventually, holds_for, observe_for
from localservers.certificates import Certificates

QUEUE_A, QUEUE_B = "asya-a", "asya-b"


def test_a_pipeline_of_two_actors_ends_in_happy_end(sqs_world):
    sqs_world.declare_usual("a", "b")
    for actor in ("a", "b"):
        sqs_world.sidecar(actor, sqs_world.scripted())
    sqs_world.send_many("a", [body("m-%d" % n, payload={"n": n, "text": 'ü "\\\n'}) for n in range(50)])
    arrived = sqs_world.receive_many("happy-end", 50)
    assert {m.json["id"] for m in arrived} == {"m-%d" % n for n in range(50)}
    assert all(m.json["payload"]["text"] == 'ü "\\\n' for m in arrived)
    for actor in ("a", "b"):
        sqs_world.wait_settled(actor)


def test_metrics_and_readiness_name_the_transport(sqs_world):
    sidecar = sqs_world.sidecar("a", sqs_world.scripted(), ready=False, ASYA_QUEUE_RETRY_BACKOFF="100ms")
    sidecar.wait_up()
    holds_for(lambda: sidecar.status("/ready") == 503, 0.5, "not ready without the queue")
    assert sidecar.metric("transport_connected") == 0
    sqs_world.declare_usual()
    sidecar.wait_ready()
    sqs_world.send("a", body("x"))
    sqs_world.receive("b")
    assert sidecar.metric("messages_received_total", queue="a", transport="sqs") == 1
    assert sidecar.metric("transport_connected") == 1


def test_a_handler_longer_than_the_visibility_timeout_runs_once(sqs_world):
    """sidecar.md 14.9: two sidecars on one queue, visibility 6 s, handler 20 s."""
    sqs_world.declare_usual()
    runtimes = [sqs_world.scripted(delayed_echo(20)) for _ in range(2)]
    for runtime in runtimes:
        sqs_world.sidecar("a", runtime, ASYA_SQS_VISIBILITY_TIMEOUT=6)
    sqs_world.send("a", body("long"))
    assert sqs_world.receive("b", timeout=40).json["id"] == "long"
    sqs_world.wait_settled("a")
    assert sum(len(runtime.requests) for runtime in runtimes) == 1
    assert sqs_world.depth("b") == 0


def test_after_kill_9_the_message_comes_again_when_its_visibility_ends(sqs_world):
    sqs_world.declare_usual()
    stuck = sqs_world.scripted(delayed_echo(60))
    killed = sqs_world.sidecar("a", stuck, ASYA_SQS_VISIBILITY_TIMEOUT=4)
    sqs_world.send("a", body("x"))
    stuck.wait_requests(1)
    killed.kill()
    begin = time.monotonic()
    sqs_world.sidecar("a", sqs_world.scripted(), ASYA_SQS_VISIBILITY_TIMEOUT=4)
    assert sqs_world.receive("b", timeout=15).json["id"] == "x"
    assert time.monotonic() - begin <= 4 + 5


def test_sigterm_during_a_handler_lets_it_finish(sqs_world):
    """sidecar.md 14.10."""
    sqs_world.declare_usual()
    runtime = sqs_world.scripted(delayed_echo(3))
    sidecar = sqs_world.sidecar("a", runtime, ASYA_SQS_WAIT_TIME_SECONDS=None)
    sqs_world.send("a", body("x"))
    runtime.wait_requests(1)
    sidecar.terminate()
    assert sidecar.wait_exit(10) == 0
    assert sqs_world.receive("b").json["id"] == "x"
    assert sqs_world.queue_counts("a") == (0, 0)


def test_an_idle_sidecar_ends_when_its_long_poll_may_not_last_longer(sqs_world):
    sqs_world.declare_usual()
    sidecar = sqs_world.sidecar("a", sqs_world.scripted(), ASYA_SQS_WAIT_TIME_SECONDS=20)
    eventually(lambda: sqs_world.server.statistics()["ReceiveMessage"]["calls"] >= 1, 15, "a long poll")
    begin = time.monotonic()
    sidecar.terminate()
    assert sidecar.wait_exit(15) == 0
    assert time.monotonic() - begin < 8


def test_what_a_long_poll_brings_during_shutdown_is_released(sqs_world):
    sqs_world.declare_usual()
    sidecar = sqs_world.sidecar("a", sqs_world.scripted(), ASYA_SQS_WAIT_TIME_SECONDS=20)
    eventually(lambda: sqs_world.server.statistics()["ReceiveMessage"]["calls"] >= 1, 15, "a long poll")
    sidecar.terminate()
    observe_for(0.3)
    sqs_world.send("a", body("late"))
    assert sidecar.wait_exit(10) == 0
    assert sqs_world.queue_counts("a") == (1, 0)


def test_messages_not_started_are_released_at_shutdown(sqs_world):
    sqs_world.declare_usual()
    gate = threading.Event()
    runtime = sqs_world.scripted(gated_echo(gate))
    sidecar = sqs_world.sidecar("a", runtime, ASYA_SQS_MAX_MESSAGES=10)
    sqs_world.send_many("a", [body("m-%d" % n) for n in range(10)])
    runtime.wait_requests(1)
    sidecar.terminate()
    eventually(lambda: sqs_world.queue_counts("a")[0] == 9, 10, "nine messages to be visible again")
    gate.set()
    assert sidecar.wait_exit(10) == 0
    assert sqs_world.depth("b") == 1
    assert sqs_world.queue_counts("a") == (9, 0)


def test_a_refused_message_is_hidden_for_its_back_off_and_counted_by_the_queue(sqs_world):
    """sidecar.md 5.2, 5.4: the redrive policy moves it away."""
    sqs_world.client.declare_queue("dead")
    sqs_world.declare("a", dead_letters="dead", max_receives=2)
    sqs_world.declare("happy-end", "error-end")
    runtime = sqs_world.scripted()
    sidecar = sqs_world.sidecar("a", runtime, ASYA_QUEUE_MAX_DELIVERIES=2)
    text = body("x", actors=["a", "missing"])
    sqs_world.send("a", text)
    dead = sqs_world.client.get("dead", timeout=30)
    assert dead.body == text
    assert len(runtime.requests) == 2
    sqs_world.wait_settled("a")
    assert sidecar.metric("nacks_total", queue="a", cause="routing_error") == 2


def test_with_a_dead_letter_queue_the_sidecar_moves_the_message_itself(sqs_world):
    sqs_world.declare("a", "happy-end")
    sqs_world.client.declare_queue("dead")
    sqs_world.sidecar("a", sqs_world.scripted(), ASYA_QUEUE_MAX_DELIVERIES=1, ASYA_QUEUE_DLQ="dead")
    sqs_world.send("a", b"{invalid")
    assert sqs_world.client.get("dead", timeout=20).body == b"{invalid"
    sqs_world.wait_settled("a")


def test_a_failing_end_actor_keeps_its_message_hidden_and_tries_again(sqs_world):
    sqs_world.declare("happy-end")
    runtime = sqs_world.scripted(always(error("processing_error")))
    sqs_world.end_sidecar("happy-end", runtime)
    sqs_world.send("happy-end", body("x"))
    runtime.wait_requests(2, timeout=10)
    gap = runtime.requests[1].started - runtime.requests[0].finished
    assert gap >= 0.7
    assert sqs_world.queue_counts("happy-end")[0] in (0, 1)


def test_a_queue_deleted_and_made_again_is_found_again(sqs_world):
    """sidecar.md 14.17, both as source and as destination."""
    sqs_world.declare_usual()
    runtime = sqs_world.scripted()
    sidecar = sqs_world.sidecar("a", runtime, ASYA_QUEUE_RETRY_BACKOFF="200ms")
    sqs_world.send("a", body("before"))
    assert sqs_world.receive("b").json["id"] == "before"
    sqs_world.wait_settled("a")
    sqs_world.client.delete_queue(QUEUE_B)
    sqs_world.send("a", body("without b"))
    runtime.wait_requests(2)
    observe_for(0.3)
    sqs_world.declare("b")
    assert sqs_world.receive("b", timeout=40).json["id"] == "without b"
    sqs_world.wait_settled("a")
    sqs_world.client.delete_queue(QUEUE_A)
    eventually(lambda: sidecar.status("/ready") == 503, 10, "the sidecar to notice")
    sqs_world.declare("a")
    sidecar.wait_ready(40)
    sqs_world.send("a", body("after"))
    assert sqs_world.receive("b", timeout=40).json["id"] == "after"


def test_throttled_calls_are_made_again_and_nothing_is_lost(sqs_world):
    sqs_world.declare_usual()
    sqs_world.sidecar("a", sqs_world.scripted())
    sqs_world.server.administer("/settings?throttle_percent=30")
    client = sqs_world.new_client()
    bodies = [body("m-%d" % n) for n in range(100)]
    for text in bodies:
        eventually(lambda t=text: _published(client, t), 20, "a publication")
    eventually(lambda: sqs_world.server.statistics()["queues"][QUEUE_B]["sent"] >= 100, 40, "all to arrive")
    sqs_world.server.administer("/settings?throttle_percent=0")
    assert sqs_world.server.statistics()["throttled"] > 10
    sqs_world.wait_settled("a", timeout=30)
    assert {m.json["id"] for m in sqs_world.client.consume_all(QUEUE_B)} == {"m-%d" % n for n in range(100)}


def _published(client, text):
    try:
        client.publish(QUEUE_A, text)
    except Exception:  # Throttled, too.
        return False
    return True


def faults(world, **options):
    proxy = FaultProxy(world.server.url, **options)
    world._others.append(proxy)
    return proxy


@pytest.mark.parametrize(
    "status, code", [(503, "ServiceUnavailable"), (500, "InternalFailure"), (400, "RequestThrottled")]
)
def test_a_send_that_fails_twice_is_made_again_without_another_handler_call(sqs_world, status, code):
    sqs_world.declare_usual()
    proxy = faults(
        sqs_world, refuse=lambda action, key, number: (status, code) if "Send" in action and number <= 2 else None
    )
    runtime = sqs_world.scripted()
    sqs_world.sidecar("a", runtime, ASYA_SQS_ENDPOINT=proxy.url)
    sqs_world.send("a", body("x"))
    assert sqs_world.receive("b").json["id"] == "x"
    sqs_world.wait_settled("a")
    assert len(runtime.requests) == 1
    assert len(proxy.refused) == 2


def test_wrong_credentials_are_reported_without_secrets_and_do_not_end_the_sidecar(sqs_world):
    sqs_world.declare_usual()
    wrong = (403, "InvalidClientTokenId")
    proxy = faults(sqs_world, refuse=lambda action, key, number: wrong if key != "AKIDRIGHT" else None)
    sidecar = sqs_world.sidecar(
        "a", sqs_world.scripted(), ready=False, ASYA_SQS_ENDPOINT=proxy.url, AWS_SECRET_ACCESS_KEY="hidden-secret"
    )
    sidecar.wait_up()
    eventually(lambda: "InvalidClientTokenId" in sidecar.log(), 10, "the refusal in the log")
    assert sidecar.is_running and sidecar.status("/ready") == 503
    assert "hidden-secret" not in sidecar.log()
    assert sidecar.stop() == 0


def test_an_expired_token_is_replaced_from_the_container_endpoint(sqs_world):
    sqs_world.declare_usual()
    endpoint = ContainerEndpoint()
    sqs_world._others.append(endpoint)
    expired = set()
    proxy = faults(
        sqs_world, refuse=lambda action, key, number: (403, "ExpiredTokenException") if key in expired else None
    )
    sidecar = sqs_world.sidecar(
        "a",
        sqs_world.scripted(),
        ASYA_SQS_ENDPOINT=proxy.url,
        AWS_ACCESS_KEY_ID=None,
        AWS_SECRET_ACCESS_KEY=None,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url,
    )
    sqs_world.send("a", body("x"))
    assert sqs_world.receive("b").json["id"] == "x"
    assert endpoint.count == 1
    expired.add("ASIA1")
    sqs_world.send("a", body("y"))
    assert sqs_world.receive("b", timeout=20).json["id"] == "y"
    assert endpoint.count == 2
    assert sidecar.is_running


@pytest.mark.parametrize(
    "variables, named",
    [
        ({"ASYA_SQS_ENDPOINT": "sqs.example"}, "ASYA_SQS_ENDPOINT"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "AWS_SECRET_ACCESS_KEY"),
        ({"ASYA_AWS_REGION": "no region", "ASYA_SQS_ENDPOINT": None}, "region"),
    ],
)
def test_a_wrong_variable_ends_the_start_and_is_named(sqs_world, variables, named):
    sidecar = sqs_world.sidecar("a", sqs_world.scripted(), ready=False, **variables)
    assert sidecar.wait_exit(10) == 1
    assert named in sidecar.log()


def test_without_its_other_half_the_program_says_what_is_missing(sqs_world):
    """bin/asya-sidecar is static and becomes asya-sidecar-sqs, which knows libcurl."""
    lonely = os.path.join(sqs_world.directory(), "asya-sidecar")
    shutil.copy(sidecar_binary(), lonely)
    environment = {"PATH": "/usr/bin:/bin", "ASYA_ACTOR_NAME": "a", "ASYA_TRANSPORT": "sqs"}
    done = subprocess.run([lonely], env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "ASYA_TRANSPORT" in done.stdout and "asya-sidecar-sqs" in done.stdout


def test_signals_are_obeyed_while_the_queue_is_missing(sqs_world):
    sidecar = sqs_world.sidecar("a", sqs_world.scripted(), ready=False, ASYA_QUEUE_RETRY_BACKOFF="30s")
    eventually(lambda: "Cannot find the queue" in sidecar.log(), 10, "the first attempt")
    assert sidecar.stop() == 0, "long before the next attempt"


def test_a_second_signal_releases_everything(sqs_world):
    sqs_world.declare_usual()
    runtime = sqs_world.scripted(delayed_echo(60))
    sidecar = sqs_world.sidecar("a", runtime)
    sqs_world.send("a", body("x"))
    runtime.wait_requests(1)
    sidecar.terminate()
    observe_for(0.2)
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_exit(8) == 1
    assert sqs_world.queue_counts("a") == (1, 0)


def test_a_timeout_leaves_one_error_envelope_and_an_empty_queue(sqs_world):
    """sidecar.md 14.4; nothing is hidden longer than needed."""
    sqs_world.declare_usual()
    runtime = sqs_world.scripted(delayed_echo(60))
    sidecar = sqs_world.sidecar("a", runtime, ASYA_RUNTIME_TIMEOUT="1s")
    sqs_world.send("a", body("x"))
    assert sidecar.wait_exit(15) == 1
    error_envelope = sqs_world.receive("error-end").json
    assert error_envelope["payload"]["error"] == "Runtime timeout exceeded after 1s"
    assert sqs_world.queue_counts("a") == (0, 0)
    assert sqs_world.depth("error-end") == 0


def test_calls_are_batched_and_results_of_a_burst_stay_complete(sqs_world):
    sqs_world.declare_usual()
    sqs_world.send_many("a", [body("m-%d" % n) for n in range(2000)])
    sqs_world.sidecar("a", sqs_world.scripted())
    # Over the suite's one connection; each look at the statistics is a connection of its own.
    sqs_world.wait_depth("b", 2000, timeout=60)
    sqs_world.wait_settled("a")
    statistics = sqs_world.server.statistics()
    # One by one it would be two calls per message. How full batches get depends on how fast the runtime is.
    calls = sum(statistics[name]["calls"] for name in ("SendMessage", "DeleteMessage"))
    assert calls <= 2000
    # Connections are used again: one for each call that was under way at the same time, at most.
    assert statistics["connections"] <= 40 < calls
    assert {m.json["id"] for m in sqs_world.client.consume_all(QUEUE_B)} == {"m-%d" % n for n in range(2000)}


def test_a_slow_handler_holds_one_message(sqs_world):
    gate = threading.Event()
    sqs_world.declare_usual()
    runtime = sqs_world.scripted(gated_echo(gate))
    sqs_world.send_many("a", [body("m-%d" % n) for n in range(20)])
    sqs_world.sidecar("a", runtime)
    runtime.wait_requests(1)
    holds_for(lambda: sqs_world.queue_counts("a") == (19, 1), 1, "one message to be held")
    gate.set()


def test_a_message_above_the_limit_of_the_service_becomes_an_error_envelope(sqs_world):
    sqs_world.declare_usual()
    big = b'"' + b"x" * 1_100_000 + b'"'
    sqs_world.sidecar("a", sqs_world.scripted(lambda request: reply(advanced_reply(request.body, big))))
    sqs_world.send("a", body("big", payload="small"))
    failed = sqs_world.receive("error-end", timeout=20)
    assert "failed to publish: message too large" in failed.json["payload"]["error"]
    sqs_world.wait_settled("a")


def test_a_body_between_batch_and_message_limit_goes_alone(sqs_world):
    sqs_world.declare_usual()
    sqs_world.sidecar("a", sqs_world.scripted())
    sqs_world.send("a", body("large", payload="y" * 400_000))
    assert len(sqs_world.receive("b", timeout=20).json["payload"]) == 400_000
    sqs_world.wait_settled("a")


def test_tls_is_spoken_with_the_authorities_of_aws_ca_bundle_and_with_no_others(sqs_world):
    certificates = Certificates(sqs_world.directory())
    certificates.create()
    proxy = faults(sqs_world, certificates=certificates)
    sqs_world.declare_usual()
    untrusting = sqs_world.sidecar("a", sqs_world.scripted(), ready=False, ASYA_SQS_ENDPOINT=proxy.url)
    untrusting.wait_up()
    eventually(lambda: "SSL" in untrusting.log(), 15, "the failed handshake in the log")
    assert untrusting.stop() == 0
    assert proxy.actions == []
    sqs_world.sidecar(
        "a", sqs_world.scripted(), ASYA_SQS_ENDPOINT=proxy.url, AWS_CA_BUNDLE=certificates.ca_file
    )
    sqs_world.send("a", body("x"))
    assert sqs_world.receive("b").json["id"] == "x"
    sqs_world.wait_settled("a")


def test_requests_go_through_the_proxy_of_the_environment(sqs_world):
    sqs_world.declare_usual()
    proxy = faults(sqs_world)
    sqs_world.sidecar("a", sqs_world.scripted(), http_proxy=proxy.url)
    sqs_world.send("a", body("x"))
    assert sqs_world.receive("b").json["id"] == "x"
    assert "ReceiveMessage" in proxy.actions and "SendMessageBatch" in proxy.actions


@pytest.mark.parametrize("offset", [3600, -3600])
def test_a_clock_that_is_wrong_is_corrected_by_the_services(sqs_world, offset):
    sqs_world.declare_usual()
    proxy = faults(sqs_world, clock_offset=offset)
    sqs_world.sidecar("a", sqs_world.scripted(), ASYA_SQS_ENDPOINT=proxy.url)
    sqs_world.send("a", body("x"))
    assert sqs_world.receive("b").json["id"] == "x"
    sqs_world.wait_settled("a")
    assert len(proxy.refused) == 1, "what was learnt is good for every later request"


def test_a_result_that_sqs_does_not_carry_is_blamed_on_its_characters(sqs_world):
    sqs_world.declare_usual()
    odd = '"a\uffff"'.encode()
    sidecar = sqs_world.sidecar("a", sqs_world.scripted(lambda request: reply(advanced_reply(request.body, odd))))
    sqs_world.send("a", body("odd"))
    failed = sqs_world.receive("error-end").json
    problem = "failed to publish: message has characters that the queue does not carry"
    assert failed["payload"]["error"] == problem and failed["payload"]["original_payload"] == "p"
    sqs_world.wait_settled("a")
    assert "too large" not in sidecar.log()
    assert "Message has characters that the broker does not carry" in sidecar.log()


def test_the_message_limit_is_a_setting(sqs_world):
    """For endpoints from before August 2025, and to keep below what a consumer can take."""
    sqs_world.declare_usual()
    runtime = sqs_world.scripted(lambda request: reply(advanced_reply(request.body, b'"%s"' % (b"x" * 3000))))
    sqs_world.sidecar("a", runtime, ASYA_SQS_MAX_MESSAGE_BYTES=2048)
    sqs_world.send("a", body("x"))
    assert sqs_world.receive("error-end").json["payload"]["error"] == "failed to publish: message too large"
    sqs_world.wait_settled("a")
    assert sqs_world.server.statistics()["queues"][QUEUE_B]["sent"] == 0

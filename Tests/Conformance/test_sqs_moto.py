"""The SQS transport against moto, an implementation that is not ours: spelling of the protocol, counts, redrive."""

import pytest
from harness.envelopes import body
from harness.scripted_runtime import always, error
from harness.sqs import SQSWorld
from harness.waiting import eventually
from localservers.moto import Moto


def test_messages_pass_through_two_actors_and_are_deleted(moto_world):
    moto_world.declare_usual("a", "b")
    for actor in ("a", "b"):
        moto_world.sidecar(actor, moto_world.scripted())
    texts = {"m-%d" % n: 'payload %d ü "quoted" \\ \t' % n for n in range(12)}
    moto_world.send_many("a", [body(name, payload=text) for name, text in texts.items()])
    arrived = moto_world.receive_many("happy-end", len(texts), timeout=40)
    assert {m.json["id"]: m.json["payload"] for m in arrived} == texts
    for actor in ("a", "b"):
        moto_world.wait_settled(actor, timeout=20)


def test_the_redrive_policy_moves_a_message_that_fails_too_often(moto_world):
    moto_world.client.declare_queue("dead")
    moto_world.declare("happy-end", dead_letters="dead", max_receives=2)
    runtime = moto_world.scripted(always(error("processing_error")))
    moto_world.end_sidecar("happy-end", runtime, ASYA_QUEUE_MAX_DELIVERIES=2)
    text = body("x")
    moto_world.send("happy-end", text)
    assert moto_world.client.get("dead", timeout=30).body == text
    assert len(runtime.requests) == 2


def test_a_deleted_queue_is_found_again_after_it_was_made_anew(moto_world):
    moto_world.declare_usual()
    runtime = moto_world.scripted()
    moto_world.sidecar("a", runtime, ASYA_QUEUE_RETRY_BACKOFF="200ms")
    moto_world.send("a", body("before"))
    assert moto_world.receive("b", timeout=20).json["id"] == "before"
    moto_world.client.delete_queue("asya-b")
    moto_world.send("a", body("meanwhile"))
    eventually(lambda: len(runtime.requests) >= 2, 15, "the second message in the runtime")
    moto_world.declare("b")
    assert moto_world.receive("b", timeout=40).json["id"] == "meanwhile"


def test_an_unparsable_body_goes_to_error_end(moto_world):
    moto_world.declare_usual()
    moto_world.sidecar("a", moto_world.scripted())
    moto_world.send("a", b"{invalid")
    assert moto_world.receive("error-end", timeout=20).json["payload"]["original_body"] == "{invalid"
    moto_world.wait_settled("a", timeout=20)


@pytest.fixture(name="checking_world")
def _checking_world():
    """On a moto that checks keys and signatures once it is told to."""
    with Moto(auth=True) as server:
        world = SQSWorld(server)
        yield world
        world.close()


def test_signatures_are_good_and_wrong_keys_are_refused(checking_world):
    world = checking_world.declare_usual()
    key, secret = world.server.create_access_key()
    settings = {"AWS_ACCESS_KEY_ID": key, "ASYA_QUEUE_RETRY_BACKOFF": "200ms"}
    runtime = world.scripted()
    world.send("a", body("x"))
    world.server.require_signatures()
    wrong = world.sidecar("a", runtime, ready=False, AWS_SECRET_ACCESS_KEY="wrong" + secret, **settings)
    wrong.wait_up()
    eventually(lambda: "SignatureDoesNotMatch" in wrong.log(), 10, "the refusal in the log")
    assert wrong.is_running and wrong.status("/ready") == 503 and not runtime.requests
    assert secret not in wrong.log()
    assert wrong.stop() == 0
    right = world.sidecar("a", runtime, AWS_SECRET_ACCESS_KEY=secret, **settings)
    runtime.wait_requests(1)
    assert right.stop() == 0
    world.server.require_signatures(False)
    assert world.receive("b", timeout=20).json["id"] == "x"
    assert world.queue_counts("a") == (0, 0)

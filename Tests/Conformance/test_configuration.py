"""Every variable: what is refused, what falls back, what is ignored; sidecar.md 2."""

import pytest
from harness.envelopes import body
from harness.scripted_runtime import delayed_echo
from harness.waiting import eventually

pytestmark = [pytest.mark.concurrent]


def fails(world, *texts, **environment):
    """The sidecar ends with status 1 and an ERROR line that contains the texts."""
    sidecar = world.sidecar("a", world.scripted(), ready=False, **environment)
    assert sidecar.wait_exit(15) == 1
    errors = "\n".join(sidecar.log_lines("ERROR"))
    for text in texts:
        assert text in errors, sidecar.log()


def test_the_actor_name_is_required(world):
    fails(world, "ASYA_ACTOR_NAME is required", ASYA_ACTOR_NAME=None)
    fails(world, "ASYA_ACTOR_NAME is required", ASYA_ACTOR_NAME="")


def test_an_unknown_transport_is_refused(world):
    fails(world, "ASYA_TRANSPORT", ASYA_TRANSPORT="kafka")


@pytest.mark.parametrize("value", ["0", "0s", "-5s", "-1m"])
def test_a_runtime_timeout_that_is_not_positive_is_refused(world, value):
    fails(world, "ASYA_RUNTIME_TIMEOUT", ASYA_RUNTIME_TIMEOUT=value)


@pytest.mark.parametrize(
    "value",
    ["[", "{}", '[{"name":"","type":"counter"}]', "5", '[{"name":"x","type":"gauge"},{"name":"x","type":"gauge"}]'],
)
def test_custom_metrics_that_make_no_sense_are_refused(world, value):
    fails(world, "ASYA_CUSTOM_METRICS", ASYA_CUSTOM_METRICS=value)


FALLBACKS = {
    "ASYA_RUNTIME_TIMEOUT": ["30", "5 m", "1x", "m", "1.5", "abc"],
    "ASYA_RUNTIME_READY_TIMEOUT": ["60"],
    "ASYA_IS_END_ACTOR": ["maybe", "2"],
    "ASYA_RABBITMQ_PREFETCH": ["ten", "1.5"],
    "ASYA_QUEUE_RETRY_MAX_ATTEMPTS": ["x"],
    "ASYA_QUEUE_RETRY_BACKOFF": ["1"],
    "ASYA_QUEUE_MAX_DELIVERIES": ["many"],
    "ASYA_METRICS_ENABLED": ["perhaps"],
    "ASYA_MAX_INFLIGHT_BYTES": ["16MiB"],
    "ASYA_SHUTDOWN_TIMEOUT": ["25"],
    "ASYA_GATEWAY_READY_TIMEOUT": ["1 minute"],
    "ASYA_ENFORCE_DEADLINE": ["sometimes"],
}


@pytest.mark.parametrize("name", FALLBACKS)
def test_an_invalid_value_falls_back_to_the_default_with_one_warning(world, name):
    world.declare_usual()
    for value in FALLBACKS[name]:
        sidecar = world.sidecar("a", world.scripted(), **{name: value})
        warnings = [line for line in sidecar.log_lines("WARN") if name in line]
        assert len(warnings) == 1, (value, sidecar.log())
        world.send("a", body("x"))
        assert world.receive("b").json["id"] == "x"
        sidecar.kill()


def test_an_invalid_port_falls_back_without_a_word_of_secrets(world):
    sidecar = world.sidecar(
        "a",
        world.scripted(),
        ready=False,
        ASYA_RABBITMQ_URL=None,
        ASYA_RABBITMQ_PORT="rabbit",
        ASYA_RABBITMQ_PASSWORD="s3cr3t",
    )
    eventually(lambda: any("ASYA_RABBITMQ_PORT" in line for line in sidecar.log_lines("WARN")), 10, "the warning")
    assert "s3cr3t" not in sidecar.log()


EMPTY_IS_UNSET = [
    "ASYA_TRANSPORT",
    "ASYA_LOG_LEVEL",
    "ASYA_RUNTIME_TIMEOUT",
    "ASYA_ACTOR_HAPPY_END",
    "ASYA_ACTOR_ERROR_END",
    "ASYA_IS_END_ACTOR",
    "ASYA_GATEWAY_URL",
    "ASYA_RABBITMQ_EXCHANGE",
    "ASYA_RABBITMQ_PREFETCH",
    "ASYA_QUEUE_RETRY_MAX_ATTEMPTS",
    "ASYA_QUEUE_RETRY_BACKOFF",
    "ASYA_QUEUE_MAX_DELIVERIES",
    "ASYA_QUEUE_DLQ",
    "ASYA_METRICS_ENABLED",
    "ASYA_METRICS_NAMESPACE",
    "ASYA_CUSTOM_METRICS",
    "ASYA_MAX_INFLIGHT_BYTES",
    "ASYA_SHUTDOWN_TIMEOUT",
    "ASYA_GATEWAY_READY_TIMEOUT",
    "ASYA_ENFORCE_DEADLINE",
    "ASYA_RUNTIME_READY_TIMEOUT",
]


def test_empty_variables_count_as_unset_and_foreign_ones_are_ignored(world):
    world.declare_usual()
    environment = dict.fromkeys(EMPTY_IS_UNSET, "")
    environment.update(
        ASYA_QUEUE_AUTO_CREATE="true",
        ASYA_SQS_REGION="x",
        ASYA_SQS_BASE_URL="x",
        ASYA_READY_FILE="/x",
        ASYA_SQS_VISIBILITY_TIMEOUT="99999999",
    )
    sidecar = world.sidecar("a", world.scripted(), **environment)
    assert not [line for line in sidecar.log_lines("WARN") if "_VISIBILITY_" not in line], sidecar.log()
    world.send("a", body("x"))
    assert world.receive("b").json["id"] == "x"
    world.send("a", body("y", actors=["a"]))
    assert world.receive("happy-end").json["id"] == "y"


@pytest.mark.parametrize("word", ["true", "1", "YES", "On", "TRUE"])
def test_all_words_for_true_work(world, word):
    world.declare("happy-end")
    from harness.scripted_runtime import end_reply

    world.sidecar("happy-end", world.scripted(end_reply), ASYA_IS_END_ACTOR=word)
    world.send("happy-end", body("x"))
    world.wait_settled("happy-end")


def test_other_end_actor_names_are_used_for_queues(world):
    world.declare("a", "fin", "oops")
    world.sidecar("a", world.scripted(), ASYA_ACTOR_HAPPY_END="fin", ASYA_ACTOR_ERROR_END="oops")
    world.send("a", body("x", actors=["a"]))
    assert world.receive("fin").json["id"] == "x"
    world.send("a", b"{")
    assert world.receive("oops").json["route"] == {"actors": ["error-end"], "current": 0}


@pytest.mark.parametrize("value", ["1h30m", "1.5s", "1m0.5s", "90000ms", "0.1h", "+5s", "5000000000ns", "7000000µs"])
def test_all_forms_of_durations_are_understood(world, value):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RUNTIME_TIMEOUT=value)
    assert not [line for line in sidecar.log_lines("WARN") if "fall" in line or "invalid" in line.lower()]
    world.send("a", body("x"))
    assert world.receive("b").json["id"] == "x"


def test_a_runtime_timeout_above_25_minutes_is_warned_about(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), ASYA_RUNTIME_TIMEOUT="26m")
    assert any("ASYA_RUNTIME_TIMEOUT" in line for line in sidecar.log_lines("WARN"))


def test_arguments_are_not_needed_and_an_expired_deadline_is_ignored_by_default(world):
    world.declare_usual()
    world.sidecar("a", world.scripted())
    world.send("a", body("x", deadline="2001-01-01T00:00:00Z"))
    assert world.receive("b").json["deadline"] == "2001-01-01T00:00:00Z"


def test_an_enforced_deadline_that_has_passed_skips_the_runtime(world):
    world.declare_usual()
    runtime = world.scripted()
    sidecar = world.sidecar("a", runtime, ASYA_ENFORCE_DEADLINE="true")
    for text in ("2001-01-01T00:00:00Z", "2001-01-01T02:00:00.123+02:00"):
        world.send("a", body("late", payload={"k": 1}, deadline=text))
        failed = world.receive("error-end").json
        assert "Envelope deadline exceeded" in failed["payload"]["error"]
        assert failed["payload"]["original_payload"] == {"k": 1}
        assert failed["deadline"] == text
    for text in ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00+01:00", None):
        world.send("a", body("early", deadline=text))
        assert world.receive("b").json["id"] == "early"
    assert len(runtime.requests) == 3
    assert sidecar.metric("messages_failed_total", queue="a", reason="deadline_exceeded") == 2


def test_a_shutdown_timeout_is_a_limit_and_not_a_delay(world):
    world.declare_usual()
    runtime = world.scripted(delayed_echo(1))
    sidecar = world.sidecar("a", runtime, ASYA_SHUTDOWN_TIMEOUT="20s")
    world.send("a", body("x"))
    runtime.wait_requests(1)
    assert sidecar.stop() == 0, "long before the limit"

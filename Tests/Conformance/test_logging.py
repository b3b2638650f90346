"""What is logged and what never is; sidecar.md 11 and 14.20."""

import re

import pytest
from harness.envelopes import body
from harness.scripted_runtime import always, error

LINE = re.compile(
    r"^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) level=(DEBUG|INFO|WARN|ERROR) "
    r'msg=("(?:[^"\\]|\\.)*"|\S+)( \S+?=("(?:[^"\\]|\\.)*"|\S*))*$'
)
SECRET = "S3CR3T-PAYLOAD-TEXT"


def test_a_thousand_messages_add_no_line_at_info(world):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted())
    world.send("a", body("first"))
    world.receive("b")
    before = len(sidecar.log_lines())
    world.send_many("a", [body("m-%d" % i) for i in range(1000)])
    world.receive_many("b", 1000)
    world.wait_settled("a")
    assert len(sidecar.log_lines()) == before


@pytest.mark.parametrize("level", ["info", "INFO", "nonsense", "Debug", "warning", "WARN", "error"])
def test_every_line_has_the_documented_form_and_the_level_is_obeyed(world, level):
    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted(), ASYA_LOG_LEVEL=level)
    world.send_many("a", [body("m-%d" % i) for i in range(5)] + [b"{", body("mis", actors=["b"])])
    world.receive_many("b", 5)
    world.wait_settled("a")
    sidecar.stop()
    lines = sidecar.log_lines()
    assert not [line for line in lines if not LINE.match(line)]
    order = ["DEBUG", "INFO", "WARN", "ERROR"]
    chosen = {"debug": 0, "warn": 2, "warning": 2, "error": 3}.get(level.lower(), 1)
    seen = {re.search(r"level=(\w+)", line).group(1) for line in lines}
    assert seen <= set(order[chosen:])
    if level == "Debug":
        assert "DEBUG" in seen, "per-message lines are at DEBUG"


def test_payloads_and_credentials_are_never_logged(world):
    world.declare_usual()
    runtime = world.scripted(always(error("processing_error", message=SECRET)))
    world.management.add_user("loguser", "l0g-p4ssw0rd", world.vhost)
    url = world.broker.url(world.vhost, "loguser", "l0g-p4ssw0rd")
    sidecar = world.sidecar("a", runtime, ASYA_LOG_LEVEL="DEBUG", ASYA_RABBITMQ_URL=url)
    world.send("a", body("x", payload={"t": SECRET}, headers={"authorization": SECRET}))
    world.send("a", ('{"id":"x","payload":"%s' % SECRET).encode())
    world.send("a", body("y", actors=["b"], payload=SECRET))
    world.wait_settled("a")
    sidecar.stop()
    assert SECRET not in sidecar.log()
    assert "l0g-p4ssw0rd" not in sidecar.log()


def test_failures_are_logged_with_their_id(cell):
    cell.send(body("find-me", actors=["b"]))
    cell.only("error-end")
    assert any("find-me" in line for line in cell.sidecar.log_lines("WARN"))


def test_an_id_cannot_forge_a_log_line(cell):
    cell.send(body("x\nlevel=ERROR msg=forged", actors=["b"]))
    cell.only("error-end")
    assert not [line for line in cell.sidecar.log_lines() if line.startswith("level=ERROR")]
    assert all(LINE.match(line) for line in cell.sidecar.log_lines())


def test_failure_lines_are_limited_to_ten_per_second_and_kind(world):
    import time

    world.declare_usual()
    sidecar = world.sidecar("a", world.scripted())
    before = len(sidecar.log_lines())
    started = time.monotonic()
    world.send_many("a", [b"{broken"] * 500)
    world.receive_many("error-end", 500)
    seconds = time.monotonic() - started
    lines = len(sidecar.log_lines()) - before
    assert 1 <= lines <= 12 * (seconds + 2)

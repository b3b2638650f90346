"""send, queues, peek, trace, dlq and results over a real queue file."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n")


def bodies(asya, queue):
    return [message["envelope"] for message in asya("peek", queue, "-o", "json", "--limit", "1000").json]


# --- send -------------------------------------------------------------------------------------------------------------


def test_the_envelope_has_the_route_the_headers_and_the_payload_as_written(asya, store):
    payload = '{"big": 12345678901234567890, "e": 1.50, "text": "ä\\u0000<&>", "a": [1, {"b": null}]}'
    result = asya("send", "first,second", "-p", payload, "-H", "trace=a=b", "-H", "n:=[1, 2]", "-H", "trace=c")
    assert UUID.fullmatch(result.stdout)
    raw = store.rows("SELECT body FROM message")[0][0].decode()
    assert raw == (
        '{"id":"%s","route":{"actors":["first","second"],"current":0},"headers":{"n":[1, 2],"trace":"c"},"payload":%s}'
        % (result.stdout.strip(), payload)
    )


@pytest.mark.parametrize("payload", ["null", "true", "-0.5e3", '"x"', "[]", "{}", "  7  "])
def test_any_json_value_is_a_payload(asya, store, payload):
    asya("send", "first", "--payload", payload)
    assert bodies(asya, "first")[0]["payload"] == json.loads(payload)


@pytest.mark.parametrize("payload", ["", "hello", "{", "1 2", "{'a': 1}", "NaN", "[1,]", "\x00", "[" * 20_000], ids=range(9))
def test_what_is_not_json_is_refused_before_anything_is_sent(asya, store, payload):
    if "\x00" in payload or len(payload) > 1000:
        (asya.folder / "p").write_text(payload)
        payload = "@p"
    result = asya("send", "first", "--payload", payload, status=1)
    assert "is not JSON" in result.stderr and result.stdout == ""
    assert bodies(asya, "first") == []


def test_payloads_from_files_and_standard_input(asya, store):
    (asya.folder / "p.json").write_text('\n{"from": "file"}\n')
    asya("send", "first", "-p", "@p.json")
    asya("send", "first", "-p", "-", stdin='{"from": "stdin"}')
    assert [body["payload"]["from"] for body in bodies(asya, "first")] == ["file", "stdin"]
    assert "cannot read nope.json: No such file" in asya("send", "first", "-p", "@nope.json", status=1).stderr
    assert "cannot read .: Is a directory" in asya("send", "first", "-p", "@.", status=1).stderr


def test_a_payload_of_64_mebibytes(asya, store):
    path = asya.folder / "big.json"
    with open(path, "wb") as file:
        file.write(b'"')
        for _ in range(64):
            file.write(b"x" * (1 << 20))
        file.write(b'"')
    asya("send", "first", "--payload", f"@{path}", "--id", "big")
    assert store.rows("SELECT length(body) FROM message")[0][0] > 64 << 20
    table = asya("peek", "first").stdout
    assert len(table) < 1000 and "64.0 MiB" in table


def test_a_payload_beyond_the_limit_is_refused_without_filling_memory(asya, store):
    producer = subprocess.Popen(["head", "-c", "300000000", "/dev/zero"], stdout=subprocess.PIPE)
    done = subprocess.run(
        asya.command("send", "first", "--payload", "-"),
        cwd=asya.folder,
        env=asya.environment,
        stdin=producer.stdout,
        capture_output=True,
        text=True,
        timeout=60,
    )
    producer.stdout.close()
    producer.wait()
    assert done.returncode == 1 and "larger than 268435456 bytes" in done.stderr


def test_each_line_is_an_envelope(asya, store):
    lines = "".join(f'{{"n": {number}}}\r\n\n' for number in range(1200)) + "1200"
    result = asya("send", "first", "-p", "-", "--each", "-o", "json", stdin=lines)
    sent = result.lines
    assert len(sent) == 1201 and len({each["id"] for each in sent}) == 1201
    assert {each["queue"] for each in sent} == {"asya-first"}
    assert "sent 1201 envelopes" in result.stderr
    assert store.rows("SELECT count(*) FROM message")[0][0] == 1201


def test_a_bad_line_is_named_and_what_came_before_is_sent(asya, store):
    result = asya("send", "first", "-p", "-", "--each", stdin="1\n2\n\nnope\n5\n", status=1)
    assert "line 4 of standard input is not JSON" in result.stderr
    assert "2 envelopes before it were sent" in result.stderr
    assert len(result.stdout.splitlines()) == 2
    assert [body["payload"] for body in bodies(asya, "first")] == [1, 2]


def test_an_unknown_actor_is_told_with_the_one_that_was_meant(asya, store):
    result = asya("send", "frist", "-p", "1", status=1)
    assert 'no actor "frist"' in result.stderr and "did you mean first?" in result.stderr
    assert 'no actor "other"' in asya("send", "first,other", "-p", "1", status=1).stderr
    assert bodies(asya, "first") == []


# --- The queue file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["queues"], ["peek", "a"], ["trace", "x"], ["dlq", "list"], ["send", "a", "-p", "1"]]
)
def test_without_a_queue_file_the_command_says_what_to_do(asya, arguments):
    result = asya(*arguments, status=1)
    assert "queue.db does not exist" in result.stderr and "asya up" in result.stderr
    assert not list(asya.folder.iterdir())


def test_the_file_is_found_upwards_and_by_option_and_variable(asya, store):
    asya("send", "first", "-p", "1")
    below = asya.folder / "a" / "b"
    below.mkdir(parents=True)
    assert len(asya("peek", "first", "-o", "json", cwd=below).json) == 1
    elsewhere = asya.folder / "other.db"
    asya("send", "x", "-p", "1", "--create", "--path", "../../other.db", cwd=below)
    assert elsewhere.exists()
    assert [each["queue"] for each in asya("queues", "-o", "json", env={"ASYA_EMBEDDED_PATH": elsewhere}).json] == ["asya-x"]
    option = asya("queues", "-o", "json", "--path", store.path, env={"ASYA_EMBEDDED_PATH": elsewhere}).json
    assert "asya-first" in [each["queue"] for each in option]


@pytest.mark.parametrize(
    "content", [b"not a database " * 500, b"SQLite format 3\x00" + b"\xff" * 5000], ids=["text", "damaged"]
)
def test_a_file_that_is_no_queue_file_is_left_alone(asya, content):
    path = asya.folder / "other.db"
    path.write_bytes(content)
    result = asya("queues", "--path", path, status=1)
    assert str(path) in result.stderr and "[-]" in result.stderr
    assert path.read_bytes() == content


def test_messages_are_nobody_elses_business(asya, store):
    assert os.stat(store.path).st_mode & 0o077 == 0


# --- queues, peek, trace -----------------------------------------------------------------------------------------------


def test_queues_in_both_forms(asya, store):
    asya("send", "first", "-p", "1")
    table = asya("queues").stdout.splitlines()
    assert table[0].split()[:3] == ["QUEUE", "READY", "IN"]
    assert [line.split()[0] for line in table[1:]] == ["asya-first", "asya-first-dlq", "asya-second"]
    first = asya("queues", "-o", "json").json[0]
    assert first["queue"] == "asya-first" and first["ready"] == 1 and first["messages"] == 1
    assert first["dead_letter_queue"] == "asya-first-dlq" and first["max_retry_count"] == 3
    assert 0 <= first["oldest_ready_seconds"] < 60


def test_peek_takes_nothing_and_shows_the_route(asya, store):
    asya("send", "first,second", "-p", '"\\u001b[31m"', "--id", "evil\x1b[2J")
    for _ in range(2):
        table = asya("peek", "asya-first").stdout
        assert "[first] → second" in table and "evil\\u001b[2J" in table and "\x1b" not in table
    message = asya("peek", "first", "-o", "json").json[0]
    assert message["envelope_id"] == "evil\x1b[2J" and message["state"] == "ready" and message["deliveries"] == 0
    for number in range(5):
        asya("send", "first", "-p", str(number))
    assert [each["envelope"]["payload"] for each in asya("peek", "first", "-n", "2", "--offset", "2", "-o", "json").json] == [1, 2]


def test_trace_shows_the_hops_in_order(asya, store):
    asya("send", "second", "-p", "1", "--id", "t-1")
    start = 1_700_000_000_000_000
    store.add_hop("t-1", "asya-first", 4, at=start)
    store.add_hop("t-1", "asya-first", 1, attempt=2, at=start)
    table = asya("trace", "t-1").stdout.splitlines()
    assert table[1].split() == [
        "2023-11-14T22:13:20.000Z", "asya-first", "1", "250ms", "750ms", "lost,", "delivered", "again",
    ]
    assert table[2].split()[-1] == "done" and table[3].split()[1:3] == ["asya-second", "-"]
    hops = asya("trace", "t-1", "-o", "json").json["hops"]
    assert [hop["outcome"] for hop in hops] == ["lease_ended", "acknowledged", "waiting"]
    assert hops[0]["settled_at"] == "2023-11-14T22:13:21.000Z" and hops[2]["claimed_at"] is None
    assert "nothing is known" in asya("trace", "t-2", status=1).stderr


# --- dlq ---------------------------------------------------------------------------------------------------------------


def dead(number):
    return {"id": f"d-{number}", "route": {"actors": ["first"], "current": 0}, "payload": number}


def test_dead_letters_are_listed_shown_and_redriven(asya, store):
    numbers = [store.add_dead_letter("asya-first", dead(number)) for number in range(3)]
    table = asya("dlq", "list").stdout.splitlines()
    assert len(table) == 4 and table[1].split()[:3] == [str(numbers[0]), "asya-first-dlq", "asya-first"]
    assert [each["message"] for each in asya("dlq", "list", "first", "-o", "json").json] == numbers
    for name in (numbers[1], "d-1"):
        assert json.loads(asya("dlq", "show", name).stdout) == dead(1)
    assert asya("dlq", "show", "d-1", "-o", "json").json["from_queue"] == "asya-first"
    assert "no dead letter d-9" in asya("dlq", "show", "d-9", status=1).stderr

    assert asya("dlq", "redrive", "first", "-m", numbers[1], "-o", "json").json == {"redriven": 1}
    assert [body["id"] for body in bodies(asya, "first")] == ["d-1"]
    assert "could not be moved" in asya("dlq", "redrive", "first", "-m", numbers[1], status=1).stderr
    assert asya("dlq", "redrive", "first", "-m", numbers[0], "--to", "second", "-o", "json").json == {"redriven": 1}
    assert asya("dlq", "redrive", "--all", "-o", "json").json == {"redriven": 1}
    assert [body["id"] for body in bodies(asya, "second")] == ["d-0"]
    assert asya("dlq", "list", "-o", "json").json == []


def test_an_ordinary_message_is_no_dead_letter(asya, store):
    asya("send", "first", "-p", "1")
    number = asya("peek", "first", "-o", "json").json[0]["message"]
    asya("dlq", "show", number, status=1)


def test_purge_deletes_dead_letters_only(asya, store):
    store.add_dead_letter("asya-first", dead(1))
    asya("send", "first", "-p", "1")
    assert "has no dead-letter queue" in asya("dlq", "purge", "second", "--yes", status=1).stderr
    assert asya("dlq", "purge", "first", "--yes", "-o", "json").json == {"deleted": 1}
    assert asya("dlq", "list", "-o", "json").json == [] and len(bodies(asya, "first")) == 1


# --- results and --wait ------------------------------------------------------------------------------------------------


@pytest.fixture
def end_actor(asya, store):
    """Writes results as the built-in end actors do: it is their code that writes."""
    source = (ROOT / "Sources" / "CLI" / "LocalStore" / "EndActors.swift").read_text()
    code = source.split('public static let source = """\n')[1].split('        """\n}')[0]
    code = code.replace("\\(resultsVariable)", "ASYA_LOCAL_RESULTS").replace("\\(fileByteLimit)", "20000")
    code = code.replace("\\(ResultFiles.succeeded)", "succeeded").replace("\\(ResultFiles.failed)", "failed")
    code = code.replace('\\"', '"').replace("\\\\", "\\")
    module = asya.folder / "asya_end_actors.py"
    module.write_text("\n".join(line[8:] for line in code.splitlines()))
    program = "import json,sys,asya_end_actors as end\nfor line in sys.stdin: getattr(end, sys.argv[1])(json.loads(line))"

    def end(name, *envelopes):
        subprocess.run(
            [sys.executable, "-c", program, name],
            input="".join(json.dumps(envelope) + "\n" for envelope in envelopes),
            env={**asya.environment, "ASYA_LOCAL_RESULTS": str(asya.folder / ".asya" / "results")},
            cwd=asya.folder,
            text=True,
            check=True,
        )

    return end


def envelope(name, payload, **more):
    return {"id": name, "route": {"actors": ["first"], "current": 1}, "payload": payload, **more}


FAILURE = {
    "error": "processing_error",
    "details": {"message": "bad input", "type": "ValueError", "traceback": "Traceback …"},
    "original_payload": 1,
    "failed_actor": "first",
}


def test_results_are_listed_with_children_and_failures(asya, end_actor):
    assert "there are no results" in asya("results", status=1).stderr
    end_actor("happy_end", envelope("a", {"x": 1}), envelope("a-1", 2), envelope("a-1-2", 3), envelope("a-x", 4))
    end_actor("error_end", envelope("b", FAILURE))
    ids = lambda *arguments: [each["envelope"]["id"] for each in asya("results", "-o", "json", *arguments).lines]  # noqa: E731
    assert ids() == ["a", "a-1", "a-1-2", "a-x", "b"]
    assert ids("a") == ["a", "a-1", "a-1-2"]
    assert ids("--failed") == ["b"]
    assert ids("-n", "2") == ["a-x", "b"]
    assert "first: processing_error: ValueError: bad input" in asya("results", "b").stdout
    assert "no result of these ids" in asya("results", "zzz", status=1).stderr


def test_results_are_bounded_by_two_files(asya, end_actor):
    # The limit of this test's copy is 20 kB.
    end_actor("happy_end", *(envelope(f"e-{number}", "x" * 500) for number in range(200)))
    folder = asya.folder / ".asya" / "results"
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.ndjson")}
    assert set(sizes) == {"results.ndjson", "results.1.ndjson"} and sum(sizes.values()) < 45_000
    kept = [each["envelope"]["id"] for each in asya("results", "-n", "0", "-o", "json").lines]
    assert kept == [f"e-{number}" for number in range(200 - len(kept), 200)] and len(kept) > 30


def test_numbers_and_texts_json_cannot_hold_do_not_stop_an_end_actor(asya, end_actor):
    end_actor("happy_end", envelope("n", float("inf")), envelope("s", "\ud800"), envelope("ok", "ä"))
    assert [each["envelope"]["id"] for each in asya("results", "-o", "json").lines] == ["n", "s", "ok"]


def wait_for(condition, what):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def catches(process, number):
    """Whether the process has a handler for the signal."""
    status = open(f"/proc/{process.pid}/status", encoding="ascii").read()
    return int(re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)[1], 16) >> (number - 1) & 1


def test_wait_prints_the_result(asya, store, end_actor):
    process = asya.start("send", "first", "-p", "1", "--wait", "--id", "w-1")
    wait_for(lambda: bodies(asya, "first"), "sending")
    end_actor("happy_end", envelope("other", 0), envelope("w-1", {"answer": 42}))
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0 and json.loads(stdout) == {"answer": 42}, stderr


def test_wait_tells_of_a_failure_and_exits_with_3(asya, store, end_actor):
    process = asya.start("send", "first", "-p", "1", "--wait", "--id", "w-1", "-o", "json")
    wait_for(lambda: bodies(asya, "first"), "sending")
    end_actor("error_end", envelope("w-1", FAILURE))
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 3 and json.loads(stdout)["outcome"] == "failed"
    assert "w-1 failed: first: processing_error: ValueError: bad input" in stderr


def test_wait_follows_several_envelopes_across_a_change_of_files(asya, store, end_actor):
    # Files are changed far more often here than at 64 MiB; the first one is there before, as always but once.
    end_actor("happy_end", envelope("earlier", 0))
    (asya.folder / "lines").write_text("".join(f"{number}\n" for number in range(30)))
    process = asya.start("send", "first", "-p", "@lines", "--each", "--wait", "-o", "json")
    wait_for(lambda: len(bodies(asya, "first")) == 30, "sending")
    sent = bodies(asya, "first")
    end_actor("happy_end", *(envelope(each["id"], "x" * 900) for each in sent))
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert {json.loads(line)["envelope"]["id"] for line in stdout.splitlines()} == {each["id"] for each in sent}


def test_wait_ends_at_its_limit_with_6_and_says_how_to_go_on(asya, store):
    result = asya("send", "first", "-p", "1", "--id", "w-1", "--wait", "--timeout", "100ms", status=6)
    assert "not finished after 100ms" in result.stderr and "asya trace w-1" in result.stderr and result.stdout == ""


def test_wait_hints_when_nobody_takes_the_message(asya, store):
    result = asya("send", "first", "-p", "1", "--wait", "--timeout", "5s", status=6)
    assert "still waiting in asya-first; is asya up running?" in result.stderr


def test_ctrl_c_while_waiting_ends_with_130(asya, store):
    process = asya.start("send", "first", "-p", "1", "--wait", "--id", "w-1")
    wait_for(lambda: catches(process, signal.SIGINT), "waiting")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and "asya results w-1" in stderr


def test_wait_notices_dead_letters_and_end_actors_that_keep_nothing(asya, store):
    process = asya.start("send", "first", "-p", "1", "--wait", "--id", "w-1")
    wait_for(lambda: bodies(asya, "first"), "sending")
    store._run(lambda connection: [connection.execute("DELETE FROM message"), connection.execute("DELETE FROM schedule")])
    store.add_hop("w-1", "asya-happy-end", 1)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0 and "w-1 ended in happy-end" in stderr

    process = asya.start("send", "first", "-p", "1", "--wait", "--id", "w-2")
    wait_for(lambda: store.rows("SELECT 1 FROM message WHERE envelope_id = 'w-2'"), "sending")
    store._run(lambda connection: [connection.execute("DELETE FROM message"), connection.execute("DELETE FROM schedule")])
    store.add_hop("w-2", "asya-first", 3)
    store.add_dead_letter("asya-first", {"id": "w-2", "route": {"actors": ["first"]}, "payload": 1})
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 3 and "w-2 was given up and is in asya-first-dlq" in stderr

"""What `asya up` needs of the gateway beside its actors."""

import subprocess

import pytest

from harness import binary, in_parallel, new_id

WAITING = "tools:\n- {name: patient, route: [first], response: wait}\n"


def test_envelopes_that_nobody_called_for_are_recorded_on_their_first_report(make_gateway, environment):
    gateway = make_gateway({**environment, "ASYA_GATEWAY_ADOPT": "true"}).start()
    sent, child, ended = new_id(), new_id(), new_id()
    # Reports of one envelope may arrive at the same moment.
    answers = in_parallel(8, lambda _: gateway.progress(sent, 0, "processing").status_code)
    assert answers == [200] * 8
    seen = gateway.envelope(sent)
    assert (seen["status"], seen["route"]["actors"]) == ("running", ["first", "second"])
    assert gateway.final(sent, result={"n": 1}).status_code == 200
    assert gateway.envelope(sent)["result"] == {"n": 1}
    # A late report changes nothing, as for any other envelope.
    assert gateway.progress(sent, 1, "received").json()["ignored"] is True
    body = {"id": child, "parent_id": sent, "actors": ["first"], "current": 0}
    assert gateway.request("POST", "/envelopes", json=body).status_code == 201
    assert gateway.final(ended, "failed", error="boom").status_code == 200
    assert gateway.envelope(ended)["error"] == "boom"


def test_without_the_switch_an_unknown_envelope_stays_unknown(shared_gateway):
    unknown = new_id()
    assert shared_gateway.progress(unknown, 0, "received").status_code == 404
    assert shared_gateway.final(unknown).status_code == 500
    assert shared_gateway.request("GET", f"/envelopes/{unknown}").status_code == 404


def test_the_callers_word_about_waiting_counts_more_than_the_tools(make_gateway, environment, channel):
    gateway = make_gateway(environment, tools=WAITING).start()
    answer = gateway.request("POST", "/tools/call?wait=false", json={"name": "patient"}).json()
    identifier = answer["structuredContent"]["envelope_id"]
    gateway.final(identifier, result={"n": 1})
    assert gateway.envelope(identifier)["status"] == "succeeded"


def check(*arguments):
    done = subprocess.run([binary(), "check", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "text, status, words",
    [
        ("tools:\n- {name: x, route: [a]}\n", 0, ["1 tool"]),
        ("tools:\n- {name: x, route: [a], timeout: -1}\n", 1, ["timeout cannot be negative", "tools.yaml:2"]),
        ("tools:\n- {name: x, route: nope}\n", 1, ['route template "nope" not found', "tools.yaml:2"]),
    ],
)
def test_tools_are_checked_without_a_start(tmp_path, text, status, words):
    file = tmp_path / "tools.yaml"
    file.write_text(text)
    for arguments in (["--tools", file], [f"--tools={file}"]):
        answered, output = check(*arguments)
        assert answered == status and all(word in output for word in words), output


def test_wrong_usage_of_check(tmp_path):
    assert check("--tools", tmp_path / "none.yaml")[0] == 1
    for arguments in ([], ["--tools"], ["--tols", "x"]):
        status, output = check(*arguments)
        assert status == 2 and "--tools PATH" in output

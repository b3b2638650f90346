"""Bounded runs of schemathesis against the gateway's own OpenAPI description: no answer is a 5xx."""

import os
import subprocess
import sys

import pytest

# Phases, workers, seconds. With several workers Python 3.11's own `ast` fails at times while schemathesis prepares its
# boundary values ("AST constructor recursion depth mismatch"), so what needs them runs with one.
RUNS = [("examples,coverage", 1, 10), ("stateful", 1, 5), ("fuzzing", 2, 7)]


@pytest.mark.parametrize("phases, workers, seconds", RUNS, ids=[phases for phases, _, _ in RUNS])
def test_no_input_makes_it_fail(gateway, phases, workers, seconds):
    gateway.call()
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", gateway.url + "/openapi.json",
        "--checks", "not_a_server_error", "--exclude-path", "/ready", "--workers", str(workers),
        "--max-time", str(seconds), "--generation-database", "none", "--phases", phases, "--no-color",
    ]
    limit = seconds * 3 + 20
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, cwd=gateway.directory, check=False,
            env={"PATH": os.environ["PATH"], "HOME": gateway.directory, "SCHEMATHESIS_HOOKS": ""},
        )
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(f"schemathesis took longer than {limit} s: {expired.stdout}") from expired
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert gateway.request("GET", "/health").status_code == 200

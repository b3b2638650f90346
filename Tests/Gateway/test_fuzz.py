"""A bounded run of schemathesis against the gateway's own OpenAPI description: no answer is a 5xx."""

import os
import subprocess
import sys

SECONDS = 10


def test_no_input_makes_it_fail(gateway):
    gateway.call()
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", gateway.url + "/openapi.json",
        "--checks", "not_a_server_error", "--exclude-path", "/ready", "--workers", "2", "--max-time", str(SECONDS),
        "--generation-database", "none", "--phases", "examples,fuzzing", "--no-color",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS * 3, cwd=gateway.directory, check=False,
            env={"PATH": os.environ["PATH"], "HOME": gateway.directory, "SCHEMATHESIS_HOOKS": ""},
        )
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(f"schemathesis took longer than {SECONDS * 3} s: {expired.stdout}") from expired
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert gateway.request("GET", "/health").status_code == 200

"""`asya-mcp-forward` with a kubectl that forwards nothing but answers (cli.md 2)."""

import os
import re
import signal
import subprocess
import time

import pytest

from conftest import ASYA

KUBECTL = """#!/usr/bin/env python3
import http.server, os, sys
with open(os.environ["FAKE_LOG"], "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if os.environ.get("FAKE_MODE") == "ends":
    sys.exit(1)
port = int(sys.argv[-1].split(":")[0])
status = 500 if os.environ.get("FAKE_MODE") == "sick" else 200
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def forward(tmp_path):
    """Runs the link; a forward that it leaves running is ended afterwards."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    (folder / "asya-mcp-forward").symlink_to(ASYA)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(tmp_path),
        "FAKE_LOG": str(tmp_path / "log"),
    }  # fmt: skip

    def run(*words, mode="", status=0):
        done = subprocess.run(
            [folder / "asya-mcp-forward", *words],
            env={**environment, "FAKE_MODE": mode}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == status, done
        return done

    run.environment = environment
    run.log = lambda: (tmp_path / "log").read_text().splitlines()
    yield run
    run("--stop")


def port_of(done):
    return int(re.fullmatch(r"http://localhost:(\d+)\n", done.stdout).group(1))


def test_a_forward_is_started_and_found_again(forward):
    first = forward()
    port = port_of(first)
    assert 8080 <= port <= 8999
    assert forward.log() == [
        f"port-forward -n asya-e2e --pod-running-timeout=5m deployment/asya-gateway {port}:8080"
    ]
    assert port_of(forward()) == port
    assert port_of(forward("--no-check-health")) == port
    assert len(forward.log()) == 1


def test_the_target_can_be_named(forward):
    from localservers.ports import free_port

    port = free_port()
    forward("-n", "prod", "--service", "gw", "--context", "c", "-p", "80", "-l", str(port))
    assert forward.log() == [
        f"port-forward -n prod --context c --pod-running-timeout=5m service/gw {port}:80"
    ]
    forward("-n", "prod", "--service", "gw", "--context", "c", "-p", "80", "--stop")


def test_a_port_that_is_taken(forward):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert forward("-l", str(port), status=1).stderr == f"[-] Port {port} is already in use\n"


def test_a_kubectl_that_ends(forward):
    failed = forward(mode="ends", status=1)
    assert failed.stdout == "" and len(failed.stderr.splitlines()) == 2


def test_a_gateway_that_is_not_healthy(forward):
    failed = forward(mode="sick", status=1)
    assert failed.stdout == "" and "does not answer" in failed.stderr


def test_keep_alive_ends_the_forward_with_the_command(forward):
    process = subprocess.Popen(
        ["asya-mcp-forward", "--keep-alive"], env=forward.environment, stdout=subprocess.PIPE, text=True,
        executable=forward.environment["PATH"].split(":")[0] + "/asya-mcp-forward",
    )  # fmt: skip
    port = int(process.stdout.readline().rsplit(":", 1)[1])
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    import socket

    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.1)
    raise AssertionError("the forward still runs")


def test_wrong_usage(forward):
    assert forward("-p", "70000", status=2).stdout == ""

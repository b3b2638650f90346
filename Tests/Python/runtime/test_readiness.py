"""The ready file and what a crash leaves behind (runtime.md 6 and 8)."""

import json
import os
import signal
import socket
import stat

import pytest
from runtime_process import ECHO, envelope, wait_until

GATED_CONSTRUCTOR = """
import os
directory = os.environ["TEST_DIRECTORY"]
class Model:
    def __init__(self):
        open(os.path.join(directory, "loading"), "w").close()
        with open(os.path.join(directory, "gate")) as gate:
            gate.read()
    def handle(self, payload):
        return payload
"""


def test_content(start_runtime):
    process = start_runtime(ECHO)
    first, second = process.ready_file.read_text().splitlines()
    assert first == "ready"
    assert json.loads(second) == {"protocol": 2, "keepalive": True, "ahead": 8, "metrics": True}
    assert stat.S_IMODE(process.ready_file.stat().st_mode) == 0o644
    assert sorted(os.listdir(str(process.socket_directory))) == ["asya-runtime.sock", "runtime-ready"]


def test_socket_listens_when_the_file_appears(start_runtime):
    for _ in range(3):
        process = start_runtime(ECHO)
        assert process.call(envelope(1))[0]["payload"] == 1


def test_socket_mode(start_runtime):
    assert stat.S_IMODE(os.stat(start_runtime(ECHO).socket_path).st_mode) == 0o666
    process = start_runtime(ECHO, ASYA_SOCKET_CHMOD="0600")
    assert stat.S_IMODE(os.stat(process.socket_path).st_mode) == 0o600


def test_nothing_stale_while_the_constructor_runs(start_runtime):
    process = start_runtime(GATED_CONSTRUCTOR, "Model.handle", wait=False)
    gate = process.directory / "gate"
    os.mkfifo(str(gate))
    gate.write_text("go")
    process.wait_until_ready()
    process.signal(signal.SIGKILL)
    process.wait_for_exit()
    assert process.ready_file.exists() and os.path.exists(process.socket_path)

    (process.directory / "loading").unlink()
    process.start()
    process.wait_for_file("loading")
    assert not process.ready_file.exists()
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
        client.connect(process.socket_path)
    gate.write_text("go")
    process.wait_until_ready()
    assert process.call(envelope(1))[0]["payload"] == 1


def test_unwritable_ready_file_is_not_fatal(start_runtime):
    source = (
        """
import os
os.makedirs(os.path.join(os.environ["ASYA_SOCKET_DIR"], "runtime-ready", "in", "the", "way"))
"""
        + ECHO
    )
    process = start_runtime(source)
    wait_until(lambda: "Listening" in process.errors(), "listening")
    assert process.call(envelope(1))[0]["payload"] == 1
    assert "Cannot write" in process.errors()


def test_directory_at_the_socket_path(start_runtime):
    source = 'import os\nos.makedirs(os.environ["ASYA_SOCKET_DIR"] + "/asya-runtime.sock")\n' + ECHO
    process = start_runtime(source, wait=False)
    assert process.wait_for_exit() == 1
    assert "CRITICAL" in process.errors()
    assert not process.ready_file.exists()


@pytest.mark.parametrize(
    "environment",
    [
        {"ASYA_HANDLER": ""},
        {"ASYA_HANDLER": "user_handler.missing"},
        {"ASYA_HANDLER_MODE": "batch"},
        {"ASYA_SOCKET_CHMOD": "rwx"},
        {"ASYA_CHUNK_SIZE": "many"},
        {"ASYA_SOCKET_NAME": "x" * 200},
    ],
)
def test_configuration_errors_exit_with_status_one(start_runtime, environment):
    process = start_runtime(ECHO, wait=False, **environment)
    assert process.wait_for_exit() == 1
    assert not process.ready_file.exists() and not os.path.exists(process.socket_path)
    assert process.errors()

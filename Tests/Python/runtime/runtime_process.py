"""The runtime as a process of its own, and a sidecar's side of the socket. Runs on every Python the runtime does."""

import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

RUNTIME_FILE = pathlib.Path(__file__).resolve().parents[3] / "Sources" / "Runtime" / "asya_runtime.py"
LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.005

ECHO = "def handle(payload):\n    return payload\n"


def wait_until(condition, what):
    """Waits for a condition, and fails with `what` when it does not come true."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "not within %g s: %s" % (LIMIT_SECONDS, what)
        time.sleep(_POLL_SECONDS)


def envelope(payload, **members):
    """An envelope as the sidecar would send it to the first of two actors."""
    return dict({"id": "e-1", "route": {"actors": ["a", "b"], "current": 0}, "payload": payload}, **members)


def frame(body):
    """A request: `body` is JSON text as bytes, or a value to be encoded."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return struct.pack(">I", len(data)) + data


class Client:
    """One connection to a runtime."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)  # Before the limit is set: with one, a full backlog would be an error.
        self.socket.settimeout(LIMIT_SECONDS)
        self._reader = self.socket.makefile("rb")

    def send(self, body):
        self.socket.sendall(frame(body))

    def receive(self):
        """The next reply; None when the runtime has closed the connection."""
        data = self.receive_bytes()
        return None if data is None else json.loads(data.decode())

    def receive_bytes(self):
        header = self._reader.read(4)
        if not header:
            return None
        (length,) = struct.unpack(">I", header)
        data = self._reader.read(length)
        assert len(data) == length
        return data

    def call(self, body):
        self.send(body)
        return self.receive()

    def close(self):
        self._reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RuntimeProcess:
    """`asya_runtime.py` run as a script in a directory of its own, with a handler written for the test."""

    def __init__(self, source, function="handle", environment=None, python=sys.executable):
        # Not pytest's directory: the path of a socket is limited to some 100 bytes.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="asya-"))
        (self.directory / "user_handler.py").write_text(source)
        self.socket_directory = self.directory / "s"
        self.socket_path = str(self.socket_directory / "asya-runtime.sock")
        self.ready_file = self.socket_directory / "runtime-ready"
        self.error_file = self.directory / "stderr"
        self.output_file = self.directory / "stdout"
        self._python = python
        self._environment = dict(
            os.environ,
            ASYA_HANDLER="user_handler." + function,
            ASYA_SOCKET_DIR=str(self.socket_directory),
            PYTHONPATH=str(self.directory),
            PYTHONDONTWRITEBYTECODE="1",
            TEST_DIRECTORY=str(self.directory),
        )
        self._environment.update(environment or {})
        self.start()

    def start(self):
        with open(str(self.error_file), "ab") as errors, open(str(self.output_file), "ab") as output:
            self.process = subprocess.Popen(
                [self._python, str(RUNTIME_FILE)], env=self._environment, stdout=output, stderr=errors
            )

    def wait_until_ready(self):
        wait_until(lambda: self.ready_file.exists() or self.process.poll() is not None, "ready file")
        assert self.process.poll() is None, self.errors()

    def wait_for_exit(self):
        return self.process.wait(LIMIT_SECONDS)

    def wait_for_file(self, name):
        """Handlers tell how far they are by creating files in `TEST_DIRECTORY`."""
        wait_until((self.directory / name).exists, "file " + name)

    def connect(self):
        return Client(self.socket_path)

    def call(self, body):
        with self.connect() as client:
            return client.call(body)

    def signal(self, number):
        self.process.send_signal(number)

    def errors(self):
        return self.error_file.read_text(errors="replace")

    def cpu_seconds(self):
        fields = pathlib.Path("/proc/%d/stat" % self.process.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self):
        for line in pathlib.Path("/proc/%d/status" % self.process.pid).read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(str(self.directory), ignore_errors=True)

"""Follows docs/quickstart/data-scientists.md line by line, as a reader would: what it says must happen, happens.

A comment before a block says how it is read: `once` is not run here (installation, registries), `terminal 2` is a command
that stays in the second terminal until the next one of that kind, `broker` is replaced by this test's own broker, and
`output` is what the block before it must have printed (`output of terminal 2`: what appears there), where `…` stands for
anything.
"""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ASYA, ROOT

sys.path.insert(0, str(ROOT / "tools"))
DOCUMENT = ROOT / "docs" / "quickstart" / "data-scientists.md"
BLOCK = re.compile(r"(?:<!-- (.*?) -->\n)?```(\w+)\n(.*?)```", re.S)
END_MARK = "-- end of block --"


class Shell:
    """The first terminal: one bash that all blocks share."""

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, block):
        """Output of a block; the status of every command is checked."""
        script = f"set -e\n{block}\nset +e\necho '{END_MARK}'\n"
        self.process.stdin.write(script.encode())
        self.process.stdin.flush()
        output = b""
        deadline = time.monotonic() + 90
        while END_MARK.encode() not in output:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no end within 90 s of:\n{block}\n--- so far\n{output.decode()}"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, f"failed:\n{block}\n--- output\n{output.decode()}"
            output += part
        return output.decode().replace(END_MARK, "")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class SecondTerminal:
    """What `asya up` does while the first terminal works."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = environment
        self.process = None
        self.logs = []

    def run(self, command):
        self.interrupt()
        self.logs.append(self.folder / f"up-{len(self.logs)}.log")
        with open(self.logs[-1], "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", "exec " + command.strip()],
                cwd=self.folder / "my-pipeline",
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_for("set up in")

    def wait_for(self, expected):
        deadline = time.monotonic() + 60
        while not matches(expected, self.text):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, f"expected {expected}\n{self.text}"
            time.sleep(0.05)

    @property
    def text(self):
        return self.logs[-1].read_text()

    def interrupt(self):
        """Ctrl-C; `asya up` must end in order."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(90) == 0, self.text
        self.process = None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def matches(expected, output):
    """Whether the lines of `expected` occur in `output` in this order."""
    lines = iter(output.splitlines())
    for line in expected.splitlines():
        pattern = re.compile(r"\s*".join(re.escape(part.strip()) for part in line.split("…")).replace(r"\s*", ".*"))
        if not any(pattern.search(candidate) for candidate in lines):
            return False
    return True


def has_up():
    return subprocess.run([str(ASYA), "up", "--help"], capture_output=True).returncode == 0


@pytest.mark.timeout(300)
def test_the_quickstart_can_be_followed_line_by_line(asya):
    from localservers.rabbitmq import RabbitMQ

    assert has_up(), "this binary has no asya up"
    environment = {
        **asya.environment,
        "PATH": f"{ASYA.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ASYA_RUNTIME_PATH": str(ROOT / "Sources" / "Runtime" / "asya_runtime.py"),
    }
    with RabbitMQ(management=False) as broker:
        environment["ASYA_RABBITMQ_URL"] = broker.url
        shell = Shell(asya.folder, environment)
        second = SecondTerminal(asya.folder, environment)
        output = ""
        try:
            for note, language, block in BLOCK.findall(DOCUMENT.read_text()):
                if note == "output":
                    assert matches(block, output), f"expected\n{block}\n--- was\n{output}\n--- asya up\n{second.logs and second.text}"
                elif note == "terminal 2":
                    second.run(block)
                elif note == "output of terminal 2":
                    second.wait_for(block)
                elif note in ("once", "broker"):
                    continue
                else:
                    assert (note, language) == ("", "sh"), f"how is this block read? {note} {language}\n{block}"
                    output = shell.run(block)
            second.interrupt()
        finally:
            second.close()
            shell.close()

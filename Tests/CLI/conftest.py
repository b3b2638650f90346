"""Black-box tests of bin/asya: real processes, real files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from store import Store

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
ASYA = Path(os.environ.get("ASYA_BINARY", ROOT / "bin" / "asya"))


class Result:
    def __init__(self, status, stdout, stderr):
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    @property
    def json(self):
        return json.loads(self.stdout)

    @property
    def lines(self):
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Asya:
    """Runs `asya` in a folder of its own, without settings of whoever runs the tests."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASYA_", "AWS_")) and name not in ("NO_COLOR",)
        }

    def command(self, *arguments):
        return [str(ASYA), *map(str, arguments)]

    def __call__(self, *arguments, stdin="", status=0, cwd=None, env=None, text=True):
        done = subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.folder,
            env={**self.environment, **(env or {})},
            input=stdin if text or not isinstance(stdin, str) else stdin.encode(),
            capture_output=True,
            text=text,
            timeout=60,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        if status is not None:
            assert result.status == status, result
        return result

    def start(self, *arguments, **options):
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )


@pytest.fixture
def asya(tmp_path):
    if not ASYA.exists():
        pytest.fail(f"{ASYA} is missing: run make build")
    return Asya(tmp_path)


@pytest.fixture
def store(asya):
    """A store with the queues asya-first and asya-second, and no message."""
    asya("send", "first,second", "--payload", "0", "--id", "warm-up", "--create")
    store = Store(asya.folder / ".asya" / "queue.db")
    store.add_dead_letter_queue("asya-first")
    connection_rows = store.rows("SELECT id FROM message")
    assert len(connection_rows) == 1
    asya("dlq", "redrive", "first")
    store._run(
        lambda connection: [
            connection.execute(sql)
            for sql in (
                "DELETE FROM message",
                "DELETE FROM schedule",
                "UPDATE queue SET message_count = 0, enqueued_total = 0",
            )
        ]
    )
    return store

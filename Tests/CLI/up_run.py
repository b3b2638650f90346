"""`asya up` in a folder of a test: starts it, follows its events, and looks at what came of the envelopes."""

import collections
import json
import os
import signal
import subprocess
import sys
import threading
import time

from conftest import ROOT

WAIT_SECONDS = 60.0
SIDECAR = os.environ.get("ASYA_SIDECAR", str(ROOT / "bin" / "asya-sidecar"))
RUNTIME = str(ROOT / "Sources" / "Runtime" / "asya_runtime.py")

# Kept short, so that a test that kills a sidecar does not wait long for its message.
LEASE = "2s"


def eventually(condition, what, timeout=WAIT_SECONDS):
    """The first true value of `condition()`; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout:g} s for {what() if callable(what) else what}"
        time.sleep(0.02)


class UpRun:
    """One run of `asya up --output json`; several may follow one another in a folder. Use with ``with``."""

    def __init__(self, asya, *arguments, env=None, gateway=False):
        self.asya = asya
        self.events = []
        self.errors = []
        self._lock = threading.Lock()
        environment = {
            **asya.environment,
            "ASYA_SIDECAR_BINARY": SIDECAR,
            "ASYA_RUNTIME_PATH": RUNTIME,
            "ASYA_EMBEDDED_VISIBILITY_TIMEOUT": LEASE,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{os.path.dirname(sys.executable)}:{asya.environment['PATH']}",
            **(env or {}),
        }
        self.process = subprocess.Popen(
            asya.command("up", "--output", "json", *([] if gateway else ["--no-gateway"]), *arguments),
            cwd=asya.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.wait_for_end()

    def started(self):
        """Returns itself when the queues exist."""
        self.wait(lambda: self.find("started"), "the start")
        return self

    def wait(self, condition, what, timeout=WAIT_SECONDS):
        return eventually(condition, lambda: f"{what}\n{self}", timeout)

    def find(self, kind, **members):
        """The events of a kind with these members."""
        with self._lock:
            events = list(self.events)
        return [
            event
            for event in events
            if event["event"] == kind and all(event.get(name) == value for name, value in members.items())
        ]

    def status(self, actor):
        """The actor's latest numbers, {} before there are any."""
        latest = self.find("status")
        return next((entry for entry in latest[-1]["actors"] if entry["actor"] == actor), {}) if latest else {}

    def timeline(self, actor):
        """The numbers of replicas that the autoscaler wanted, in order, beginning with the first."""
        scaled = self.find("scaled", actor=actor)
        return [scaled[0]["from"], *(event["to"] for event in scaled)] if scaled else []

    def processes(self, actor, name):
        """Ids of the `sidecar` or `runtime` processes that the actor has had, the youngest last."""
        return [event[f"{name}Process"] for event in self.find("ready", actor=actor)]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        self.process.kill()
        self.wait_for_end()

    def stop(self):
        """Ctrl-C and the end; returns the exit status."""
        self.interrupt()
        return self.wait_for_end()

    def wait_for_end(self):
        status = self.process.wait(WAIT_SECONDS)
        for reader in self._readers:
            reader.join(WAIT_SECONDS)
        return status

    @property
    def notices(self):
        return "\n".join(event["message"] for event in self.find("notice"))

    def _read_events(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self._lock:
                self.events.append(event)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def __str__(self):
        with self._lock:
            lines = [json.dumps(event) for event in self.events if event["event"] != "status"][-40:]
        return "\n".join([*lines, "--- stderr", *self.errors])


class Folder:
    """A folder with actors: writes them, sends to them, and reads what came out."""

    def __init__(self, asya):
        self.asya = asya
        self.path = asya.folder

    def write(self, **files):
        """Files by name; `_` stands for the dot."""
        for name, text in files.items():
            (self.path / ".".join(name.rsplit("_", 1))).write_text(text)

    def up(self, *arguments, **options):
        return UpRun(self.asya, *arguments, **options)

    def send(self, route, payloads):
        """Sends one envelope per payload."""
        lines = "".join(f"{json.dumps(payload)}\n" for payload in payloads)
        self.asya("send", route, "--payload", "-", "--each", stdin=lines)

    def results(self):
        """What the built-in end actors have kept."""
        file = self.path / ".asya" / "results" / "results.ndjson"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def queues(self):
        return {entry["queue"]: entry for entry in self.asya("queues", "-o", "json").json}

    def ended(self):
        """Envelopes that reached an end queue, each counted as often as it was put there."""
        queues = self.queues()
        return sum(queues[f"asya-{end}"]["enqueued_total"] for end in ("happy-end", "error-end"))

    def left(self):
        """Messages in all queues."""
        return sum(entry["messages"] for entry in self.queues().values())

    def duplicates(self):
        """Ids that the end actors have kept more than once."""
        counts = collections.Counter(entry["envelope"]["id"] for entry in self.results())
        return {identifier: count for identifier, count in counts.items() if count > 1}


def is_alive(process):
    """Whether a process exists and is not a zombie."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

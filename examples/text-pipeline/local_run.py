"""`asya up` as a child process: its events, which come as JSON lines, and the results its end actors keep."""

import collections
import json
import os
import pathlib
import signal
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tools")]

# ruff: noqa: E402 (the path has to be set first)
from localservers import processes

ASYA = pathlib.Path(os.environ.get("ASYA_BINARY", ROOT / "bin" / "asya"))
MANIFEST = HERE / "asya.yaml"
START_TIMEOUT_SECONDS = 60.0
# Every pair finishes the message in hand; the handlers here take milliseconds.
STOP_GRACE_SECONDS = 20.0
_LOG_LINES_KEPT = 40


class LocalRun:
    """One `asya up`. `events` of the kinds ready and scaled are passed to `observe`, on a thread."""

    def __init__(self, directory, transport, environment, observe=lambda event: None):
        self.directory = directory
        self.queue_file = directory / "queue.db"
        self._transport = transport
        self._environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
        self._observe = observe
        self._lock = threading.Lock()
        self._ready = {}
        self._statuses = {}
        self._log = collections.deque(maxlen=_LOG_LINES_KEPT)
        self._started = threading.Event()
        self.gateway_url = None
        self._process = None
        self._reader = None

    def start(self):
        """Returns when the queues exist and the processes are being started."""
        reading, writing = os.pipe()
        self._process = processes.start(
            [ASYA, "up", "-f", MANIFEST, "--path", self.queue_file, "--transport", self._transport, "--output", "json"],
            env=self._environment,
            output=f"/proc/self/fd/{writing}",
        )
        os.close(writing)
        self._reader = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._reader.start()
        self.wait(self._started.is_set, "asya up")

    def wait(self, condition, what, interval=0.02):
        """Waits until `condition` holds; raises at once when `asya up` has ended."""

        def checked():
            if condition():
                return True
            if self._process.poll() is not None:
                raise RuntimeError(f"asya up ended with status {self._process.returncode}\n{self.log_tail()}")
            return False

        processes.wait_until(checked, START_TIMEOUT_SECONDS, lambda: f"{what}\n{self.log_tail()}", interval)

    def pair(self, actor):
        """(sidecar, runtime): process ids of the actor's youngest ready pair, or None."""
        with self._lock:
            return self._ready.get(actor)

    def statuses(self):
        """The latest numbers of every actor."""
        with self._lock:
            return dict(self._statuses)

    def log_tail(self):
        """What was written last."""
        with self._lock:
            return "\n".join(self._log)

    def stop(self):
        """Ctrl-C, and the orderly end; returns what was wrong with it, or None."""
        self._process.send_signal(signal.SIGINT)
        status = processes.wait_until(
            lambda: (self._process.poll() is not None) and (self._process.returncode,),
            STOP_GRACE_SECONDS,
            lambda: f"the end of asya up\n{self.log_tail()}",
        )[0]
        self._reader.join(5)
        return None if status == 0 else f"asya up ended with status {status}\n{self.log_tail()}"

    def kill(self):
        """SIGKILL; the kernel ends the actors' processes too. Nothing happens to a run that has ended."""
        if self._process is not None:
            processes.kill(self._process)

    def _read(self, descriptor):
        with open(descriptor, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    event = {"event": "text", "line": line.rstrip("\n")}
                self._note(event)

    def _note(self, event):
        kind = event["event"]
        with self._lock:
            if kind == "ready":
                self._ready[event["actor"]] = (event["sidecarProcess"], event["runtimeProcess"])
            elif kind == "status":
                self._statuses = {status["actor"]: status for status in event["actors"]}
            else:
                text = event.get("line") or event.get("message") or json.dumps(event)
                self._log.append(f"{event.get('actor', kind)}: {text}")
        if kind == "started":
            self._started.set()
        if kind == "gatewayReady":
            self.gateway_url = event["url"]
        if kind in ("ready", "scaled", "failed"):
            self._observe(event)

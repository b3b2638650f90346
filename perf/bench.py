"""One bench: a broker, the C tools, a scratch directory, and the steps that every scenario is made of."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time

from localservers import processes
from localservers.ports import free_port

import machine
from subjects import ACTOR, END_ACTORS, NEXT_ACTOR

_ALL_ACTORS = ",".join((ACTOR, NEXT_ACTOR, *END_ACTORS))
_ROUTE = f"{ACTOR},{NEXT_ACTOR}"
_TOOL_TIMEOUT_SECONDS = 180
_STOP_GRACE_SECONDS = 15
_READY_TIMEOUT_SECONDS = 10
# RabbitMQ confirms persistent messages at the latest with its periodic sync (200 ms).
_SETTLE_SECONDS = 0.3


class MeasurementFailed(Exception):
    """A run that cannot be counted: the subject died, lost, duplicated or damaged something, or took too long."""


class Bench:
    """`tools` is the directory of the C programs; everything is written below `scratch`, which the caller removes."""

    def __init__(self, tools, scratch, url, content, gateway_url, one_shot=False):
        self._tools = tools
        self._scratch = scratch
        self.url = url
        self.content = content
        self._gateway_url = gateway_url
        self._runtime_options = ["--one-shot"] if one_shot else []
        self._runs = 0
        self._files = 0

    def tool(self, name):
        return os.path.join(self._tools, name)

    def scratch_file(self, name):
        """A path that no other call returns."""
        self._files += 1
        return os.path.join(self._scratch, f"{name}-{self._files}")

    # -- queues

    def load(self, command, *arguments, timeout=_TOOL_TIMEOUT_SECONDS):
        """One command of the load generator; returns its decoded line."""
        words = [self.tool("load"), command, "--url", self.url, *[str(argument) for argument in arguments]]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise MeasurementFailed(f"load {command}: {done.stderr.strip()}")
        return self.decoded(done.stdout)

    @staticmethod
    def decoded(output):
        """The last line of a tool's output, which is JSON; ``ValueError`` when there is none."""
        lines = output.splitlines()
        return json.loads(lines[-1] if lines else "")

    def declare(self):
        self.load("declare", "--actors", _ALL_ACTORS)

    def purge(self):
        self.load("purge", "--actors", _ALL_ACTORS)

    def fill(self, count, payload_bytes, prefix):
        self.load("fill", "--actor", ACTOR, "--actors", _ROUTE, "--count", count, "--payload-bytes", payload_bytes,
                  "--prefix", prefix, "--content", self.content)

    def check_and_drain(self, count, payload_bytes, prefix, calls_runtime):
        """Every message exactly once in the next queue, unharmed, acknowledged, and none anywhere else."""
        depth = self.load("depth", "--actors", _ALL_ACTORS)
        left = {actor: number for actor, number in depth.items() if actor != NEXT_ACTOR and number}
        result = self.load("drain", "--queue", f"asya-{NEXT_ACTOR}", "--count", count, "--payload-bytes", payload_bytes,
                           "--prefix", prefix, "--content", self.content,
                           "--expect-current", 1 if calls_runtime else 0)
        wrong = {name: number for name, number in result.items() if name != "received" and number}
        if left or wrong:
            raise MeasurementFailed(f"left in queues: {left or 'none'}; wrong in {NEXT_ACTOR}: {wrong or 'none'}")

    # -- processes

    @contextlib.contextmanager
    def runtime(self):
        """The C echo runtime, ready; yields a `Runtime`."""
        directory = tempfile.mkdtemp(prefix="runtime-", dir=self._scratch)
        log = os.path.join(directory, "log")
        process = processes.start(
            [self.tool("echo_runtime"), "--dir", directory, *self._runtime_options], output=log
        )
        try:
            ready_file = os.path.join(directory, "runtime-ready")
            processes.wait_until(lambda: os.path.exists(ready_file), _READY_TIMEOUT_SECONDS, "the echo runtime")
            yield Runtime(directory, log)
        finally:
            processes.stop(process, 2)

    @contextlib.contextmanager
    def subject(self, subject, runtime, wrapper=(), url=None):
        """A started subject; yields a `Running`, whose `stop` (called at the end in any case) ends it with SIGTERM."""
        log, exec_file = self.scratch_file("subject-log"), self.scratch_file("exec")
        process = processes.start(
            [self.tool("launch"), exec_file, *wrapper, *subject.command],
            env=subject.environment(url or self.url, runtime.directory, free_port(), self._gateway_url),
            output=log,
        )
        running = Running(process, log, exec_file, bool(wrapper))
        try:
            yield running
        except MeasurementFailed as error:
            raise MeasurementFailed(f"{subject.name}: {error}\n{processes.log_tail(log, 8)}") from None
        finally:
            running.stop()

    # -- the basic run

    def relay(self, subject, count, warmup, payload_bytes, wrapper=(), timeout=60):
        """Fills the queue, lets the subject relay everything, checks the result; returns what was measured.

        Below a wrapper no process time is taken: wrappers start helpers of their own before the subject.
        """
        self._runs += 1
        prefix = f"run{self._runs}"
        try:
            self.fill(count, payload_bytes, prefix)
            with self.runtime() as runtime, self.subject(subject, runtime, wrapper) as running:
                measured = self.load("watch", "--queue", f"asya-{NEXT_ACTOR}", "--count", count, "--warmup", warmup,
                                     "--pid", 0 if wrapper else running.pid, "--timeout", timeout)
                # The last messages are in the queue a moment before they are confirmed and acknowledged.
                time.sleep(_SETTLE_SECONDS)
                measured["peak_rss_mb"] = None if wrapper else machine.memory_mb(running.pid, "VmHWM")
                running.stop()
                self.check_and_drain(count, payload_bytes, prefix, subject.calls_runtime)
        except MeasurementFailed:
            self.purge()
            raise
        return measured


class Runtime:
    """The echo runtime's directory and the lines that it has printed."""

    def __init__(self, directory, log):
        self.directory = directory
        self._log = log

    def first_request_ns(self):
        """Monotonic time at which the first request was complete; None before that."""
        with open(self._log, encoding="utf-8") as file:
            line = file.readline()
        return json.loads(line)["first_request_ns"] if line.endswith("\n") else None


class Running:
    """A subject's process; with a wrapper (strace, perf, valgrind) that forks, `pid` is the subject below it."""

    def __init__(self, process, log, exec_file, is_wrapped):
        self._process = process
        self._exec_file = exec_file
        self._is_wrapped = is_wrapped
        self.log = log

    @property
    def pid(self):
        if not self._is_wrapped:
            return self._process.pid
        children = processes.descendants(self._process.pid)
        return children[0][0] if children else self._process.pid

    def fail_if_ended(self):
        """Raises when the subject is not running any more; returns nothing otherwise."""
        if self._process.poll() is not None:
            raise MeasurementFailed(f"ended with status {self._process.returncode}")

    def exec_ns(self):
        """Monotonic time just before exec."""
        with open(self._exec_file, encoding="ascii") as file:
            return int(file.read())

    def stop(self):
        """SIGTERM to the subject itself, so that a wrapper can write its report; SIGKILL to what is left later."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_GRACE_SECONDS)
        processes.kill(self._process)

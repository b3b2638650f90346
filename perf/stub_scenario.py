"""Scenarios against the stub broker: what one message costs *us*, without RabbitMQ's noise.

Counts (instructions, allocations, system calls) are the difference of a long and a short run, so that start and end
cancel out; they repeat within a few percent. Times are from a native run of their own.
"""

import contextlib
import os
import re
import shutil
import time

from localservers import processes

import machine
import system_calls
from bench import MeasurementFailed
from subjects import ADAPTIVE_WINDOW, PINNED_WINDOW, Subject

_SHORT_RUN = 2000
_LONG_RUN = 12000
_NATIVE_RUN = 60000
_NATIVE_BYTES = 400 << 20  # a native run of large messages ends earlier
_TIMEOUT_SECONDS = 120  # under callgrind on a busy machine
_PORT_TIMEOUT_SECONDS = 5
_PAYLOADS = {"1 KiB": 1024, "64 KiB": 65536}

# Every way to the heap that a C or Swift program takes; those that call one another are listed once.
_ALLOCATORS = {
    "malloc", "__libc_malloc", "calloc", "__libc_calloc", "realloc", "__libc_realloc", "posix_memalign",
    "aligned_alloc", "memalign", "__libc_memalign",
}


def stub_subjects(floor, sidecars):
    """Each program at both windows; `sidecars` maps names to binaries."""
    found = []
    for window in (ADAPTIVE_WINDOW, PINNED_WINDOW):
        found.append(Subject(f"floor, no runtime call, window {window}", (floor, "--no-runtime"), window, False))
        found.append(Subject(f"floor, window {window}", (floor,), window))
        found.extend(Subject(f"{name}, window {window}", (binary,), window) for name, binary in sidecars.items())
    return found


def run(bench, subjects, results):
    """All stub scenarios; the figures land in `results` under "stub"."""
    for size, payload_bytes in _PAYLOADS.items():
        for subject in subjects:
            try:
                measured = _native(bench, subject, payload_bytes)
                measured.update(_system_calls(bench, subject, payload_bytes))
                if size == "1 KiB" and subject.window == ADAPTIVE_WINDOW:
                    measured.update(_callgrind(bench, subject, payload_bytes))
            except MeasurementFailed as error:
                results.failed("stub", subject.name, size, error)
                continue
            results.add("stub", subject.name, size, measured)
            text = ", ".join(f"{name} {value:.2f}" for name, value in measured.items() if value is not None)
            results.say(f"  {size:>6}, {subject.name}: {text}")


def _native(bench, subject, payload_bytes):
    count = min(_NATIVE_RUN, _NATIVE_BYTES // payload_bytes)
    return _relay(bench, subject, count, payload_bytes)


def _system_calls(bench, subject, payload_bytes):
    if not system_calls.Tracepoint.is_usable():
        return {}
    totals = []
    for count in (_SHORT_RUN, _LONG_RUN):
        path = bench.scratch_file("calls")
        _relay(bench, subject, count, payload_bytes, system_calls.Tracepoint.command(path))
        totals.append(system_calls.Tracepoint.read(path)["all"])
    return {"system_calls": (totals[1] - totals[0]) / (_LONG_RUN - _SHORT_RUN)}


def _callgrind(bench, subject, payload_bytes):
    """User instructions and heap allocations per message; nothing when valgrind is not installed."""
    if shutil.which("valgrind") is None:
        return {}
    runs = []
    for count in (_SHORT_RUN, _LONG_RUN):
        path = bench.scratch_file("callgrind")
        wrapper = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", "--quiet", "--")
        _relay(bench, subject, count, payload_bytes, wrapper)
        runs.append(read_callgrind(path))
    messages = _LONG_RUN - _SHORT_RUN
    measured = {"instructions": (runs[1]["instructions"] - runs[0]["instructions"]) / messages}
    if runs[1]["allocations"]:  # Every program allocates at its start; 0 means that the names are stripped.
        measured["allocations"] = (runs[1]["allocations"] - runs[0]["allocations"]) / messages
    return measured


def read_callgrind(path):
    """Sums of a callgrind profile: all instructions, and calls of heap allocators from outside of them."""
    if not os.path.exists(path):
        raise MeasurementFailed("valgrind wrote no profile")
    names, caller, callee, allocations, instructions = {}, "", "", 0, None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("fn="):
                caller = _function_name(line, names)
            elif line.startswith("cfn="):
                callee = _function_name(line, names)
            elif line.startswith("calls="):
                if callee in _ALLOCATORS and caller not in _ALLOCATORS:
                    allocations += int(line[len("calls="):].split()[0])
            elif line.startswith(("summary:", "totals:")):
                instructions = int(line.split()[1])
    if instructions is None:
        raise MeasurementFailed("the profile of valgrind is incomplete")
    return {"instructions": instructions, "allocations": allocations}


def _function_name(line, names):
    """callgrind writes ``(12) name`` the first time and ``(12)`` from then on; recursion adds ``'2``."""
    match = re.match(r"c?fn=(\(\d+\))(?: (.*))?", line.strip())
    if match is None:
        return line.strip().partition("=")[2]
    if match.group(2) is not None:
        names[match.group(1)] = match.group(2).partition("'")[0].partition("@")[0]
    return names.get(match.group(1), "")


def _relay(bench, subject, count, payload_bytes, wrapper=()):
    with _stub_broker(bench, count, payload_bytes) as stub, bench.runtime() as runtime:
        with bench.subject(subject, runtime, wrapper, stub.url) as running:
            try:
                report = processes.wait_until(
                    lambda: stub.line(2) or running.fail_if_ended(), _TIMEOUT_SECONDS, "the stub's report")
            except TimeoutError as error:
                raise MeasurementFailed(str(error)) from None
            cpu_seconds = process_cpu_seconds(running.pid)
            peak_mb = machine.memory_mb(running.pid, "VmHWM")
    if report["acks_before_confirm"]:
        raise MeasurementFailed(f"{report['acks_before_confirm']} acknowledgements came before their confirms")
    return {
        "messages_per_second": report["messages_per_second"],
        "cpu_us_per_message": cpu_seconds * 1e6 / report["messages"],
        "peak_rss_mb": peak_mb,
    }


def process_cpu_seconds(pid):
    """User and system time of all threads of a process, to the nanosecond."""
    # The kernel's number for the CPU clock of another process (CPUCLOCK_SCHED = 2), as clock_getcpuclockid makes it.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        raise MeasurementFailed("the process has ended") from None


@contextlib.contextmanager
def _stub_broker(bench, count, payload_bytes):
    log = bench.scratch_file("stub")
    process = processes.start(
        [bench.tool("stub_broker"), "--count", count, "--payload-bytes", payload_bytes, "--content", bench.content],
        output=log,
    )
    stub = _Stub(log, bench)
    try:
        stub.port = processes.wait_until(lambda: stub.line(1), _PORT_TIMEOUT_SECONDS, "the stub broker")["port"]
        yield stub
    finally:
        processes.stop(process, 2)


class _Stub:
    """What the stub broker has printed: its port first, its report second."""

    def __init__(self, log, bench):
        self._log = log
        self._bench = bench
        self.port = None

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def line(self, number):
        """The decoded line `number` (from 1), or None while it is not there."""
        with open(self._log, encoding="utf-8") as file:
            lines = file.read().splitlines(keepends=True)
        if len(lines) < number or not lines[number - 1].endswith("\n"):
            return None
        if not lines[number - 1].startswith("{"):
            raise MeasurementFailed(f"stub broker: {lines[number - 1].strip()}")
        return self._bench.decoded(lines[number - 1])

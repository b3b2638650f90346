"""The scenarios with a real broker: throughput and CPU, start, idle memory, system calls."""

import subprocess
import time
from dataclasses import dataclass, replace

import machine
import system_calls
from bench import MeasurementFailed
from subjects import NEXT_ACTOR
from targets import SIZES

_IDLE_SECONDS = 2
_FIRST_MESSAGE_TIMEOUT_SECONDS = 20
# More than the 32 calls after which an adaptive window opens (sidecar.md 4.5).
_LEAST_WARMUP = 48


@dataclass(frozen=True)
class Plan:
    """How much is measured. Counts are per run: one to three seconds each on two cores shared with the broker."""

    rounds: int
    counts: dict
    starts: int
    idle_runs: int
    counted_messages: dict
    # On a busy machine no further round begins when it could not end within this time.
    seconds: float

    def warmup(self, size):
        return max(_LEAST_WARMUP, self.counts[size] // 10)


FULL = Plan(
    rounds=3,
    counts={"256 B": 15000, "4 KiB": 8000, "64 KiB": 2000, "1 MiB": 200},
    starts=7,
    idle_runs=2,
    counted_messages={"256 B": 2000, "4 KiB": 1000, "64 KiB": 500, "1 MiB": 80},
    seconds=240,
)
QUICK = Plan(
    rounds=1,
    counts={"256 B": 6000, "4 KiB": 4000, "64 KiB": 1000, "1 MiB": 100},
    starts=3,
    idle_runs=1,
    counted_messages={"256 B": 1000},
    seconds=60,
)


def with_rounds(plan, rounds):
    """The same plan with another number of throughput rounds."""
    return replace(plan, rounds=max(1, rounds), seconds=plan.seconds * max(1, rounds / plan.rounds))


class Results:
    """Measured values, by scenario, subject, size and metric; failures in words."""

    def __init__(self, say):
        self.say = say
        self.values = {}
        self.failures = []

    def add(self, scenario, subject, size, measured):
        """Adds one run's figures; each metric becomes a list with one entry per run."""
        metrics = self.values.setdefault(scenario, {}).setdefault(subject, {}).setdefault(size, {})
        for name, value in measured.items():
            if value is not None:
                metrics.setdefault(name, []).append(value)

    def failed(self, scenario, subject, size, error):
        self.failures.append({"scenario": scenario, "subject": subject, "size": size, "reason": str(error)})
        self.say(f"  FAILED {scenario}, {subject}, {size}: {error}")


def throughput(bench, subjects, plan, sizes, results):
    """Every subject relays the same number of the same messages, taking turns; each round starts with another one."""
    begin = time.monotonic()
    for round_number in range(plan.rounds):
        elapsed = time.monotonic() - begin
        if round_number > 0 and elapsed * (round_number + 1) / round_number > plan.seconds:
            results.say(f"  no round {round_number + 1}: it would not end within {plan.seconds:g} s")
            return
        for size in sizes:
            wanted = [subject for subject in subjects if not subject.sizes or size in subject.sizes]
            start = round_number % len(wanted)
            for subject in wanted[start:] + wanted[:start]:
                try:
                    measured = bench.relay(subject, plan.counts[size], plan.warmup(size), SIZES[size])
                except MeasurementFailed as error:
                    results.failed("throughput", subject.name, size, error)
                    continue
                results.add("throughput", subject.name, size, measured)
                results.say(
                    f"  round {round_number + 1}, {size:>6}, {subject.name:<36}"
                    f"{measured['messages_per_second']:>9.0f} msg/s {measured['cpu_us_per_message']:>9.1f} µs CPU"
                    f"{measured['peak_rss_mb'] or 0:>8.1f} MB"
                )


def start_and_idle(bench, subjects, plan, results):
    """From exec to the first message at the runtime and at the next queue; memory after two idle seconds."""
    for run in range(plan.starts):
        for subject in subjects:
            try:
                measured = _first_message(bench, subject, is_idle_run=run < plan.idle_runs)
            except MeasurementFailed as error:
                bench.purge()
                results.failed("start", subject.name, "256 B", error)
                continue
            results.add("start", subject.name, "256 B", measured)
    for subject in subjects:
        metrics = results.values.get("start", {}).get(subject.name, {}).get("256 B")
        if metrics:
            results.say(
                f"  {subject.name:<36} exec to runtime {min(metrics['to_runtime_ms']):.1f} ms, to next queue "
                f"{min(metrics['to_next_queue_ms']):.1f} ms (best), idle {max(metrics['idle_rss_mb']):.1f} MB"
            )


def _first_message(bench, subject, is_idle_run):
    bench.fill(1, SIZES["256 B"], "start")
    first = subprocess.Popen(
        [bench.tool("load"), "first", "--url", bench.url, "--queue", f"asya-{NEXT_ACTOR}",
         "--timeout", str(_FIRST_MESSAGE_TIMEOUT_SECONDS)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        first.stdout.readline()  # It consumes now.
        with bench.runtime() as runtime, bench.subject(subject, runtime) as running:
            arrived = bench.decoded(first.communicate(timeout=_FIRST_MESSAGE_TIMEOUT_SECONDS)[0])
            started_ns = running.exec_ns()
            measured = {
                "to_runtime_ms": (runtime.first_request_ns() - started_ns) / 1e6,
                "to_next_queue_ms": (arrived["arrived_ns"] - started_ns) / 1e6,
            }
            if is_idle_run:
                time.sleep(_IDLE_SECONDS)
                measured["idle_rss_mb"] = machine.memory_mb(running.pid, "VmRSS")
            return measured
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise MeasurementFailed(f"{subject.name}: no first message: {error}") from None
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
        first.stderr.close()


def calls_per_message(bench, subjects, plan, sizes, results):
    """System calls per message: by the kernel's tracepoint where `perf` may read it, and by kind with strace.

    A run with one message is subtracted, so that start and end do not count. strace slows the subject down and so
    makes its batches larger; the tracepoint does not.
    """
    counters = [counter for counter in (system_calls.Tracepoint, system_calls.Strace) if counter.is_usable()]
    for subject in subjects:
        for counter in counters:
            try:
                base = _counted_run(bench, subject, counter, 1, SIZES["256 B"])
                for size in sizes:
                    if size in plan.counted_messages:
                        count = plan.counted_messages[size]
                        total = _counted_run(bench, subject, counter, count, SIZES[size])
                        results.add("system calls", subject.name, size, system_calls.difference(
                            counter.name, total, base, count - 1))
            except MeasurementFailed as error:
                results.failed("system calls", subject.name, counter.name, error)
    for subject in subjects:
        for size, metrics in results.values.get("system calls", {}).get(subject.name, {}).items():
            text = ", ".join(f"{name} {values[0]:.2f}" for name, values in metrics.items())
            results.say(f"  {size:>6}, {subject.name}: {text}")


def _counted_run(bench, subject, counter, count, payload_bytes):
    path = bench.scratch_file("calls")
    bench.relay(subject, count, 0, payload_bytes, counter.command(path))
    return counter.read(path)

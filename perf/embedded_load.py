"""Measures the embedded transport: hops per second against RabbitMQ, wake-ups, a queue of a million envelopes.

perf/run.sh embedded builds the tools and runs it.
"""

import argparse
import contextlib
import datetime
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from localservers import processes
from localservers.ports import free_port
from localservers.queue_file import QueueFile
from localservers.rabbitmq import RabbitMQ

import machine
from bench import Bench, MeasurementFailed
from subjects import ACTOR, END_ACTORS, NEXT_ACTOR, Subject

_REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_BINARY = os.path.join(_REPOSITORY, "bin", "asya-sidecar")
_PAYLOAD_BYTES = 256
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PARTS = ("hops", "wakeup", "depth")
# The windows both transports are compared with, beside their defaults.
_WINDOW = 100
# Numbers to reach (issue 3).
_LEAST_RATIO = 1.5
_LARGEST_DEPTH_RATIO = 1.3


def _options(arguments):
    parser = argparse.ArgumentParser(prog="perf/run.sh embedded", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer messages, one round, 100,000 instead of 1,000,000")
    parser.add_argument("--parts", default=",".join(_PARTS), help="which parts to run (default: %(default)s)")
    parser.add_argument("--binary", default=_BINARY, help="the sidecar (default: bin/asya-sidecar)")
    parser.add_argument("--directory", help="where the queue files lie (default: the system's temporary directory)")
    parser.add_argument("--output", help="results file (default perf/results/<date>-<commit>-embedded.json)")
    parser.add_argument("--tools", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.parts = options.parts.split(",")
    return options


def envelope(number):
    """The layout of sample_envelope.h, which is all that the C echo runtime understands."""
    head = '{"id":"m-%d","route":{"actors":["%s","%s"],"current":0},"payload":"' % (number, ACTOR, NEXT_ACTOR)
    return (head + "x" * _PAYLOAD_BYTES + '"}').encode()


class EmbeddedBench:
    """Sidecars of `perf-a` on a fresh queue file."""

    def __init__(self, options, directory):
        self._options = options
        self._directory = directory
        self.file = QueueFile(os.path.join(directory, "queues.db")).create()
        for actor in (ACTOR, NEXT_ACTOR, *END_ACTORS):
            self.file.declare("asya-" + actor)

    @contextlib.contextmanager
    def sidecar(self, runtime_directory, **variables):
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "ASYA_ACTOR_NAME": ACTOR,
            "ASYA_TRANSPORT": "embedded",
            "ASYA_EMBEDDED_PATH": self.file.path,
            "ASYA_SOCKET_DIR": runtime_directory,
            "ASYA_METRICS_ADDR": "127.0.0.1:%d" % free_port(),
            **variables,
        }
        log = os.path.join(self._directory, "sidecar.log")
        process = processes.start([self._options.binary], env=environment, output=log)
        try:
            yield process
            if process.poll() is not None:
                raise MeasurementFailed("the sidecar ended: " + processes.log_tail(log, 8))
        finally:
            processes.stop(process, 10)

    def wait(self, count, timeout=240):
        """Until `count` envelopes are in the next queue."""
        deadline = time.monotonic() + timeout
        while self.file.message_count("asya-" + NEXT_ACTOR) < count:
            if time.monotonic() > deadline:
                raise MeasurementFailed("not done after %d s" % timeout)
            time.sleep(0.005)

    def fill(self, count):
        for start in range(0, count, 20000):
            self.file.send("asya-" + ACTOR, (envelope(n) for n in range(start, min(count, start + 20000))))

    def check_and_drain(self, count):
        left = self.file.message_count("asya-" + ACTOR)
        arrived = self.file.message_count("asya-" + NEXT_ACTOR)
        ids = self.file.rows(
            "SELECT count(DISTINCT envelope_id) FROM message WHERE queue = (SELECT id FROM queue WHERE name = ?)",
            "asya-" + NEXT_ACTOR,
        )[0][0]
        if (left, arrived, ids) != (0, count, count):
            raise MeasurementFailed("%d left, %d arrived, %d different, of %d" % (left, arrived, ids, count))
        self.file.purge("asya-" + NEXT_ACTOR)


def cpu_seconds(process):
    with open("/proc/%d/stat" % process.pid, encoding="ascii") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


@contextlib.contextmanager
def echo_runtime(tools, directory):
    process = processes.start(
        [os.path.join(tools, "echo_runtime"), "--dir", directory], output=os.path.join(directory, "runtime.log")
    )
    try:
        ready = os.path.join(directory, "runtime-ready")
        processes.wait_until(lambda: os.path.exists(ready), 10, "the echo runtime")
        yield
    finally:
        processes.stop(process, 2)


# -- hops per second


def embedded_hops(options, count, warmup, **variables):
    with tempfile.TemporaryDirectory(prefix="asya-perf-", dir=options.directory) as directory:
        bench = EmbeddedBench(options, directory)
        bench.fill(count)
        with echo_runtime(options.tools, directory), bench.sidecar(directory, **variables) as process:
            bench.wait(warmup)
            begin, cpu_begin, first = time.monotonic(), cpu_seconds(process), bench.file.message_count(_next())
            bench.wait(count)
            seconds, cpu = time.monotonic() - begin, cpu_seconds(process) - cpu_begin
            result = {
                "hops_per_second": (count - first) / seconds,
                "cpu_us_per_hop": cpu * 1e6 / (count - first),
                "peak_rss_mb": machine.memory_mb(process.pid, "VmHWM"),
            }
        bench.check_and_drain(count)
        return result


def _next():
    return "asya-" + NEXT_ACTOR


def rabbitmq_hops(bench, binary, window, count, warmup):
    subject = Subject("sidecar", (binary,), window)
    measured = bench.relay(subject, count, warmup, _PAYLOAD_BYTES)
    return {
        "hops_per_second": measured["messages_per_second"],
        "cpu_us_per_hop": measured["cpu_us_per_message"],
        "peak_rss_mb": measured["peak_rss_mb"],
    }


def hops(options, say):
    """Everything (sidecar, runtime, broker, load generator) on the first core, the two transports in turns."""
    count, rounds = (6000, 1) if options.quick else (15000, 3)
    results = {}
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with tempfile.TemporaryDirectory(prefix="asya-perf-") as scratch, RabbitMQ() as server:
            bench = Bench(options.tools, scratch, server.url, "text", None)
            bench.declare()
            for number in range(rounds):
                for name, run in _hop_subjects(options, bench, count):
                    measured = run()
                    for metric, value in measured.items():
                        results.setdefault(name, {}).setdefault(metric, []).append(value)
                    say("  round %d, %-34s %8.0f hops/s %7.1f µs CPU" % (
                        number + 1, name, measured["hops_per_second"], measured["cpu_us_per_hop"]))
    finally:
        os.sched_setaffinity(0, cores)
    return results


def _hop_subjects(options, bench, count):
    warmup = count // 10
    pinned = {"ASYA_EMBEDDED_PREFETCH": str(_WINDOW)}
    return [
        ("embedded, default", lambda: embedded_hops(options, count, warmup)),
        ("rabbitmq, default", lambda: rabbitmq_hops(bench, options.binary, None, count, warmup)),
        ("embedded, window 100", lambda: embedded_hops(options, count, warmup, **pinned)),
        ("rabbitmq, window 100", lambda: rabbitmq_hops(bench, options.binary, _WINDOW, count, warmup)),
        ("embedded, window 100, NORMAL",
         lambda: embedded_hops(options, count, warmup, ASYA_EMBEDDED_SYNCHRONOUS="NORMAL", **pinned)),
    ]


# -- wake-up


class StampingRuntime:
    """Answers like the echo runtime and notes when each request was complete."""

    def __init__(self, directory):
        self.stamps = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.path.join(directory, "asya-runtime.sock"))
        self._listener.listen(4)
        with open(os.path.join(directory, "runtime-ready"), "w", encoding="ascii") as file:
            json.dump({"keepalive": True}, file)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            while (head := connection.recv(4, socket.MSG_WAITALL)) and len(head) == 4:
                body = json.loads(connection.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL))
                self.stamps.append(time.monotonic_ns())
                body["route"]["current"] += 1
                reply = json.dumps([{"payload": body["payload"], "route": body["route"]}]).encode()
                connection.sendall(struct.pack(">I", len(reply)) + reply)


def wakeup(options, say):
    """From the sender's commit to the request at the handler of an idle sidecar; from there to the next queue."""
    count = 100 if options.quick else 500
    with tempfile.TemporaryDirectory(prefix="asya-perf-", dir=options.directory) as directory:
        bench = EmbeddedBench(options, directory)
        runtime = StampingRuntime(directory)
        samples = []
        with bench.sidecar(directory):
            for number in range(count + 20):
                time.sleep(0.004)
                bench.file.send("asya-" + ACTOR, [envelope(number)])
                sent = time.monotonic_ns()
                deadline = time.monotonic() + 10
                while len(runtime.stamps) <= number:
                    if time.monotonic() > deadline:
                        raise MeasurementFailed("a message never came")
                    time.sleep(0.0002)
                samples.append((runtime.stamps[number] - sent) / 1000)
        bench.wait(count + 20)
    # The first ones meet a sidecar that is still starting.
    samples = sorted(samples[20:])
    result = {
        "p50_us": statistics.median(samples),
        "p99_us": samples[int(len(samples) * 0.99) - 1],
        "max_us": samples[-1],
        "samples": len(samples),
    }
    say("  wake-up to the handler's request: p50 %(p50_us).0f µs, p99 %(p99_us).0f µs, worst %(max_us).0f µs" % result)
    return result


# -- depth


def depth(options, say):
    """The cost of a hop with a million envelopes in front, and with a thousand."""
    large = 100_000 if options.quick else 1_000_000
    results = {}
    with tempfile.TemporaryDirectory(prefix="asya-perf-", dir=options.directory) as directory:
        bench = EmbeddedBench(options, directory)
        with echo_runtime(options.tools, directory):
            with bench.sidecar(directory) as process:
                results["1000"] = _small(bench, process, 40)
            begin = time.monotonic()
            bench.fill(large)
            say("  filled %d in %.1f s, %.0f MB" % (
                large, time.monotonic() - begin, os.path.getsize(bench.file.path) / 1e6))
            with bench.sidecar(directory) as process:
                results[str(large)] = _large(bench, process, large, say)
        bench.check_and_drain(large)
    small, big = results["1000"], results[str(large)]
    results["ratio_wall"] = big["us_per_hop"] / small["us_per_hop"]
    results["ratio_cpu"] = big["cpu_us_per_hop"] / small["cpu_us_per_hop"]
    say("  cost at %d / at 1000: wall %.2f, CPU %.2f (at most %.1f)" % (
        large, results["ratio_wall"], results["ratio_cpu"], _LARGEST_DEPTH_RATIO))
    return results


def _small(bench, process, rounds):
    """A thousand at a time, on a sidecar that is warm."""
    seconds, cpu, hops_done = 0.0, 0.0, 0
    for number in range(rounds + 3):
        bench.fill(1000)
        bench.wait(100)
        begin, cpu_begin, first = time.monotonic(), cpu_seconds(process), bench.file.message_count(_next())
        bench.wait(1000)
        if number >= 3:
            seconds += time.monotonic() - begin
            cpu += cpu_seconds(process) - cpu_begin
            hops_done += 1000 - first
        bench.file.purge(_next())
    return {"us_per_hop": seconds * 1e6 / hops_done, "cpu_us_per_hop": cpu * 1e6 / hops_done}


def _large(bench, process, count, say):
    """All of them; also the first and the last tenth, between which the depth falls from all to none."""
    marks = [count // 100, count // 10, count * 9 // 10, count]
    looks = []
    for mark in marks:
        bench.wait(mark)
        looks.append((time.monotonic(), cpu_seconds(process), bench.file.message_count(_next())))
    names = ["first_tenth", "middle", "last_tenth"]
    parts = {name: _between(looks[i], looks[i + 1]) for i, name in enumerate(names)}
    whole = _between(looks[0], looks[-1])
    for name in names:
        say("    %-11s %6.1f µs per hop, %6.1f µs CPU" % (
            name, parts[name]["us_per_hop"], parts[name]["cpu_us_per_hop"]))
    return {**whole, "parts": parts}


def _between(first, last):
    count = last[2] - first[2]
    return {
        "us_per_hop": (last[0] - first[0]) * 1e6 / count,
        "cpu_us_per_hop": (last[1] - first[1]) * 1e6 / count,
    }


# -- all of it


def main(arguments):
    options = _options(arguments)
    if not os.access(options.binary, os.X_OK):
        print("perf: no sidecar at %s: run make build" % options.binary, file=sys.stderr)
        return 2
    usage = machine.Usage()
    values = {}
    parts = {"hops": hops, "wakeup": wakeup, "depth": depth}
    for name in options.parts:
        print("== " + name, flush=True)
        values[name] = parts[name](options, lambda line: print(line, flush=True))
    usage.end()
    if "hops" in values:
        ratios = {
            setting: _median(values, "embedded, " + setting) / _median(values, "rabbitmq, " + setting)
            for setting in ("default", "window 100")
        }
        values["hops"]["ratio"] = ratios
        for setting, ratio in ratios.items():
            print("  embedded / rabbitmq, %s: %.2f (aim %.1f)" % (setting, ratio, _LEAST_RATIO))
    print("  CPU share of other programs: %.2f" % usage.foreign_share())
    path = options.output or os.path.join(
        _REPOSITORY, "perf", "results",
        "%s-%s-embedded.json" % (datetime.date.today().isoformat(), machine.commit(_REPOSITORY)),
    )
    if os.path.exists(path):
        # Parts that were measured before, of the same commit.
        with open(path, encoding="utf-8") as file:
            values = {**json.load(file)["values"], **values}
    document = {
        "machine": machine.description(),
        "commit": machine.commit(_REPOSITORY),
        "cpu_share_of_other_programs": round(usage.foreign_share(), 3),
        "quick": options.quick,
        "values": values,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    print("== " + os.path.relpath(path))
    return 0


def _median(values, name):
    return statistics.median(values["hops"][name]["hops_per_second"])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (MeasurementFailed, subprocess.TimeoutExpired) as error:
        print("perf: %s" % error, file=sys.stderr)
        sys.exit(1)

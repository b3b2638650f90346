"""The load test: sidecar, rivals and C floors in turns on one broker. perf/run.sh builds its tools and runs it."""

import argparse
import datetime
import os
import sys
import tempfile
import time

from localservers import processes
from localservers.rabbitmq import RabbitMQ

import machine
import report
import scenarios
import stub_scenario
from bench import Bench, MeasurementFailed
from hanging_gateway import HangingGateway
from subjects import all_subjects, is_default
from targets import SIZES

_REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OWN_BINARY = "bin/asya-sidecar"
_OWN_NAME = "asya-sidecar"
_LEAST_FREE_MB = 2048
# Above this share of the processors' time, rates and ratios say more about the neighbours than about us.
_FOREIGN_SHARE_LIMIT = 0.1
_PARTS = ("throughput", "start", "calls")


def _options(arguments):
    parser = argparse.ArgumentParser(prog="perf/run.sh", description=__doc__.strip())
    parser.add_argument("--quick", action="store_true", help="one round and fewer messages (under 90 s)")
    parser.add_argument("--rounds", type=int, help="rounds of the throughput scenario (default 3, quick 1)")
    parser.add_argument("--sizes", default=",".join(SIZES), help="comma-separated payload sizes (default: %(default)s)")
    parser.add_argument("--content", choices=("text", "numbers", "objects"), default="text",
                        help="what payloads consist of (default: %(default)s)")
    parser.add_argument("--binary", action="append", default=[], metavar="[NAME=]PATH",
                        help=f"sidecar to measure, repeatable; the first one is judged (default {_OWN_BINARY})")
    parser.add_argument("--floors-only", action="store_true", help="measure no sidecar")
    parser.add_argument("--parts", default=",".join(_PARTS), help="which parts to run (default: %(default)s)")
    parser.add_argument("--one-shot", action="store_true", help="runtime without keep-alive, as the original's "
                        "(the floors with a runtime call need a kept connection and are left out)")
    parser.add_argument("--stub", action="store_true", help="stub broker instead of RabbitMQ: instructions, "
                        "allocations and system calls per message")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a required number is not reached")
    parser.add_argument("--output", help="results file (default perf/results/<date>-<commit>.json)")
    parser.add_argument("--tools", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.sizes = [size.strip() for size in options.sizes.split(",")]
    options.parts = [part.strip() for part in options.parts.split(",")]
    for given, known in ((options.sizes, SIZES), (options.parts, _PARTS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
    options.sidecars = {} if options.floors_only else _sidecars(parser, options.binary)
    return options


def _sidecars(parser, binaries):
    """Names and absolute paths, in the order given."""
    found = {}
    for binary in binaries or [os.path.join(_REPOSITORY, _OWN_BINARY)]:
        name, separator, path = binary.rpartition("=")
        path = os.path.abspath(path)
        if not os.access(path, os.X_OK) or os.path.isdir(path):
            parser.error(f"{path} is not an executable file; build it (make build) or pass --floors-only")
        found[name if separator else os.path.basename(path)] = path
    return found


def _measure(options, plan, bench, results):
    subjects = all_subjects(bench.tool("floor"), options.sidecars, options.one_shot)
    defaults = [subject for subject in subjects if is_default(subject)]
    bench.declare()
    if "throughput" in options.parts:
        results.say(f"Throughput and CPU time, {plan.rounds} round(s)")
        scenarios.throughput(bench, subjects, plan, options.sizes, results)
    if "start" in options.parts:
        results.say("Start and idle memory")
        scenarios.start_and_idle(bench, defaults, plan, results)
    if "calls" in options.parts:
        results.say("System calls per message")
        scenarios.calls_per_message(bench, defaults, plan, options.sizes, results)


def _run_with_broker(options, plan, scratch, results):
    results.say("Starting RabbitMQ")
    with RabbitMQ(management=False) as broker, HangingGateway() as gateway:
        bench = Bench(options.tools, scratch, broker.url, options.content, gateway.url, options.one_shot)
        _measure(options, plan, bench, results)


def _run_with_stub(options, scratch, results):
    bench = Bench(options.tools, scratch, "", options.content, None)
    subjects = stub_scenario.stub_subjects(bench.tool("floor"), options.sidecars)
    results.say("Stub broker: counts per message")
    stub_scenario.run(bench, subjects, results)


def _print_tables(options, content):
    sidecar = next(iter(options.sidecars), _OWN_NAME)
    tables = report.Report(content, sidecar)
    print()
    if options.stub:
        print(tables.stub_table())
        print("\n".join(["", *tables.stub_verdicts()]))
        return tables
    if options.sidecars:
        print(f"{sidecar} against the targets (ratio: to the C floor with a runtime call at the same window)\n")
        print(tables.targets_table(), end="\n\n")
    print(tables.throughput_table())
    for scenario in ("start", "system calls"):
        if scenario in content["results"]:
            print("\n" + tables.metrics_table(scenario))
    return tables


def _header(options, arguments, started, usage):
    shown = [argument.replace(_REPOSITORY + os.sep, "") for argument in arguments]
    return {
        "date": started.isoformat(timespec="seconds"),
        "commit": machine.commit(_REPOSITORY),
        "command": " ".join(["perf/run.sh", *[os.path.basename(a) if a.startswith("/") else a for a in shown]]),
        "seconds": round(usage.seconds, 1),
        "cpu_share_of_other_programs": round(usage.foreign_share(), 3),
        "machine": machine.description(),
        "broker": "stub" if options.stub else "RabbitMQ on the same cores",
        "payload_content": options.content,
    }


def main(arguments):
    """Runs what was asked for; 0, or 1 when a run failed (with --strict also when a number was not reached)."""
    options = _options(arguments)
    visible = [a for i, a in enumerate(arguments) if a != "--tools" and (i == 0 or arguments[i - 1] != "--tools")]
    plan = scenarios.QUICK if options.quick else scenarios.FULL
    for path in options.sidecars.values():
        machine.forget_cached(path)
    if options.rounds is not None:
        plan = scenarios.with_rounds(plan, options.rounds)
    processes.exit_on_termination()
    started, clock, usage = datetime.datetime.now(datetime.timezone.utc), time.monotonic(), machine.Usage()
    results = scenarios.Results(lambda text: print(f"{time.monotonic() - clock:6.1f} s  {text}", flush=True))
    with tempfile.TemporaryDirectory(prefix="asya-perf-", ignore_cleanup_errors=True) as scratch:
        if machine.free_mb(scratch) < _LEAST_FREE_MB:
            print(f"less than {_LEAST_FREE_MB} MB free for the broker's queues", file=sys.stderr)
            return 1
        if options.stub:
            _run_with_stub(options, scratch, results)
        else:
            _run_with_broker(options, plan, scratch, results)
    usage.end()
    header = _header(options, visible, started, usage)
    name = f"{started:%Y-%m-%d}-{header['commit']}{'-stub' if options.stub else ''}.json"
    path = options.output or os.path.join(_REPOSITORY, "perf", "results", name)
    content = report.write(path, header, results)
    tables = _print_tables(options, content)
    if usage.foreign_share() > _FOREIGN_SHARE_LIMIT:
        print(f"\nOther programs used {usage.foreign_share():.0%} of the processors meanwhile: distrust the times.")
    print(f"\nWritten: {os.path.relpath(path)}; {len(results.failures)} failed run(s), "
          f"{tables.failed_targets} required number(s) not reached, {header['seconds']:.0f} s")
    return 1 if results.failures or (options.strict and tables.failed_targets) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started has been stopped")
    except (MeasurementFailed, RuntimeError, TimeoutError) as failure:
        sys.exit(f"perf: {failure}")

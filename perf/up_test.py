"""`perf/run.sh up`: what `asya up` costs at rest, its autoscaling timeline, and the safety of its scale-in.

Uses bin/asya and bin/asya-sidecar (make build) and the harness of Tests/CLI. Exit status 1 when a budget is exceeded or
a call was interrupted, doubled or lost.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "Tests" / "CLI")]

# ruff: noqa: E402 (the path has to be set first)
from conftest import Asya
from scaling_actors import LONG, calls, manifest, quick
from up_run import Folder

IDLE_ACTORS = 20
IDLE_RSS_BUDGET_MB = 20.0
# Share of one core.
IDLE_CPU_BUDGET = 0.002
WAKE_ROUNDS = 10
ENVELOPES = 500
CALLS_PER_ROUND = 6

QUICK = quick(0.05)


def memory_mb(process):
    """(resident, private) of a process."""
    with open(f"/proc/{process}/smaps_rollup") as file:
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in file if line.rstrip().endswith("kB")}
    private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return kilobytes["Rss"] / 1024, private / 1024


def cpu_seconds(process):
    """User and system time of a process."""
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_idle(folder, seconds):
    """Memory and CPU with 20 actors at zero, and how soon a message is noticed."""
    names = [f"actor-{number:02}" for number in range(IDLE_ACTORS)]
    folder.write(
        quick_py=QUICK,
        asya_yaml=manifest(names, "quick.work", minReplicas=0, maxReplicas=1, pollingInterval=10, cooldownPeriod=1),
    )
    started = time.monotonic()
    with folder.up() as run:
        run.started()
        start_seconds = time.monotonic() - started
        run.wait(lambda: run.find("status"), "the first numbers")
        time.sleep(2)
        before = cpu_seconds(run.process.pid)
        time.sleep(seconds)
        cpu = (cpu_seconds(run.process.pid) - before) / seconds
        resident, private = memory_mb(run.process.pid)
        delays = [wake_milliseconds(folder, run, name) for name in names[:WAKE_ROUNDS]]
        run.stop()
    print(f"idle, {IDLE_ACTORS} actors at zero: {resident:.1f} MB resident ({private:.1f} MB private), budget"
          f" {IDLE_RSS_BUDGET_MB:g} MB; CPU {cpu * 100:.2f} % of a core; start {start_seconds * 1000:.0f} ms")
    print(f"send to decision 0 → 1: median {statistics.median(delays):.0f} ms, worst {max(delays):.0f} ms"
          f" (includes starting the command asya send)")
    return {
        "idle_rss_mb": resident,
        "idle_private_mb": private,
        "idle_cpu_share": cpu,
        "start_seconds": start_seconds,
        "wake_ms": delays,
        "ok": resident <= IDLE_RSS_BUDGET_MB and cpu <= IDLE_CPU_BUDGET,
    }


def wake_milliseconds(folder, run, name):
    """From before `asya send` to the autoscaler's decision."""
    started = time.monotonic()
    folder.send(name, [0])
    run.wait(lambda: run.find("scaled", actor=name, to=1), "the decision")
    return (time.monotonic() - started) * 1000


def show_timeline(folder):
    """500 envelopes on an actor with 0 to 8 replicas, one for five messages."""
    folder.write(
        quick_py=QUICK,
        asya_yaml=manifest(
            ["work"], "quick.work", minReplicas=0, maxReplicas=8, queueLength=5, pollingInterval=1, cooldownPeriod=5
        ),
    )
    print(f"\ntimeline of {ENVELOPES} envelopes of 50 ms, minReplicas 0, maxReplicas 8, queueLength 5")
    print("   time  wanted  ready  queued  in flight    done")
    rows = []
    with folder.up() as run:
        run.started()
        started = time.monotonic()
        folder.send("work", [{"n": n} for n in range(ENVELOPES)])
        seen = 0
        while run.timeline("work")[-1:] != [0] or run.status("work").get("state") != "at zero":
            statuses = run.find("status")
            for status in statuses[seen:]:
                work = next(actor for actor in status["actors"] if actor["actor"] == "work")
                row = (time.monotonic() - started, *(work[k] for k in ("desired", "ready", "queued", "inFlight", "done")))
                rows.append(row)
                print("%6.1f s %7d %6d %7d %10d %7d" % row)
            seen = len(statuses)
            assert time.monotonic() - started < 120, str(run)
            time.sleep(0.05)
        timeline = run.timeline("work")
        run.stop()
    ended, left, duplicates = folder.ended(), folder.left(), folder.duplicates()
    print(f"decisions {' → '.join(map(str, timeline))}; {ended} ended, {left} left, {len(duplicates)} doubled")
    ok = timeline[0] == 0 and max(timeline) == 8 and timeline[-1] == 0 and ended == ENVELOPES and left == 0
    return {"timeline": timeline, "rows": rows, "ok": ok and not duplicates}


def check_scale_in(folder, rounds, seconds):
    """Pairs are ended while they hold a call: each call runs to its end, once. Ten actors at a time."""
    names = [f"actor-{number}" for number in range(10)]
    folder.write(
        long_py=LONG,
        asya_yaml=manifest(
            names, "long.work", minReplicas=1, maxReplicas=2, queueLength=5, pollingInterval=1, cooldownPeriod=0
        ),
    )
    done = 0
    busy = 0
    with folder.up() as run:
        run.started()
        while done < rounds:
            batch = names[: rounds - done]
            for name in batch:
                payloads = [{"actor": name, "n": done * 10 + n, "seconds": seconds} for n in range(CALLS_PER_ROUND)]
                folder.send(name, payloads)
            done += len(batch)
            expected = done * CALLS_PER_ROUND
            run.wait(lambda: folder.ended() == expected, f"{expected} calls", timeout=CALLS_PER_ROUND * seconds + 60)
        busy = sum(1 for event in run.find("scaled", to=1) if event["inFlight"] == 2 and event["actor"] in names)
        unwanted = run.find("drainTimedOut") + run.find("failed")
        run.stop()
    begun, ended = calls(folder)
    once = len({call[:2] for call in begun}) == len(begun) == rounds * CALLS_PER_ROUND
    print(f"\nscale-in, calls of {seconds:g} s: {rounds} rounds, {busy} times a pair was ended while both held a call;"
          f" {len(begun)} calls begun, {len(ended)} ended, {len(begun) - len(ended)} interrupted")
    ok = begun == ended and once and busy >= rounds and not unwanted
    return {"rounds": rounds, "ended_while_busy": busy, "calls": len(begun), "ok": ok}


def main():
    """Runs the parts; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter calls")
    parser.add_argument("--parts", default="idle,timeline,scale-in", help="idle,timeline,scale-in")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures to this file")
    options = parser.parse_args()
    figures = {}
    work = {
        "idle": lambda folder: measure_idle(folder, 5 if options.quick else 30),
        "timeline": show_timeline,
        "scale-in": lambda folder: check_scale_in(folder, *((4, 2.5) if options.quick else (20, 5.0))),
    }
    for part in options.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="asya-perf-up-") as directory:
            figures[part] = work[part](Folder(Asya(pathlib.Path(directory))))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    failed = [part for part, figure in figures.items() if not figure["ok"]]
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all budgets kept'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

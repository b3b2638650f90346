"""Two ways to count the system calls of a process: the kernel's tracepoint (through perf) and strace."""

import re
import shutil
import subprocess

from bench import MeasurementFailed

_SHOWN_PER_KIND = 8


class Tracepoint:
    """``perf stat`` on raw_syscalls:sys_enter: exact, and hardly slows the process down. Totals only."""

    name = "tracepoint"
    _event = "raw_syscalls:sys_enter"

    @classmethod
    def is_usable(cls):
        if shutil.which("perf") is None:
            return False
        done = subprocess.run(
            ["perf", "stat", "-x,", "-e", cls._event, "true"], capture_output=True, text=True, check=False
        )
        return done.returncode == 0 and re.match(r"\d+,", done.stderr.strip()) is not None

    @classmethod
    def command(cls, path):
        return ("perf", "stat", "-x,", "-o", path, "-e", cls._event, "--")

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            match = re.search(r"^(\d+),", file.read(), re.MULTILINE)
        if match is None:
            raise MeasurementFailed("perf stat counted nothing")
        return {"all": int(match.group(1))}


class Strace:
    """``strace -c -f``: the calls by kind, of a process that strace makes several times slower."""

    name = "strace"

    @staticmethod
    def is_usable():
        return shutil.which("strace") is not None

    @staticmethod
    def command(path):
        return ("strace", "-c", "-f", "-o", path, "--")

    @staticmethod
    def read(path):
        counts = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                # % time, seconds, usecs/call, calls, errors (may be missing), name
                words = line.split()
                if len(words) in (5, 6) and words[3].isdigit() and words[-1].isidentifier():
                    counts[words[-1]] = counts.get(words[-1], 0) + int(words[3])
        total = counts.pop("total", None)
        if total is None:
            raise MeasurementFailed("strace counted nothing")
        return {"all": total, **counts}


def difference(counter_name, total, base, messages):
    """Calls per message as metrics: the sum first, then the most frequent kinds."""
    per_message = {kind: (count - base.get(kind, 0)) / messages for kind, count in total.items()}
    kinds = sorted((kind for kind in per_message if kind != "all"), key=per_message.get, reverse=True)
    shown = [kind for kind in kinds[:_SHOWN_PER_KIND] if per_message[kind] >= 0.005]
    return {counter_name: per_message["all"], **{f"{counter_name} {kind}": per_message[kind] for kind in shown}}

"""Where and on what a measurement was made, and what the kernel says about a process."""

import os
import platform
import resource
import shutil
import subprocess
import time


def description():
    """Processor, cores, memory, kernel: what a reader needs to compare figures."""
    return {
        "cpu": _first_value("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mb": int((_first_value("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) // 1024,
        "kernel": platform.release(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def commit(repository):
    """Short commit id, with ``-dirty`` when tracked files differ from it; ``uncommitted`` outside of a commit."""
    head = _git(repository, "rev-parse", "--short", "HEAD")
    if head is None:
        return "uncommitted"
    return head + ("-dirty" if _git(repository, "status", "--porcelain", "--untracked-files=no") else "")


def memory_mb(pid, name):
    """A line of /proc/PID/status such as ``VmHWM`` or ``VmRSS`` in MB of 1024 kB; None when the process is gone."""
    value = _first_value(f"/proc/{pid}/status", name)
    return round(int(value.split()[0]) / 1024, 2) if value else None


def free_mb(path):
    """Free megabytes in the file system of `path`."""
    return shutil.disk_usage(path).free // 1048576


class Usage:
    """How busy the machine was from construction to `end`, and how much of that was neither us nor our children.

    Children count when they have been waited for, so call `end` after the broker has stopped.
    """

    def __init__(self):
        self._begin = time.monotonic()
        self._busy, self._own = _busy_seconds(), _own_seconds()
        self.seconds = 0.0

    def end(self):
        self.seconds = time.monotonic() - self._begin
        self._busy = _busy_seconds() - self._busy
        self._own = _own_seconds() - self._own

    def foreign_share(self):
        """Part of all processors' time, 0 to 1."""
        return max(0.0, self._busy - self._own) / (self.seconds * os.cpu_count())


def _busy_seconds():
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _iowait, interrupt, soft_interrupt, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _first_value(path, name):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        return None
    return None


def _git(repository, *arguments):
    done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def forget_cached(path):
    """Drops a program's pages from the cache, so that it is read as on a node that has just pulled the image.

    The pages of a file that was written a moment ago are cached in large pieces and mapped whole, which doubled the
    resident size of a freshly built binary (12 MB instead of 6) without it touching more of itself.
    """
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

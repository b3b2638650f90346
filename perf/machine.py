"""Where and on what a measurement was made, and what the kernel says about a process."""

import os
import platform
import shutil
import subprocess


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

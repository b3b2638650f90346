"""Tests of tools/localservers/processes.py and ports.py."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

TOOLS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOOLS))

from localservers import processes
from localservers.ports import free_port


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def read_pid(path):
    return int(processes.wait_until(lambda: path.exists() and path.read_text().strip(), 10, what=str(path)))


def test_stop_ends_a_polite_process_with_its_own_status(tmp_path):
    log = tmp_path / "log"
    code = "import signal,sys; signal.signal(15, lambda *a: sys.exit(3)); print('up', flush=True); signal.pause()"
    process = processes.start([sys.executable, "-c", code], output=log)
    processes.wait_until(lambda: "up" in log.read_text(), 10)
    assert processes.stop(process) == 3
    assert processes.stop(process) == 3


def test_stop_kills_a_stubborn_tree(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > {pid_file}; while :; do sleep 1; done' & wait"
    process = processes.start(["sh", "-c", script + "; wait"])
    grandchild = read_pid(pid_file)
    assert processes.stop(process, grace=0.2) == -signal.SIGKILL
    processes.wait_until(lambda: not is_running(grandchild), 5)


def test_children_die_with_a_killed_parent(tmp_path):
    pid_file = tmp_path / "pid"
    code = f"""
        import sys, time
        sys.path.insert(0, {str(TOOLS)!r})
        from localservers import processes
        child = processes.start(["sleep", "60"])
        open({str(pid_file)!r}, "w").write(str(child.pid))
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    child = read_pid(pid_file)
    parent.kill()
    parent.wait()
    processes.wait_until(lambda: not is_running(child), 5)


def test_clean_up_runs_once_and_also_after_sigterm(tmp_path):
    code = f"""
        import sys, time
        sys.path.insert(0, {str(TOOLS)!r})
        from localservers import processes
        processes.exit_on_termination()
        clean = processes.CleanUpAtExit(lambda: open({str(tmp_path / "cleaned")!r}, "a").write("x"))
        open({str(tmp_path / "up")!r}, "w").write("1")
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    read_pid(tmp_path / "up")
    parent.terminate()
    assert parent.wait(10) == 128 + signal.SIGTERM
    assert (tmp_path / "cleaned").read_text() == "x"


def test_wait_until_says_what_it_waited_for():
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="waiting for the moon"):
        processes.wait_until(lambda: False, 0.05, what=lambda: "the moon")
    assert time.monotonic() - started < 5


def test_free_ports_are_distinct_and_can_be_bound():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports[0]))


def test_log_tail_of_a_missing_file_is_a_note():
    assert "cannot read" in processes.log_tail(os.path.join("nowhere", "log"))

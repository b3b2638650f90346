"""Child processes that cannot outlive us, and waiting for conditions with a limit."""

import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

DEFAULT_STOP_GRACE_SECONDS = 10.0


def start(command, env=None, cwd=None, output=None, death_signal=signal.SIGKILL):
    """Starts `command` in a session of its own and returns its ``subprocess.Popen``.

    The kernel sends `death_signal` to the child when the *thread* that called this function ends, so call it from a
    thread that lives as long as the child should. The session of its own keeps a terminal's Ctrl-C away from the
    child: the parent decides in which order things end. `output` is a path that receives standard output and error
    (appended); without it they go to /dev/null.
    """
    parent = os.getpid()

    def in_child():
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # The parent died before the line above took effect.
            os._exit(127)

    sink = open(output, "ab") if output is not None else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=in_child,
        )
    finally:
        if output is not None:
            sink.close()


def stop(process, grace=DEFAULT_STOP_GRACE_SECONDS):
    """Ends a process of `start` and all its descendants: SIGTERM first, SIGKILL after `grace` seconds.

    Returns the exit status. `None` and processes that have ended are fine. With ``grace=0`` only SIGKILL is sent.
    """
    if process is None:
        return None
    if process.returncode is None:  # Afterwards the number may belong to a stranger.
        tree = descendants(process.pid)
        if grace > 0:
            _signal(process.pid, signal.SIGTERM)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGKILL)
        for pid, started in tree:
            if _start_time(pid) == started:
                _signal(pid, signal.SIGKILL)
    return process.wait()


def kill(process):
    """Ends a process of `start` and all its descendants with SIGKILL; nothing gets a chance to clean up."""
    return stop(process, grace=0)


def descendants(pid):
    """All living descendants of `pid`, as (pid, kernel start time) pairs, parents before children."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat_fields(int(entry))
            if fields is not None:
                children.setdefault(int(fields[1]), []).append((int(entry), fields[19]))
    found = []
    front = [pid]
    while front:
        for child in children.get(front.pop(0), []):
            found.append(child)
            front.append(child[0])
    return found


def wait_until(condition, timeout, what="condition", interval=0.02):
    """Calls `condition` until it returns something true, and returns that; ``TimeoutError`` after `timeout` s.

    `what` completes the sentence "gave up waiting for …"; it may be a function, called only in that case.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise TimeoutError(f"gave up after {timeout:g} s waiting for {text}")
        time.sleep(interval)


def log_tail(path, line_count=30):
    """The last lines of a log file for an error message; a note instead when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()[-line_count:]
    except OSError as error:
        return f"(cannot read {path}: {error.strerror})"
    return "\n".join(lines) if lines else f"({path} is empty)"


def exit_on_termination():
    """Makes SIGTERM and SIGHUP end this process like ``sys.exit``, so that ``finally`` and ``atexit`` run.

    Does nothing outside the main thread, or where somebody has installed a handler already.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_system_exit)


class CleanUpAtExit:
    """Calls a clean-up function once: by `now`, or else when the interpreter exits (not in forked children)."""

    def __init__(self, function):
        self._function = function
        self._owner = os.getpid()
        atexit.register(self.now)

    def now(self):
        """Calls the function, unless it has been called or cancelled."""
        function, self._function = self._function, None
        if function is not None and os.getpid() == self._owner:
            atexit.unregister(self.now)
            function()

    def cancel(self):
        """Leaves everything as it is."""
        self._function = None


def remove_tree(path):
    """Removes a directory of ours. What a dying server still writes into it is removed with a second try."""
    for _ in range(5):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.exists(path):
            return
        time.sleep(0.1)


def _raise_system_exit(number, _frame):
    raise SystemExit(128 + number)


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _signal_group(group, number):
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _start_time(pid):
    fields = _stat_fields(pid)
    return fields[19] if fields is not None else None


def _stat_fields(pid):
    """The fields of /proc/PID/stat after the command name, from the state on: [1] is the parent, [19] the start."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None

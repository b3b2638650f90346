"""The sidecar as a child process: environment from keyword arguments, log in a file, metrics parsed."""

import atexit
import http.client
import os
import re
import signal
import subprocess

from .metrics import parse_metrics
from .paths import sidecar_binary
from .waiting import eventually


class Sidecar:
    """One sidecar process that can be started again with the same environment.

    Nothing of the suite's own environment reaches it except PATH, so a test sets exactly what it names.
    """

    def __init__(self, directory, environment, metrics_port, name="sidecar"):
        self.name = name
        self.environment = environment
        self.metrics_port = metrics_port
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None

    # Life

    def start(self):
        """Starts the process; its output is appended to the log of earlier runs."""
        assert self.process is None or self.process.poll() is not None, "%s runs already" % self.name
        environment = {"PATH": os.environ.get("PATH", "")}
        environment.update(self.environment)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [sidecar_binary()], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        _started.append(self.process)
        return self

    def wait_ready(self, timeout=15.0):
        """Waits until `/ready` answers 200; fails at once when the process ended."""
        eventually(lambda: self._alive() and self.status("/ready") == 200, timeout, "%s to be ready" % self.name)
        return self

    def wait_up(self, timeout=10.0):
        """Waits until `/health` answers 200."""
        eventually(lambda: self._alive() and self.status("/health") == 200, timeout, "%s to be up" % self.name)
        return self

    def _alive(self):
        code = self.process.poll()
        assert code is None, "%s ended with status %s:\n%s" % (self.name, code, self.log_tail())
        return True

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def kill(self):
        """SIGKILL, and waits until the kernel has closed its connections."""
        if self.is_running:
            self.process.kill()
            self.process.wait(10)

    def wait_exit(self, timeout=10.0):
        """Exit status; fails when the process is still there after `timeout`."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s still runs after %.1f s:\n%s" % (self.name, timeout, self.log_tail())) from None

    def stop(self, timeout=10.0):
        """SIGTERM and exit status."""
        self.terminate()
        return self.wait_exit(timeout)

    # Observation

    def log(self):
        with open(self.log_path, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def log_tail(self, characters=6000):
        return self.log()[-characters:] if os.path.exists(self.log_path) else "(no log)"

    def log_lines(self, level=None):
        lines = self.log().splitlines()
        return lines if level is None else [line for line in lines if re.search(r"\blevel=%s\b" % level, line)]

    def status(self, path):
        """HTTP status of a path on the metrics port, or None when nobody listens."""
        try:
            return self.get(path)[0]
        except OSError:
            return None

    def get(self, path, headers=None):
        """(status, headers, body) of a GET on the metrics port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=5)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except http.client.HTTPException as error:
            raise ConnectionError("bad HTTP answer: %r" % error) from error
        finally:
            connection.close()

    def metrics(self):
        """Current values, see `Metrics`."""
        return parse_metrics(self.get("/metrics")[2].decode())

    def metric(self, name, **labels):
        """Value of one series under the default namespace, 0 when it has not appeared."""
        return self.metrics().value("asya_actor_" + name, **labels)

    def wait_metric(self, name, expected, timeout=10.0, **labels):
        """Waits until a series has at least the expected value."""
        eventually(
            lambda: self.metric(name, **labels) >= expected,
            timeout,
            "%s%r to reach %s (is %s)" % (name, labels, expected, self.metric(name, **labels)),
        )

    def memory_kib(self, field="VmRSS"):
        """A field of /proc/<pid>/status in KiB: `VmRSS` now, `VmHWM` at its peak."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError("no %s in /proc status" % field)


def _kill_leftovers():
    """The last line of defence: nothing started here outlives the suite."""
    for process in _started:
        if process.poll() is None:
            process.kill()


_started = []
atexit.register(_kill_leftovers)

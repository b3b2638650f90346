"""The real Python runtime as a child process with handlers of this suite."""

import os
import signal
import subprocess
import sys

from .paths import HANDLERS, runtime_file
from .waiting import eventually


class PythonRuntime:
    """`asya_runtime.py` with one handler; can be killed and started again."""

    def __init__(self, directory, handler, mode="payload", log_name="runtime.log", **environment):
        self.directory = directory
        self.handler = handler
        self.mode = mode
        self.log_path = os.path.join(directory, log_name)
        self.environment = environment
        self.process = None

    def start(self, wait=True):
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": HANDLERS,
            "ASYA_HANDLER": self.handler,
            "ASYA_HANDLER_MODE": self.mode,
            "ASYA_SOCKET_DIR": self.directory,
        }
        environment.update(self.environment)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [os.environ.get("ASYA_PYTHON", sys.executable), runtime_file()],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=15.0):
        ready = os.path.join(self.directory, "runtime-ready")
        eventually(lambda: self._alive() and os.path.exists(ready), timeout, "the Python runtime to be ready")
        return self

    def _alive(self):
        assert self.process.poll() is None, "the runtime ended with %s:\n%s" % (self.process.poll(), self.log())
        return True

    def kill(self):
        """SIGKILL; socket and ready file stay behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

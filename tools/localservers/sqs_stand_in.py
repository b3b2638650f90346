"""The small fast SQS of perf/sqs_stand_in.c as a private server, built when it is older than its sources."""

import json
import os
import subprocess
import urllib.request

from . import processes
from .ports import free_port

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_TOOLS = os.path.join(_ROOT, ".build-perf")
_START_TIMEOUT_SECONDS = 60


def build(directory=_TOOLS):
    """Compiles the program if needed; returns its path."""
    subprocess.run([os.path.join(_ROOT, "perf", "build-tools.sh"), directory, "sqs_stand_in"], check=True)
    return os.path.join(directory, "sqs_stand_in")


class SQSStandIn:
    """`with SQSStandIn() as server: server.url`. Its own requests (`administer`) are those of sqs_stand_in.h."""

    def __init__(self, round_trip_ms=0, creates_queues=False, program=None):
        self._program = program
        self._options = ["--round-trip-ms", str(round_trip_ms)] + (["--create-queues"] if creates_queues else [])
        self._process = None
        self._clean_up = None
        self.port = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.port = free_port()
        command = [self._program or build(), "--port", str(self.port), *self._options]
        self._process = processes.start(command)
        self._clean_up = processes.CleanUpAtExit(lambda: processes.kill(self._process))
        processes.wait_until(self._answers, _START_TIMEOUT_SECONDS, "the SQS stand-in")
        return self

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"the SQS stand-in ended with status {self._process.returncode}")
        try:
            return self.statistics()
        except OSError:
            return None

    def administer(self, path, timeout=60):
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return json.load(answer)

    def statistics(self):
        return self.administer("/statistics", 10)

    def stop(self):
        if self._clean_up is not None:
            self._clean_up.now()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()

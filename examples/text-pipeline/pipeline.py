"""The pipeline's topology and its processes: for each actor a queue, a sidecar and a runtime."""

import os
import pathlib
import sys
import urllib.request
from dataclasses import dataclass, field

import pika
from localservers import processes
from localservers.ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIDECAR = pathlib.Path(os.environ.get("ASYA_SIDECAR", ROOT / "bin" / "asya-sidecar"))
RUNTIME = ROOT / "Sources" / "Runtime" / "asya_runtime.py"
DOCUMENTS = HERE / "documents"

EXCHANGE = "asya"
HAPPY_END, ERROR_END = "happy-end", "error-end"
START_TIMEOUT_SECONDS = 30.0
# A sidecar finishes the message in hand before it ends; the handlers here take milliseconds.
STOP_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Step:
    """One actor of the pipeline: its name, its Python handler and how that is called."""

    name: str
    handler: str
    mode: str = "payload"
    is_end: bool = False


STEPS = [
    Step("fetch-documents", "fetch_documents.read_document"),
    Step("split-sections", "split_sections.split"),
    Step("score-section", "score_section.SectionScorer.score"),
    Step("judge-section", "judge_section.judge", mode="envelope"),
    Step("refine-section", "refine_section.refine"),
    Step(HAPPY_END, "end_actors.happy_end", mode="envelope", is_end=True),
    Step(ERROR_END, "end_actors.error_end", mode="envelope", is_end=True),
]
# refine-section is not in it: judge-section puts it into the route of the envelopes that need it.
BASE_ROUTE = ["fetch-documents", "split-sections", "score-section", "judge-section"]


def queue_of(actor):
    """Name of an actor's queue."""
    return f"asya-{actor}"


def declare_queues(connection):
    """What the operator does in a cluster: the exchange, a durable queue per actor, its binding."""
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    for step in STEPS:
        channel.queue_declare(queue_of(step.name), durable=True)
        channel.queue_bind(queue_of(step.name), EXCHANGE, routing_key=step.name)
    channel.close()


def ready_messages(connection, actor):
    """How many messages wait in an actor's queue (those a sidecar holds are not counted)."""
    channel = connection.channel()
    try:
        return channel.queue_declare(queue_of(actor), passive=True).method.message_count
    finally:
        channel.close()


def publish(connection, envelopes):
    """Publishes (body, actor) pairs and returns when the broker has confirmed them all."""
    channel = connection.channel()
    channel.confirm_delivery()
    properties = pika.BasicProperties(delivery_mode=2, content_type="application/json")
    for body, actor in envelopes:
        channel.basic_publish(EXCHANGE, actor, body, properties, mandatory=True)
    channel.close()


@dataclass
class Actor:
    """A step's two processes, which can be killed and started again."""

    step: Step
    directory: pathlib.Path
    documents: pathlib.Path
    broker_url: str
    gateway_url: str
    sidecar: object = None
    runtime: object = None
    metrics_port: int = field(default_factory=free_port)
    # Counters of this actor's sidecars as they were just before their end, summed over labels, by metric name.
    counts: dict = field(default_factory=dict)

    @property
    def log_file(self):
        """Output of both processes."""
        return self.directory / "log"

    def start(self):
        """Starts runtime and sidecar; `wait_until_ready` tells when they work."""
        self.directory.mkdir(exist_ok=True)
        path = {"PATH": os.environ.get("PATH", os.defpath), "ASYA_SOCKET_DIR": str(self.directory)}
        self.runtime = processes.start(
            [sys.executable, RUNTIME], env={**path, **self._runtime_environment()}, output=self.log_file
        )
        self.sidecar = processes.start([SIDECAR], env={**path, **self._sidecar_environment()}, output=self.log_file)

    def wait_until_ready(self):
        """Returns when the sidecar consumes; raises with the log's end when a process has ended."""
        processes.wait_until(
            self._is_ready, START_TIMEOUT_SECONDS, what=lambda: f"{self.step.name}\n{self._log_tail()}"
        )

    def kill(self):
        """SIGKILL to both. The sidecar first: it must not see its runtime die and draw conclusions."""
        self._keep_counts()
        processes.kill(self.sidecar)
        processes.kill(self.runtime)

    def stop(self):
        """Orderly end; returns what was wrong with it, or None."""
        self._keep_counts()
        statuses = processes.stop(self.sidecar, STOP_GRACE_SECONDS), processes.stop(self.runtime, STOP_GRACE_SECONDS)
        if statuses == (0, 0):
            return None
        return f"{self.step.name}: sidecar and runtime ended with status {statuses}\n{self._log_tail()}"

    def count(self, metric):
        """Sum of a counter over all its labels and all the sidecars this actor has had."""
        return int(self.counts.get(metric, 0))

    def _runtime_environment(self):
        return {
            "PYTHONPATH": str(HERE / "actors"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ASYA_HANDLER": self.step.handler,
            "ASYA_HANDLER_MODE": self.step.mode,
            "ASYA_ENABLE_VALIDATION": "false" if self.step.is_end else "true",
            "DOCUMENTS_DIRECTORY": str(self.documents.resolve()),
            "RESULTS_DIRECTORY": str(self.directory.parent),
        }

    def _sidecar_environment(self):
        return {
            "ASYA_ACTOR_NAME": self.step.name,
            "ASYA_IS_END_ACTOR": "true" if self.step.is_end else "false",
            "ASYA_ACTOR_HAPPY_END": HAPPY_END,
            "ASYA_ACTOR_ERROR_END": ERROR_END,
            "ASYA_TRANSPORT": "rabbitmq",
            "ASYA_RABBITMQ_URL": self.broker_url,
            "ASYA_RABBITMQ_EXCHANGE": EXCHANGE,
            "ASYA_GATEWAY_URL": self.gateway_url,
            "ASYA_METRICS_ADDR": f"127.0.0.1:{self.metrics_port}",
            "ASYA_RUNTIME_TIMEOUT": "30s",
        }

    def _is_ready(self):
        for name, process in (("sidecar", self.sidecar), ("runtime", self.runtime)):
            if process.poll() is not None:
                raise RuntimeError(
                    f"{name} of {self.step.name} ended with status {process.returncode}\n{self._log_tail()}"
                )
        return self._get("/ready") is not None

    def _keep_counts(self):
        page = self._get("/metrics") or ""
        for line in page.splitlines():
            if not line.startswith("#") and line.strip():
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                self.counts[name] = self.counts.get(name, 0) + float(value)

    def _get(self, path):
        """Body of a 200 answer of the sidecar's HTTP server, otherwise None."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=2) as response:
                return response.read().decode()
        except OSError:
            return None

    def _log_tail(self):
        return processes.log_tail(self.log_file, 15)

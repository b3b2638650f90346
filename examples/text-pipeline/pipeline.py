"""The pipeline's route, and its queues on either transport: in a file of this machine, or on RabbitMQ."""

import json
import subprocess

from local_run import ASYA

EXCHANGE = "asya"
HAPPY_END, ERROR_END = "happy-end", "error-end"
ACTORS = [
    "fetch-documents",
    "split-sections",
    "score-section",
    "judge-section",
    "refine-section",
    HAPPY_END,
    ERROR_END,
]
# refine-section is not in it: judge-section puts it into the route of the envelopes that need it.
BASE_ROUTE = ["fetch-documents", "split-sections", "score-section", "judge-section"]
_COMMAND_TIMEOUT_SECONDS = 60


def queue_of(actor):
    """Name of an actor's queue."""
    return f"asya-{actor}"


class EmbeddedQueues:
    """The queues in a SQLite file, through the commands that a person would type."""

    name = "embedded"

    def __init__(self, file):
        self._file = file

    def send(self, identifier, payload):
        """Sends one envelope; returns when it is on disk."""
        self._asya(
            "send", ",".join(BASE_ROUTE), "--id", identifier, "--payload", json.dumps(payload),
            "--header", "example=text-pipeline",
        )

    def waiting(self, actor):
        """How many messages wait or are held in an actor's queue."""
        queues = json.loads(self._asya("queues", "--output", "json"))
        counts = {queue["queue"]: queue["messages"] for queue in queues}
        return counts.get(queue_of(actor), 0)

    def trace(self, identifier):
        """The hops of one envelope as `asya trace` shows them."""
        return self._asya("trace", identifier)

    def close(self):
        """Nothing is open."""

    def _asya(self, *arguments):
        command = [ASYA, *arguments, "--path", self._file]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_SECONDS
        )
        if done.returncode != 0:
            raise RuntimeError(f"asya {arguments[0]} failed with status {done.returncode}\n{done.stderr}")
        return done.stdout


class BrokerQueues:
    """The same on RabbitMQ."""

    name = "rabbitmq"

    def __init__(self, url):
        # Only this form of the demo needs a package.
        import pika

        self._pika = pika
        self._connection = pika.BlockingConnection(pika.URLParameters(url))

    def send(self, identifier, payload):
        """Publishes one envelope; returns when the broker has confirmed it."""
        envelope = {
            "id": identifier,
            "route": {"actors": BASE_ROUTE, "current": 0},
            "headers": {"example": "text-pipeline"},
            "payload": payload,
        }
        channel = self._connection.channel()
        channel.confirm_delivery()
        properties = self._pika.BasicProperties(delivery_mode=2, content_type="application/json")
        channel.basic_publish(EXCHANGE, BASE_ROUTE[0], json.dumps(envelope).encode(), properties, mandatory=True)
        channel.close()

    def waiting(self, actor):
        """How many messages wait in an actor's queue (those a sidecar holds are not counted)."""
        channel = self._connection.channel()
        try:
            return channel.queue_declare(queue_of(actor), passive=True).method.message_count
        finally:
            channel.close()

    def trace(self, _identifier):
        """A broker remembers nothing."""
        return ""

    def close(self):
        """Ends the connection."""
        self._connection.close()

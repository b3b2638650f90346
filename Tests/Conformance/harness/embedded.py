"""Worlds whose queues are a file: the same calls as those of a world in RabbitMQ."""

import json
import os

from localservers.queue_file import QueueFile

from .amqp import AMQPClient
from .world import World, queue_name


class StoredMessage:
    """One message taken out of the file."""

    def __init__(self, row_id, envelope_id, body, deliveries):
        self.id = row_id
        self.envelope_id = envelope_id
        self.body = body
        self.redelivered = deliveries > 0

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "StoredMessage(%r)" % self.body[:300]


class EmbeddedClient(AMQPClient):
    """The calls of `AMQPClient` on a queue file; what is built on others (`get_many`, `drain`) is inherited."""

    def __init__(self, path):
        super().__init__(url=None)
        self.file = QueueFile(path)

    def close(self):
        pass  # Every call has a connection of its own.

    def declare_queue(self, queue, binding_keys=(), arguments=None, exchange=None):
        self.file.declare(queue, **(arguments or {}))

    def declare_exchange(self, name=None):
        pass  # Queues are addressed by their names.

    def delete_queue(self, queue):
        self.file.delete(queue)

    def purge(self, queue):
        self.file.purge(queue)

    def publish_many(self, queue, bodies, headers=None, **properties):
        self.file.send(queue, bodies)

    def depth(self, queue):
        counts = self.file.counts(queue)
        return None if counts is None else counts[0]

    def get_now(self, queue):
        rows = self.file.take(queue, 1)
        return StoredMessage(*rows[0]) if rows else None

    def consume_all(self, queue):
        return [StoredMessage(*row) for row in self.file.take(queue)]

    def rows(self, query, *parameters):
        return self.file.rows(query, *parameters)


class EmbeddedWorld(World):
    """A world whose queues are a file in a directory of its own."""

    def __init__(self, directory=None):
        self._begin()
        self.path = os.path.join(directory or self.directory(), "queues.db")
        self.vhost = "file " + self.path
        self.client = self.new_client()
        self.client.file.create()

    def transport_settings(self):
        return {"ASYA_TRANSPORT": "embedded", "ASYA_EMBEDDED_PATH": self.path}

    def new_client(self):
        return EmbeddedClient(self.path)

    def declare(self, *actors, bound="actor", arguments=None):
        for actor in actors:
            self.client.declare_queue(queue_name(actor), arguments=arguments)
        return self

    def queue_counts(self, actor):
        return self.client.file.counts(queue_name(actor)) or (None, None)

    def close_sidecar_connections(self):
        return 0  # There are no connections.

    def close_transport(self):
        pass  # The file goes away with its directory.

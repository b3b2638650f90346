"""An independent AMQP client (pika) for publishing, reading and building topologies. One per thread."""

import json
import time

import pika
from pika import exceptions

from .queue_reader import QueueReader

EXCHANGE = "asya"
CONNECTION_NAME = "conformance-suite"


class Message:
    """One message taken from a queue: bytes, parsed JSON on demand, AMQP properties."""

    def __init__(self, method, properties, body):
        self.body = body
        self.properties = properties
        self.exchange = method.exchange
        self.routing_key = method.routing_key
        self.redelivered = method.redelivered

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "Message(%r)" % self.body[:300]


class AMQPClient(QueueReader):
    """Blocking client on one connection. Reconnects when the broker was restarted or the channel closed."""

    def __init__(self, url):
        self.url = url
        self._connection = None
        self._channel = None

    def _open(self):
        if self._channel is not None and self._channel.is_open:
            return self._channel
        if self._connection is None or not self._connection.is_open:
            parameters = pika.URLParameters(self.url)
            parameters.heartbeat = 0
            parameters.client_properties = {"connection_name": CONNECTION_NAME}
            parameters.blocked_connection_timeout = 60
            self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        return self._channel

    def _retrying(self, operation):
        """Runs `operation(channel)` again after a lost connection. Only for calls that may run twice."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return operation(self._open())
            except (exceptions.AMQPConnectionError, exceptions.StreamLostError, ConnectionError):
                self._connection = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def close(self):
        """Ends the connection; errors do not matter any more."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            try:
                connection.close()
            except exceptions.AMQPError:
                pass  # The broker may be gone by now, which is as good as closed.

    # Topology

    def declare_exchange(self, name=EXCHANGE):
        self._retrying(lambda c: c.exchange_declare(name, "topic", durable=True))

    def delete_exchange(self, name=EXCHANGE):
        self._retrying(lambda c: c.exchange_delete(name))

    def declare_queue(self, queue, binding_keys=(), arguments=None, exchange=EXCHANGE):
        """Durable queue as the operator creates it, bound with the given keys."""
        self._retrying(lambda c: c.queue_declare(queue, durable=True, arguments=arguments))
        for key in binding_keys:
            self._retrying(lambda c, k=key: c.queue_bind(queue, exchange, k))

    def delete_queue(self, queue):
        self._retrying(lambda c: c.queue_delete(queue))

    def purge(self, queue):
        self._retrying(lambda c: c.queue_purge(queue))

    # Messages

    def publish(self, queue, body, headers=None, **properties):
        """Puts `body` into `queue` through the default exchange; returns when the queue has it."""
        self.publish_many(queue, [body], headers, **properties)

    def publish_many(self, queue, bodies, headers=None, **properties):
        """Many bodies in order, persistent; returns when the queue has the last one."""
        properties.setdefault("delivery_mode", 2)
        basic = pika.BasicProperties(headers=headers, **properties)
        for body in bodies:
            self._retrying(lambda c, b=body: c.basic_publish("", queue, b, basic))
        # The broker works on one channel in order, so the answer to this comes after the publications.
        assert self.depth(queue) is not None, "published to a queue that does not exist: %s" % queue

    def depth(self, queue):
        """Number of ready messages, or None when the queue does not exist."""
        try:
            result = self._retrying(lambda c: c.queue_declare(queue, passive=True))
        except exceptions.ChannelClosedByBroker:
            return None
        return result.method.message_count

    def consumers(self, queue):
        """Number of consumers of `queue`; 0 when it does not exist."""
        try:
            result = self._retrying(lambda c: c.queue_declare(queue, passive=True))
        except exceptions.ChannelClosedByBroker:
            return 0
        return result.method.consumer_count

    def get_now(self, queue):
        """One message, acknowledged, or None."""
        try:
            method, properties, body = self._retrying(lambda c: c.basic_get(queue, auto_ack=True))
        except exceptions.ChannelClosedByBroker:
            return None  # The queue does not exist (yet); the caller waits.
        return None if method is None else Message(method, properties, body)

    def consume_all(self, queue):
        """Everything in the queue, faster than `drain`; ends when all is there and nothing came for half a second."""
        count = self.depth(queue) or 0
        channel = self._open()
        channel.basic_qos(prefetch_count=0)
        messages = []
        for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=0.5):
            if method is None:
                if len(messages) >= count:
                    break
                continue
            messages.append(Message(method, properties, body))
        channel.cancel()
        return messages

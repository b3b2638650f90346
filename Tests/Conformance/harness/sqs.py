"""SQS for tests: an independent client of the JSON protocol, and worlds on the stand-in and on moto."""

import http.client
import json
import re
import urllib.parse

import pytest
from localservers.sqs_stand_in import SQSStandIn

from .queue_reader import QueueReader
from .world import World, queue_name

ACCOUNT = "123456789012"
# moto finds the service in it.
_SCOPE = "20260101/us-east-1/sqs/aws4_request"
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=testing/%s, SignedHeaders=host, Signature=0" % _SCOPE
BATCH = 10
# What the service refuses (SendMessage in its API reference): some control characters, U+FFFE, U+FFFF, nothing at all.
_NOT_CARRIED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
DELIVERY_HELD_SECONDS = 30


class SQSRefusal(Exception):
    """A status other than 200, with the service's code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Message:
    """One message taken from a queue."""

    def __init__(self, entry):
        self.body = entry["Body"].encode("utf-8")
        self.receipt_handle = entry["ReceiptHandle"]
        self.group = entry["Attributes"].get("MessageGroupId")
        self.attributes = {
            name: (value["DataType"], value["StringValue"])
            for name, value in entry.get("MessageAttributes", {}).items()
        }

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "Message(%r)" % self.body[:300]


class SQSClient(QueueReader):
    """Unsigned requests on one kept connection; the emulators do not check signatures."""

    def __init__(self, url):
        self._address = urllib.parse.urlsplit(url).netloc
        self._connection = None

    def call(self, action, **parameters):
        body = json.dumps(parameters)
        headers = {
            "Authorization": AUTHORIZATION,
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS." + action,
        }
        for attempt in range(3):
            try:
                self._connection = self._connection or http.client.HTTPConnection(self._address, timeout=30)
                self._connection.request("POST", "/", body, headers)
                response = self._connection.getresponse()
                answer = json.loads(response.read() or b"{}")
                break
            except (ConnectionError, http.client.HTTPException):
                # Kept connections are closed by some emulators after each reply.
                self.close()
                if attempt == 2:
                    raise
        if response.status != 200:
            raise SQSRefusal(answer.get("__type", "").rpartition("#")[2])
        return answer

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def url_of(self, queue):
        return "http://%s/%s/%s" % (self._address, ACCOUNT, queue)

    # Topology

    def declare_queue(self, queue, dead_letters=None, max_receives=3, **attributes):
        """`dead_letters`: name of the queue that gets messages received more often than `max_receives`."""
        if dead_letters is not None:
            arn = "arn:aws:sqs:us-east-1:%s:%s" % (ACCOUNT, dead_letters)
            attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": max_receives})
        self.call("CreateQueue", QueueName=queue, Attributes=attributes)

    def delete_queue(self, queue):
        self.call("DeleteQueue", QueueUrl=self.url_of(queue))

    def purge(self, queue):
        """Everything goes, also what somebody holds; where a queue may not be purged so often, everything visible."""
        try:
            self.call("PurgeQueue", QueueUrl=self.url_of(queue))
        except SQSRefusal as refusal:
            if refusal.code != "PurgeQueueInProgress":
                raise
            self.consume_all(queue)

    # Messages

    def publish(self, queue, body, **beside):
        self.publish_many(queue, [body], **beside)

    def publish_many(self, queue, bodies, attributes=None, group=None):
        """`attributes`: texts that go beside each body. `group`: needed by a FIFO queue."""
        texts = [_carried(body) for body in bodies]
        beside = {}
        if attributes is not None:
            beside["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            }
        if group is not None:
            beside["MessageGroupId"] = group
        for start in range(0, len(texts), BATCH):
            entries = [
                {"Id": str(number), "MessageBody": text, **beside}
                for number, text in enumerate(texts[start : start + BATCH])
            ]
            answer = self.call("SendMessageBatch", QueueUrl=self.url_of(queue), Entries=entries)
            assert not answer.get("Failed"), answer

    def counts(self, queue):
        """(visible, in flight), or (None, None) when the queue does not exist."""
        try:
            answer = self.call("GetQueueAttributes", QueueUrl=self.url_of(queue), AttributeNames=["All"])
        except SQSRefusal:
            return None, None
        attributes = answer["Attributes"]
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return tuple(int(attributes[name]) for name in names)

    def depth(self, queue):
        return self.counts(queue)[0]

    def take(self, queue, count=1, visibility=DELIVERY_HELD_SECONDS):
        """Up to `count` messages, not deleted."""
        try:
            answer = self.call(
                "ReceiveMessage",
                QueueUrl=self.url_of(queue),
                MaxNumberOfMessages=count,
                WaitTimeSeconds=0,
                VisibilityTimeout=visibility,
                AttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except SQSRefusal:
            return []  # The queue does not exist (yet); the caller waits.
        return [Message(entry) for entry in answer.get("Messages", [])]

    def get_some(self, queue, count):
        """Up to `count` messages of those that are visible, deleted."""
        messages = self.take(queue, min(count, BATCH))
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": m.receipt_handle} for n, m in enumerate(messages)]
            self.call("DeleteMessageBatch", QueueUrl=self.url_of(queue), Entries=entries)
        return messages

    def consume_all(self, queue):
        """Everything that is visible, in batches."""
        found = []
        while True:
            messages = self.get_some(queue, BATCH)
            if not messages:
                return found
            found.extend(messages)


def _carried(body):
    """The text of a body; skips the test when SQS does not carry it."""
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
    except UnicodeDecodeError:
        pytest.skip("SQS carries UTF-8 only")
    if not text or _NOT_CARRIED.search(text):
        pytest.skip("SQS does not carry this body")
    return text


class SQSWorld(World):
    """On a stand-in of its own, or on a server that other worlds use before and after it (moto)."""

    keeps_order = False

    def __init__(self, server=None):
        self._begin()
        self._own_server = SQSStandIn().start() if server is None else None
        self.server = server or self._own_server
        self.vhost = "SQS at %s" % self.server.url
        self.client = self.new_client()

    def new_client(self):
        client = SQSClient(self.server.url)
        self._clients.append(client)
        return client

    def transport_settings(self):
        return {
            "ASYA_TRANSPORT": "sqs",
            "ASYA_SQS_ENDPOINT": self.server.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            # A poll that is under way at SIGTERM may delay the end by this long.
            "ASYA_SQS_WAIT_TIME_SECONDS": "1",
        }

    def declare(self, *actors, **attributes):
        for actor in actors:
            self.client.declare_queue(queue_name(actor), **attributes)
        return self

    def tap(self):
        raise NotImplementedError("there is no exchange to listen at")

    def queue_counts(self, actor):
        return self.client.counts(queue_name(actor))

    def close_sidecar_connections(self):
        """Drops every connection, the suite's own included, which opens another one."""
        return self.server.administer("/drop")["dropped"]

    def describe(self):
        if self._own_server is None:
            return super().describe()
        return "%s\n%s" % (json.dumps(self.server.statistics()), super().describe())

    def close_transport(self):
        if self._own_server is not None:
            self._own_server.stop()
        else:
            self.server.reset()

"""A queue file as the tests need it: made by `asya send --create`, then filled by hand with what only time would bring.

The tables are those of Sources/LocalQueue/Schema.swift; this is the one place of these tests that knows them.
"""

import json
import sqlite3
import time


def now():
    return time.time_ns() // 1000


class Store:
    """Direct access to the SQLite file of a test."""

    def __init__(self, path):
        self.path = path

    def _run(self, work):
        connection = sqlite3.connect(self.path, timeout=20)
        try:
            with connection:
                return work(connection)
        finally:
            connection.close()

    def rows(self, sql, *parameters):
        return self._run(lambda connection: connection.execute(sql, parameters).fetchall())

    def add_dead_letter_queue(self, queue, tries=3):
        """Gives `queue` a dead-letter queue, `<queue>-dlq`."""

        def work(connection):
            connection.execute(
                "INSERT INTO queue (name, max_retry_count, dead_letter_queue, created_at) VALUES (?, 0, '', ?)",
                (queue + "-dlq", now()),
            )
            connection.execute(
                "UPDATE queue SET max_retry_count = ?, dead_letter_queue = ? WHERE name = ?",
                (tries, queue + "-dlq", queue),
            )

        self._run(work)

    def add_dead_letter(self, queue, envelope):
        """Puts an envelope into the dead-letter queue of `queue`; returns the message's number."""

        def work(connection):
            numbers = dict(connection.execute("SELECT name, id FROM queue").fetchall())
            target = numbers[queue + "-dlq"]
            body = json.dumps(envelope, separators=(",", ":")).encode()
            cursor = connection.execute(
                "INSERT INTO message (queue, envelope_id, enqueued_at, origin, body) VALUES (?, ?, ?, ?, ?)",
                (target, envelope["id"], now(), numbers[queue], body),
            )
            connection.execute(
                "INSERT INTO schedule (queue, visible_at, id, deliveries, lease, claimed_at, envelope_hash)"
                " VALUES (?, ?, ?, 0, 0, 0, ?)",
                (target, now(), cursor.lastrowid, envelope_hash(envelope["id"])),
            )
            connection.execute(
                "UPDATE queue SET message_count = message_count + 1, enqueued_total = enqueued_total + 1 WHERE id = ?",
                (target,),
            )
            return cursor.lastrowid

        return self._run(work)

    def add_hop(self, envelope_id, queue, outcome, attempt=1, at=None):
        """Remembers a settled delivery: enqueued, claimed 250 ms and settled 1 s later."""
        at = at or now() - 2_000_000

        def work(connection):
            connection.execute(
                "INSERT OR IGNORE INTO queue (name, max_retry_count, dead_letter_queue, created_at) VALUES (?, 0, '', ?)",
                (queue, now()),
            )
            connection.execute(
                "INSERT INTO hop (envelope_hash, envelope_id, queue, enqueued_at, claimed_at, settled_at, attempt, outcome)"
                " VALUES (?, ?, (SELECT id FROM queue WHERE name = ?), ?, ?, ?, ?, ?)",
                (envelope_hash(envelope_id), envelope_id, queue, at, at + 250_000, at + 1_000_000, attempt, outcome),
            )

        self._run(work)


def envelope_hash(text):
    """FNV-1a as a signed 64-bit number, as LocalQueue.hash."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >= 1 << 63 else value

"""The queue file of the embedded transport for tests and measurements: Python's own sqlite3 module on the same file.

An independent peer of the sidecar: it shares no code with it, only the tables of `Sources/LocalQueue/Schema.swift`.
"""

import contextlib
import os
import sqlite3
import time

_SCHEMA_FILE = os.path.join(os.path.dirname(__file__), "..", "..", "Sources", "LocalQueue", "Schema.swift")
_APPLICATION_ID = 0x41737961
_LOCK_TIMEOUT_SECONDS = 20


def schema():
    """The tables, read from the one place where they are written."""
    with open(_SCHEMA_FILE, encoding="utf-8") as file:
        text = file.read()
    return text.split('static let steps = [\n        """', 1)[1].split('"""', 1)[0]


def now():
    """Microseconds since 1970, as all times in the file."""
    return time.time_ns() // 1000


class QueueFile:
    """One file. Every call has a connection of its own, so any thread may call."""

    def __init__(self, path):
        self.path = path

    @contextlib.contextmanager
    def transaction(self, kind="IMMEDIATE"):
        database = sqlite3.connect(self.path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("BEGIN " + kind)
            yield database
            database.execute("COMMIT")
        finally:
            database.close()

    def create(self):
        """Makes the file with its tables, as any program of Asya does."""
        database = sqlite3.connect(self.path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(schema())
            database.execute("PRAGMA application_id = %d" % _APPLICATION_ID)
            database.execute("PRAGMA user_version = 1")
        finally:
            database.close()
        return self

    def declare(self, queue, max_retry_count=0, dead_letter_queue=""):
        with self.transaction() as database:
            database.execute(
                "INSERT INTO queue (name, max_retry_count, dead_letter_queue, created_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (queue, max_retry_count, dead_letter_queue, now()),
            )

    def delete(self, queue):
        self.purge(queue)
        with self.transaction() as database:
            database.execute("DELETE FROM queue WHERE name = ?", (queue,))

    def purge(self, queue):
        with self.transaction() as database:
            (number,) = database.execute("SELECT id FROM queue WHERE name = ?", (queue,)).fetchone()
            database.execute("DELETE FROM schedule WHERE queue = ?", (number,))
            database.execute("DELETE FROM message WHERE queue = ?", (number,))
            database.execute("UPDATE queue SET message_count = 0 WHERE id = ?", (number,))

    def send(self, queue, bodies):
        """All of them in one transaction, then the bell."""
        count = 0
        with self.transaction() as database:
            row = database.execute("SELECT id FROM queue WHERE name = ?", (queue,)).fetchone()
            assert row is not None, "published to a queue that does not exist: %s" % queue
            for body in bodies:
                sent_at = now()
                cursor = database.execute(
                    "INSERT INTO message (queue, envelope_id, enqueued_at, body) VALUES (?, '', ?, ?)",
                    (row[0], sent_at, body),
                )
                database.execute(
                    "INSERT INTO schedule VALUES (?, ?, ?, 0, 0, 0, 0)", (row[0], sent_at, cursor.lastrowid)
                )
                count += 1
            database.execute(
                "UPDATE queue SET message_count = message_count + ?1, enqueued_total = enqueued_total + ?1"
                " WHERE id = ?2",
                (count, row[0]),
            )
        self.ring(queue)

    def ring(self, queue):
        with contextlib.suppress(OSError):  # Nobody has listened yet.
            descriptor = os.open("%s.wake/%s" % (self.path, queue), os.O_RDWR | os.O_NONBLOCK)
            try:
                os.write(descriptor, b"\1")
            finally:
                os.close(descriptor)

    def counts(self, queue):
        """(not in flight, in flight); None for a queue that does not exist. Delayed messages are not in flight."""
        with self.transaction("DEFERRED") as database:
            row = database.execute("SELECT id FROM queue WHERE name = ?", (queue,)).fetchone()
            if row is None:
                return None
            held = "SELECT count(*), total(lease <> 0 AND visible_at > ?) FROM schedule WHERE queue = ?"
            count, in_flight = database.execute(held, (now(), row[0])).fetchone()
        return count - int(in_flight), int(in_flight)

    def message_count(self, queue):
        """From the queue's own counter: costs nothing however many there are."""
        return self.rows("SELECT message_count FROM queue WHERE name = ?", queue)[0][0]

    def take(self, queue, limit=-1):
        """(number, envelope id, body, deliveries) of ready messages, which are deleted."""
        with self.transaction() as database:
            rows = database.execute(
                "SELECT s.id, s.visible_at, m.envelope_id, m.body, s.deliveries"
                " FROM schedule s JOIN message m ON m.id = s.id"
                " WHERE s.queue = (SELECT id FROM queue WHERE name = ?) AND s.visible_at <= ?"
                " ORDER BY s.visible_at, s.id LIMIT ?",
                (queue, now(), limit),
            ).fetchall()
            where = "queue = (SELECT id FROM queue WHERE name = ?) AND visible_at = ? AND id = ?"
            for row_id, visible_at, _, _, _ in rows:
                database.execute("DELETE FROM schedule WHERE " + where, (queue, visible_at, row_id))
                database.execute("DELETE FROM message WHERE id = ?", (row_id,))
            database.execute(
                "UPDATE queue SET message_count = message_count - ? WHERE name = ?", (len(rows), queue)
            )
        return [(row[0], *row[2:]) for row in rows]

    def rows(self, query, *parameters):
        with self.transaction("DEFERRED") as database:
            return database.execute(query, parameters).fetchall()

"""Someone who plays the sidecars of a gateway: reports what they would report."""

import sqlite3
import time

import requests
from localservers.processes import wait_until

LIMIT_SECONDS = 30.0


def create_queues(path, names):
    """Makes the queues of actors in an embedded transport's file, as their sidecars would; waits for the file."""

    def work():
        try:
            connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=20)
        except sqlite3.OperationalError:
            return False
        try:
            with connection:
                connection.executemany(
                    "INSERT INTO queue (name, max_retry_count, dead_letter_queue, created_at) VALUES (?, 0, '', ?)",
                    [("asya-" + name, time.time_ns() // 1000) for name in names],
                )
            return True
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()

    wait_until(work, LIMIT_SECONDS, "the queue file")


class Actors:
    def __init__(self, url):
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, path, body):
        answer = self._session.post(self._url + path, json=body, timeout=LIMIT_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def get(self, path):
        answer = self._session.get(self._url + path, timeout=LIMIT_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def progress(self, envelope_id, index, status, message=""):
        body = {"current_actor_idx": index, "status": status, "message": message}
        return self.post(f"/envelopes/{envelope_id}/progress", body)

    def succeed(self, envelope_id, result):
        return self.post(f"/envelopes/{envelope_id}/final", {"status": "succeeded", "result": result})

    def fail(self, envelope_id, error, **facts):
        return self.post(f"/envelopes/{envelope_id}/final", {"status": "failed", "error": error, **facts})

    def cancel(self, envelope_id):
        return self.post(f"/envelopes/{envelope_id}/cancel", {})

    def envelope(self, envelope_id):
        return self.get(f"/envelopes/{envelope_id}")

    def newest(self, tool):
        """The newest envelope of a tool, or None."""
        found = self.get(f"/api/v1/envelopes?tool={tool}&limit=1")["envelopes"]
        return found[0] if found else None

    def wait_for_new(self, tool, known=()):
        """The id of an envelope of a tool that is not among those known."""

        def look():
            found = self.newest(tool)
            return found["id"] if found and found["id"] not in known else None

        return wait_until(look, LIMIT_SECONDS, f"an envelope of {tool}")

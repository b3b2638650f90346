"""A stand-in for the gateway: it receives what sidecars report, and keeps the state of each envelope.

Only what this example needs, in memory. The project's gateway does this, and much more, for clients.
"""

import http.server
import json
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

RUNNING, SUCCEEDED, FAILED = "running", "succeeded", "failed"
_WEIGHTS = {"received": 10, "processing": 50, "completed": 100}


@dataclass
class Tracked:
    """What the gateway knows of one envelope."""

    envelope_id: str
    parent_id: str = None
    status: str = RUNNING
    actor: str = ""
    phase: str = ""
    # How far it is: position in the route, then the phase's weight there.
    reached: tuple = (-1, 0)
    percent: float = 0.0
    # Position in the route → (actor, milliseconds), of the hops completed.
    hops: dict = field(default_factory=dict)
    error: str = ""
    updated: float = 0.0

    @property
    def document_id(self):
        """The id of the envelope that this one comes from: children are `<id>-<n>`."""
        return self.envelope_id if self.parent_id is None else self.parent_id


class GatewayStandIn:
    """HTTP server on a thread, and the envelopes it has heard of. Use with ``with``."""

    def __init__(self):
        self._lock = threading.Lock()
        self._envelopes = {}
        self.registered_children = set()
        handler = type("Handler", (_RequestHandler,), {"gateway": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self):
        """Base URL for ASYA_GATEWAY_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def create(self, envelope_id):
        """Notes an envelope that the caller is about to publish."""
        with self._lock:
            self._envelopes[envelope_id] = Tracked(envelope_id)

    def snapshot(self):
        """All envelopes, parents before children, as they are now."""
        with self._lock:
            return sorted(self._envelopes.values(), key=_sort_key)

    def finished(self):
        """Ids whose final status has been reported."""
        with self._lock:
            return {tracked.envelope_id for tracked in self._envelopes.values() if tracked.status != RUNNING}

    def held_by(self, actor, since):
        """Ids that an actor's runtime has had in its hands since before the time `since` (monotonic clock)."""
        with self._lock:
            return [
                tracked.envelope_id
                for tracked in self._envelopes.values()
                if tracked.status == RUNNING
                and tracked.actor == actor
                and tracked.phase == "processing"
                and tracked.updated <= since
            ]

    # Called by request threads

    def note_progress(self, envelope_id, report):
        """POST /envelopes/<id>/progress; false for an id that nobody has created."""
        with self._lock:
            tracked = self._envelopes.get(envelope_id)
            if tracked is None:
                return False
            actors, index, phase = report["actors"], report["current_actor_idx"], report["status"]
            actor = actors[index] if 0 <= index < len(actors) else ""
            weight = _WEIGHTS.get(phase, 0)
            if phase == "completed":
                tracked.hops[index] = (actor, report.get("duration_ms", 0))
            # Sidecars report in the background, each at its own pace: the end of one hop may be heard of after the
            # beginning of the next, and a redelivered envelope begins its hop again. Only what is news counts.
            if tracked.status == RUNNING and (index, weight) > tracked.reached:
                tracked.reached = (index, weight)
                tracked.actor, tracked.phase, tracked.updated = actor, phase, time.monotonic()
                # The judge may make the route longer; the bar does not go back for that. 100 is for finished ones.
                tracked.percent = max(tracked.percent, min((index * 100 + weight) / max(len(actors), 1), 99.0))
            return True

    def register_child(self, registration):
        """POST /envelopes: the child of a fan-out."""
        with self._lock:
            envelope_id = registration["id"]
            self.registered_children.add(envelope_id)
            if envelope_id not in self._envelopes:
                self._envelopes[envelope_id] = Tracked(envelope_id, parent_id=registration["parent_id"])

    def note_final(self, envelope_id, report):
        """POST /envelopes/<id>/final; false for an id that nobody has created."""
        with self._lock:
            tracked = self._envelopes.get(envelope_id)
            if tracked is None:
                return False
            tracked.status = report["status"]
            tracked.percent = 100.0
            tracked.error = report.get("error", "")
            return True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # Seven sidecars with four connections each may come at once.


class _RequestHandler(http.server.BaseHTTPRequestHandler):
    """Maps the three endpoints of sidecars, and /health, to the methods above."""

    protocol_version = "HTTP/1.1"  # Sidecars keep their connections.
    gateway = None

    def do_GET(self):
        """GET /health"""
        self._answer(200 if self.path == "/health" else 404)

    def do_POST(self):
        """POST /envelopes, /envelopes/<id>/progress, /envelopes/<id>/final"""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = self.path.strip("/").split("/")
        try:
            report = json.loads(body)
            if parts == ["envelopes"]:
                self.gateway.register_child(report)
                self._answer(201)
                return
            envelope_id = urllib.parse.unquote(parts[1]) if len(parts) == 3 and parts[0] == "envelopes" else None
            actions = {"progress": self.gateway.note_progress, "final": self.gateway.note_final}
            if envelope_id is None or parts[2] not in actions:
                self._answer(404)
                return
            self._answer(200 if actions[parts[2]](envelope_id, report) else 404)
        except (ValueError, KeyError, TypeError) as error:
            self._answer(400, f"{type(error).__name__}: {error}")

    def log_message(self, *_):
        """No access log: it would destroy the display."""

    def _answer(self, status, text=""):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _sort_key(tracked):
    if tracked.parent_id is None:
        return tracked.envelope_id, 0
    number = tracked.envelope_id[len(tracked.parent_id) + 1 :]
    return tracked.parent_id, int(number) if number.isdigit() else 0

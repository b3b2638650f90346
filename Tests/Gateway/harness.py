"""A gateway process for tests, and the few HTTP calls that they make."""

import http.client
import json
import os
import socket
import threading
import uuid

import requests

from localservers import processes
from localservers.ports import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_START_TIMEOUT_SECONDS = 60.0
WAIT_SECONDS = 30.0

TOOLS = """
tools:
- name: echo
  route: [first, second]
  progress: true
  timeout: 300
  parameters:
    text: {type: string, required: true}
- {name: short, route: [first], timeout: 2}
- {name: lost, route: [nowhere], timeout: 60}
"""


def binary():
    """The gateway under test: ASYA_GATEWAY, else the release build, else the debug build."""
    candidates = [os.environ.get("ASYA_GATEWAY"), os.path.join(ROOT, "bin", "asya-gateway"),
                  os.path.join(ROOT, ".build", "debug", "asya-gateway")]
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return path
    raise RuntimeError("no gateway binary: run `make build` or set ASYA_GATEWAY")


class Gateway:
    """One process on a free port of loopback. `environment` is all that it gets beside PATH; with `ca_file` it is spoken
    to over TLS."""

    def __init__(self, directory, environment=None, tools=TOOLS, ca_file=None):
        self.directory = str(directory)
        self.port = free_port()
        self.log_file = os.path.join(self.directory, f"gateway-{self.port}.log")
        self.tools_file = os.path.join(self.directory, f"tools-{self.port}.yaml")
        self.write_tools(tools)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.directory,
            "AWS_EC2_METADATA_DISABLED": "true",
            "ASYA_GATEWAY_PORT": str(self.port),
            "ASYA_GATEWAY_HOST": "127.0.0.1",
            "ASYA_CONFIG_PATH": self.tools_file,
            **(environment or {}),
        }
        self.process = None
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca_file or True
        self.url = f"{'https' if ca_file else 'http'}://127.0.0.1:{self.port}"

    def write_tools(self, text):
        """Replaces the file in one step, as an editor or Kubernetes does."""
        with open(self.tools_file + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.tools_file + ".new", self.tools_file)

    def start(self, wait=True):
        self.process = processes.start([binary()], env=self.environment, cwd=self.directory, output=self.log_file)
        if wait:
            processes.wait_until(self._is_up, _START_TIMEOUT_SECONDS, what=lambda: "the gateway\n" + self.log(), interval=0.02)
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the gateway ended with status {self.process.returncode}\n{self.log()}")
        try:
            return self.session.get(self.url + "/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def stop(self):
        """SIGTERM; returns the exit status."""
        return processes.stop(self.process, 20)

    def kill(self):
        processes.kill(self.process)

    def close(self):
        if self.process is not None:
            processes.kill(self.process)
        self.session.close()

    def log(self):
        return processes.log_tail(self.log_file, 40)

    # -- calls

    def request(self, method, path, **options):
        options.setdefault("timeout", 30)
        return self.session.request(method, self.url + path, **options)

    def call(self, tool="echo", arguments=None, **options):
        """Calls a tool; returns the envelope's id."""
        body = {"name": tool, "arguments": {"text": "hi"} if arguments is None else arguments}
        answer = self.request("POST", "/tools/call", json=body, **options)
        assert answer.status_code == 200, answer.text
        assert "isError" not in answer.json(), answer.text
        return json.loads(answer.json()["content"][0]["text"])["envelope_id"]

    def envelope(self, envelope_id):
        return self.request("GET", f"/envelopes/{envelope_id}").json()

    def wait_status(self, envelope_id, status):
        """Waits until the envelope has this status and returns it."""
        seen = {}

        def has_status():
            seen.update(self.envelope(envelope_id))
            return seen.get("status") == status

        processes.wait_until(has_status, WAIT_SECONDS, what=lambda: f"{status}; last seen: {seen}\n{self.log()}")
        return self.envelope(envelope_id)

    def progress(self, envelope_id, index, status, actors=("first", "second")):
        body = {"actors": list(actors), "current_actor_idx": index, "status": status, "message": f"{status} {index}"}
        return self.request("POST", f"/envelopes/{envelope_id}/progress", json=body)

    def final(self, envelope_id, status="succeeded", **members):
        return self.request("POST", f"/envelopes/{envelope_id}/final", json={"status": status, **members})

    def stream(self, envelope_id, last_id=None):
        return Stream(self.port, envelope_id, last_id)


class Stream:
    """Server-sent events of one envelope, read by a thread of its own."""

    def __init__(self, port, envelope_id, last_id=None):
        self.events = []
        self.comments = []
        self.retry = None
        self.ended = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Last-Event-ID": str(last_id)} if last_id is not None else {}
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", f"/envelopes/{envelope_id}/stream", headers=headers)
        self.response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        event = {}
        try:
            for raw in self.response:
                line = raw.decode("utf-8").rstrip("\n")
                if line.startswith(":"):
                    self.comments.append(line)
                elif line.startswith("id: "):
                    event["id"] = int(line[4:])
                elif line.startswith("event: "):
                    event["event"] = line[7:]
                elif line.startswith("data: "):
                    event["data"] = json.loads(line[6:])
                elif line.startswith("retry: "):
                    self.retry = int(line[7:])
                elif not line and event:
                    self.events.append(event)
                    event = {}
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # Closed by the test (http.client then trips over its own missing file) or with the gateway.
        self.ended.set()

    def wait_events(self, count):
        processes.wait_until(lambda: len(self.events) >= count, WAIT_SECONDS, what=lambda: f"{count} events: {self.events}")
        return self.events

    def wait_end(self):
        assert self.ended.wait(WAIT_SECONDS), f"the stream did not end: {self.events}"
        return self.events

    def close(self):
        """Goes away, as a client that lost its network."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # Ended already.
        self.ended.wait(WAIT_SECONDS)
        self._connection.close()


def new_id():
    return str(uuid.uuid4())


def in_parallel(count, function):
    """Runs function(0 … count-1) on as many threads; returns the results, raises the first error."""
    results = [None] * count
    errors = []

    def run(index):
        try:
            results[index] = function(index)
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results

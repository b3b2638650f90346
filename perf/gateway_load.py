"""Load for the gateway: wrk for requests per second, a small event loop for many streams."""

import json
import os
import re
import selectors
import socket
import subprocess
import time

_SCRIPTS = {
    # A tool call per request.
    "call": """
wrk.method = "POST"
wrk.body = '{"name":"bench","arguments":{"text":"hello","n":1}}'
wrk.headers["Content-Type"] = "application/json"
""",
    # Progress reports over all envelopes, never falling.
    "progress": """
local ids = {}
for line in io.lines(os.getenv("BENCH_IDS")) do ids[#ids + 1] = line end
local at = math.random(#ids)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local body = '{"actors":["bench"],"current_actor_idx":0,"status":"processing","message":"Processing in bench"}'
request = function()
  at = at % #ids + 1
  return wrk.format("POST", "/envelopes/" .. ids[at] .. "/progress", nil, body)
end
""",
    "get": """
local ids = {}
for line in io.lines(os.getenv("BENCH_IDS")) do ids[#ids + 1] = line end
local at = math.random(#ids)
request = function()
  at = at % #ids + 1
  return wrk.format("GET", "/envelopes/" .. ids[at])
end
""",
    "hello": "",
    "hello_post": 'wrk.method = "POST"\nwrk.body = \'{"name":"bench","arguments":{"text":"hello","n":1}}\'\n',
}


def wrk(directory, script, url, clients, seconds, ids_file=None):
    """Runs wrk; returns requests per second, the 99th percentile in ms and failed requests."""
    path = os.path.join(directory, script + ".lua")
    with open(path, "w", encoding="utf-8") as file:
        file.write(_SCRIPTS[script])
    environment = {**os.environ, "BENCH_IDS": ids_file or ""}
    done = subprocess.run(
        ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--timeout", "20s", "--latency", "-s", path, url],
        env=environment, capture_output=True, text=True, check=False, timeout=seconds + 60,
    )
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    errors = re.search(r"Socket errors: (.*)", done.stdout)
    if errors:
        raise RuntimeError(f"wrk: {errors.group(0)}")
    count = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    scale = {"us": 0.001, "ms": 1, "s": 1000}[p99.group(2)]
    return {"rate": rate, "p99_ms": float(p99.group(1)) * scale, "failed": int(failed.group(1)) if failed else 0,
            "count": count}


class Streams:
    """Many open event streams of one envelope in one thread."""

    def __init__(self, port, envelope_id, count):
        self.selector = selectors.DefaultSelector()
        self.received = {}
        for _ in range(count):
            stream = socket.create_connection(("127.0.0.1", port), timeout=30)
            stream.sendall(f"GET /envelopes/{envelope_id}/stream HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            stream.setblocking(False)
            self.selector.register(stream, selectors.EVENT_READ)
            self.received[stream] = 0

    def wait_all(self, marker, timeout=60):
        """Waits until every stream has delivered the marker once more; returns the seconds it took."""
        started = time.monotonic()
        waiting = set(self.received)
        while waiting:
            if time.monotonic() - started > timeout:
                raise TimeoutError(f"{len(waiting)} streams did not get {marker!r}")
            for key, _ in self.selector.select(timeout=1):
                data = key.fileobj.recv(65536)
                if not data:
                    raise RuntimeError("a stream was closed")
                if marker in data:
                    waiting.discard(key.fileobj)
        return time.monotonic() - started

    def close(self):
        for stream in self.received:
            stream.close()


def resident_bytes(pid):
    """Resident size of a process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) * 1024


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_id(answer):
    """Envelope id of a tool call's answer."""
    return json.loads(answer["content"][0]["text"])["envelope_id"]

"""Measures the gateway against bare HTTP and bare INSERTs in one run: perf/run.sh gateway [--seconds N] [--quick].

Prints a table and compares it with the limits of the contract. Numbers depend on the machine; ratios less so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import gateway_load as load
import pika
import requests
from localservers import processes
from localservers.ports import free_port
from localservers.postgres import Postgres, find_command
from localservers.queue_file import QueueFile
from localservers.rabbitmq import RabbitMQ

TOOLS = "tools:\n- {name: bench, route: [bench], timeout: 3600, progress: true}\n"
# A row as the gateway's own, in a table without indices beyond its key.
INSERT = """\\set n random(1, 1000000000)
INSERT INTO bare (id, payload) VALUES (gen_random_uuid()::text, '{"text":"hello","n":1}');
"""


class Subject:
    """A gateway or the hello program, started and timed."""

    def __init__(self, command, environment, url, health):
        started = time.monotonic()
        self.process = processes.start(command, env=environment, output=environment.get("LOG"))
        self.url = url

        def answers():
            if self.process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with status {self.process.returncode}")
            try:
                return requests.get(url + health, timeout=5).status_code < 500
            except requests.ConnectionError:
                return False

        processes.wait_until(answers, 60, what=command[0], interval=0.001)
        self.start_ms = (time.monotonic() - started) * 1000
        time.sleep(0.5)
        self.idle_mib = load.resident_bytes(self.process.pid) / 2**20

    def close(self):
        processes.stop(self.process, 15)


def gateway(binary, directory, variables):
    """A gateway on a free port."""
    port = free_port()
    tools = os.path.join(directory, "tools.yaml")
    with open(tools, "w", encoding="utf-8") as file:
        file.write(TOOLS)
    environment = {
        "PATH": os.environ["PATH"], "HOME": directory, "AWS_EC2_METADATA_DISABLED": "true", "ASYA_LOG_LEVEL": "ERROR",
        "ASYA_GATEWAY_PORT": str(port), "ASYA_GATEWAY_HOST": "127.0.0.1", "ASYA_CONFIG_PATH": tools,
        "LOG": os.path.join(directory, f"gateway-{port}.log"), **variables,
    }
    return Subject([binary], environment, f"http://127.0.0.1:{port}", "/health")


def calls(subject, directory, clients, seconds, queue):
    """Tool calls per second, microseconds of CPU per call, and how long the last message came behind the last answer.

    wrk does not count the calls that it breaks off at the end, so that the queue may hold a few more.
    """
    before = load.cpu_seconds(subject.process.pid)
    figures = load.wrk(directory, "call", subject.url + "/tools/call", clients, seconds)
    cpu = load.cpu_seconds(subject.process.pid) - before
    figures["cpu_us"] = cpu / max(1, figures["count"]) * 1e6
    ended = time.monotonic()
    processes.wait_until(lambda: queue.count() >= figures["count"], 120, what="every message", interval=0.01)
    figures["behind_s"] = time.monotonic() - ended
    queue.purge()
    return figures


def some_ids(subject, directory, count=500):
    """A file with the ids of fresh envelopes."""
    path = os.path.join(directory, "ids")
    session = requests.Session()
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(count):
            answer = session.post(subject.url + "/tools/call", json={"name": "bench", "arguments": {"text": "x"}}, timeout=30)
            file.write(load.first_id(answer.json()) + "\n")
    return path


def streams(subject, count):
    """Kilobytes per stream, and the milliseconds until an update has reached all."""
    session = requests.Session()
    answer = session.post(subject.url + "/tools/call", json={"name": "bench", "arguments": {"text": "x"}}, timeout=30)
    envelope_id = load.first_id(answer.json())
    pid = subject.process.pid
    before = load.resident_bytes(pid)
    port = int(subject.url.rpartition(":")[2])
    opened = load.Streams(port, envelope_id, count)
    opened.wait_all(b"Sending envelope")
    kilobytes = (load.resident_bytes(pid) - before) / 1024 / count
    worst = 0.0
    for index in range(5):
        body = {"actors": ["bench"], "current_actor_idx": 0, "status": "processing", "message": f"round-{index}"}
        started = time.monotonic()
        session.post(f"{subject.url}/envelopes/{envelope_id}/progress", json=body, timeout=30)
        opened.wait_all(f"round-{index}".encode())
        worst = max(worst, time.monotonic() - started)
    opened.close()
    return kilobytes, worst * 1000


def bare_inserts(server, clients, seconds):
    """Single-row INSERTs per second by pgbench."""
    server.sql("CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, payload jsonb, created_at timestamptz DEFAULT now())")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(INSERT)
        script.flush()
        done = subprocess.run(
            [find_command("pgbench"), "-n", "-M", "prepared", "-f", script.name, "-c", str(clients), "-j", "1", "-T",
             str(seconds), server.url],
            capture_output=True, text=True, check=True,
        )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


def fdatasync_ms(directory):
    """Median time to put a page of a file on the disk: what a durable commit waits for at least once."""
    times = []
    with open(os.path.join(directory, "sync"), "wb", buffering=0) as file:
        file.write(bytes(1 << 20))
        os.fsync(file.fileno())
        for index in range(200):
            os.pwrite(file.fileno(), os.urandom(4096), index * 4096)
            started = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - started)
    return sorted(times)[len(times) // 2] * 1000


class BrokerQueue:
    """The queue of the bench's actor in RabbitMQ; it keeps what arrives."""

    def __init__(self, broker):
        parameters = pika.URLParameters(broker.url)
        # Nobody answers the broker's heartbeats between two looks.
        parameters.heartbeat = 0
        self.channel = pika.BlockingConnection(parameters).channel()
        self.channel.exchange_declare("asya", "topic", durable=True)
        self.channel.queue_declare("asya-bench", durable=True)
        self.channel.queue_bind("asya-bench", "asya", "bench")

    def count(self):
        return self.channel.queue_declare("asya-bench", passive=True).method.message_count

    def purge(self):
        self.channel.queue_purge("asya-bench")


class EmbeddedQueue:
    """The same in a queue file."""

    def __init__(self, path):
        self.file = QueueFile(path).create()
        self.file.declare("asya-bench")

    def count(self):
        return self.file.message_count("asya-bench")

    def purge(self):
        self.file.purge("asya-bench")


def measure(options):
    """All figures, in the order of the contract's table."""
    rows = {}
    seconds = options.seconds
    with tempfile.TemporaryDirectory(prefix="asya-gateway-perf-") as directory, Postgres() as server, \
            RabbitMQ(management=False) as broker:
        rows["fdatasync of one page"] = {"ms": fdatasync_ms(directory)}
        queue = BrokerQueue(broker)
        port = free_port()
        hello = Subject([options.hello, str(port)], {"PATH": os.environ["PATH"], "LOG_LEVEL": "error"},
                        f"http://127.0.0.1:{port}", "/hello")
        for clients in (16, 64):
            rows[f"bare HTTP POST, {clients} clients"] = load.wrk(directory, "hello_post", hello.url + "/hello", clients, seconds)
        hello.close()
        for clients in (16, 64):
            rows[f"bare INSERT, {clients} clients"] = {"rate": bare_inserts(server, clients, seconds)}
        rabbit = {"ASYA_RABBITMQ_URL": broker.url}
        subject = gateway(options.gateway, directory, {**rabbit, "ASYA_DATABASE_URL": server.url})
        rows["start to ready, PostgreSQL (first, with migrations)"] = {"ms": subject.start_ms}
        for clients in (16, 64):
            rows[f"tool calls, PostgreSQL + RabbitMQ, {clients} clients"] = calls(subject, directory, clients, seconds, queue)
        ids = some_ids(subject, directory)
        rows["progress reports, PostgreSQL, 16 clients"] = load.wrk(directory, "progress", subject.url, 16, seconds, ids)
        history = int(server.sql("SELECT count(*) FROM envelope_updates WHERE envelope_state = 'processing'"))
        rows["progress reports, PostgreSQL, 16 clients"]["history"] = history
        rows["GET /envelopes/{id}, PostgreSQL, 16 clients"] = load.wrk(directory, "get", subject.url, 16, seconds, ids)
        subject.close()
        subject = gateway(options.gateway, directory, {**rabbit, "ASYA_DATABASE_URL": server.url})
        rows["start to ready, PostgreSQL"] = {"ms": subject.start_ms, "idle_mib": subject.idle_mib}
        subject.close()
        subject = gateway(options.gateway, directory, {**rabbit, "ASYA_GATEWAY_STORE_PATH": os.path.join(directory, "a.db")})
        for clients in (16, 64):
            row = f"tool calls, embedded store + RabbitMQ, {clients} clients"
            rows[row] = calls(subject, directory, clients, seconds, queue)
        subject.close()
        queue_path = os.path.join(directory, "queues.db")
        queue = EmbeddedQueue(queue_path)
        embedded = {"ASYA_EMBEDDED_PATH": queue_path, "ASYA_GATEWAY_STORE_PATH": os.path.join(directory, "b.db")}
        subject = gateway(options.gateway, directory, embedded)
        rows["start to ready, embedded"] = {"ms": subject.start_ms, "idle_mib": subject.idle_mib}
        for clients in (16, 64):
            row = f"tool calls, embedded store + queue, {clients} clients"
            rows[row] = calls(subject, directory, clients, seconds, queue)
            rows[f"RSS after {clients} clients, embedded"] = {"mib": load.resident_bytes(subject.process.pid) / 2**20}
        kilobytes, worst = streams(subject, options.streams)
        rows["SSE streams"] = {"count": options.streams, "kib_each": kilobytes, "all_ms": worst}
        subject.close()
    return rows


def ratios(rows):
    """What the contract compares with the bare figures of the same run."""
    found = {}
    for clients in (16, 64):
        for store, bare in (("PostgreSQL + RabbitMQ", "INSERT"), ("embedded store + RabbitMQ", "HTTP POST"),
                            ("embedded store + queue", "HTTP POST")):
            rate = rows[f"tool calls, {store}, {clients} clients"]["rate"]
            found[f"{store} / bare {bare}, {clients} clients"] = {
                "ratio": rate / rows[f"bare {bare}, {clients} clients"]["rate"]
            }
    return found


# Row, figure, the number required and the one aimed at (issue "Gateway"); a figure that ends in _ms or names memory must
# stay below, the others must reach it.
LIMITS = (
    ("PostgreSQL + RabbitMQ / bare INSERT, 16 clients", "ratio", 0.5, 0.8),
    ("PostgreSQL + RabbitMQ / bare INSERT, 64 clients", "ratio", 0.5, 0.8),
    ("embedded store + queue / bare HTTP POST, 16 clients", "ratio", 0.35, 0.5),
    ("embedded store + queue / bare HTTP POST, 64 clients", "ratio", 0.35, 0.5),
    ("progress reports, PostgreSQL, 16 clients", "rate", 5000, 10000),
    ("GET /envelopes/{id}, PostgreSQL, 16 clients", "rate", 8000, 12000),
    ("SSE streams", "kib_each", 40, 15),
    ("SSE streams", "all_ms", 250, 100),
    ("start to ready, PostgreSQL", "ms", 60, 30),
    ("start to ready, embedded", "ms", 60, 30),
    ("start to ready, PostgreSQL", "idle_mib", 20, 12),
    ("start to ready, embedded", "idle_mib", 20, 12),
)


def verdicts(rows):
    """Each limit and what became of it."""
    lines = []
    for row, key, required, aim in LIMITS:
        value = rows[row][key]
        is_below = key in ("ms", "all_ms", "kib_each", "idle_mib")

        def reaches(limit):
            return value <= limit if is_below else value >= limit

        word = "aim reached" if reaches(aim) else "reached" if reaches(required) else "MISSED"
        lines.append((f"{row}: {key}", f"{value:,.2f}, required {required:,}, aim {aim:,}: {word}"))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--hello", required=True)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--output")
    options = parser.parse_args()
    rows = measure(options)
    rows.update(ratios(rows))
    for name, figures in rows.items():
        text = "  ".join(f"{key} {value:,.2f}" for key, value in figures.items())
        print(f"{name:58} {text}")
    print()
    for name, verdict in verdicts(rows):
        print(f"{name:58} {verdict}")
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The operator under load: a real API server, a real RabbitMQ, actors by the hundred. `perf/run.sh operator --help`.

Prints one line for each measurement of the table in perf/operator/README.md, and writes all of them as JSON.
API server, etcd, controller-manager and broker share the machine with the operator, and they do most of the work.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import ssl
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "Tests", "Operator"), os.path.join(ROOT, "perf")]

from localservers.kubernetes import ApiError, Kubernetes  # noqa: E402
from localservers.rabbitmq import RabbitMQ  # noqa: E402
from world import ACTORS, BINARY, Operator, World, actor, create, install  # noqa: E402

NAMESPACE = "load"
LIMIT = 600
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Client:
    """A kept connection for each thread: making one for each request would measure TLS."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._local = threading.local()

    def request(self, method, path, body=None, content_type="application/json"):
        """Status code and decoded answer."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            context = ssl.create_default_context(cafile=self._cluster.ca_file)
            connection = http.client.HTTPSConnection("127.0.0.1", self._cluster.port, context=context, timeout=60)
            self._local.connection = connection
        headers = {"Authorization": f"Bearer {self._cluster.admin_token}", "Content-Type": content_type}
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content.startswith(b"{") else content


class Load:
    """The cluster with its actors."""

    def __init__(self, cluster, broker, count, options):
        self.cluster = cluster
        self.broker = broker
        self.count = count
        self.is_scaled = options.keda
        self.replicas = options.replicas
        self.client = Client(cluster)

    def names(self):
        """All actors."""
        return [f"load-{number:05}" for number in range(self.count)]

    def body(self, name):
        """One actor; without pods unless asked for, because their controllers would take the machine."""
        scaling = {"enabled": True, "minReplicas": 0} if self.is_scaled else {}
        body = actor(name, scaling=scaling)
        if not self.is_scaled:
            body["spec"]["workload"]["replicas"] = self.replicas
        return body

    def in_parallel(self, function, items, workers=8):
        """Runs a function for all items; the results."""
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(function, items))

    def items(self, path):
        """Metadata of a collection, page by page."""
        found, token = [], ""
        while True:
            _, page = self.client.request("GET", f"{path}?limit=500&continue={token}")
            found += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return found

    def is_complete(self):
        """Whether every actor has its objects and a status."""
        root = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        if len(self.items(root)) < self.count:
            return False
        if self.is_scaled and len(self.items(f"/apis/keda.sh/v1alpha1/namespaces/{NAMESPACE}/scaledobjects")) < self.count:
            return False
        if self.replicas and len(self.items(f"/api/v1/namespaces/{NAMESPACE}/pods")) < self.count * self.replicas:
            return False
        actors = self.items(ACTORS.format(NAMESPACE))
        return all(item.get("status", {}).get("transportStatus") == "Ready" for item in actors)

    def apply_all(self):
        """Seconds from the first actor to the last object."""
        started = time.monotonic()
        self.in_parallel(lambda name: self.client.request("POST", ACTORS.format(NAMESPACE), self.body(name)), self.names())
        sent = time.monotonic() - started
        wait(self.is_complete, "all objects", 0.5)
        return {"applied_s": round(sent, 2), "complete_s": round(time.monotonic() - started, 2)}

    def delete_all(self):
        """Seconds until no actor, Deployment or queue is left."""
        started = time.monotonic()
        self.in_parallel(
            lambda name: self.client.request("DELETE", f"{ACTORS.format(NAMESPACE)}/{name}"), self.names()
        )
        wait(lambda: not self.items(ACTORS.format(NAMESPACE)), "all actors to go", 0.5)
        seconds = time.monotonic() - started
        wait(lambda: not self.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"), "all Deployments to go")
        queues = [queue["name"] for queue in self.broker.api("GET", "/api/queues?columns=name")]
        return {"deleted_s": round(seconds, 2), "queues_left": len([name for name in queues if "load-" in name])}

    def change_latency(self, samples=100):
        """Milliseconds from a changed spec to the changed Deployment, as a watcher sees it."""
        seen, times = {}, []
        watcher = threading.Thread(target=self._watch, args=(seen,), daemon=True)
        watcher.start()
        wait(lambda: "started" in seen, "the watch")
        for number in range(samples):
            name = self.names()[number % self.count]
            image = f"registry.example/word-counter:change-{number}"
            containers = self.body(name)["spec"]["workload"]["template"]["spec"]["containers"]
            containers[0]["image"] = image
            patch = {"spec": {"workload": {"template": {"spec": {"containers": containers}}}}}
            started = time.monotonic()
            self.client.request("PATCH", f"{ACTORS.format(NAMESPACE)}/{name}", patch, "application/merge-patch+json")
            wait(lambda image=image: image in seen, image, 0.001)
            times.append((seen[image] - started) * 1000)
            time.sleep(0.05)
        times.sort()
        return {"change_p50_ms": round(times[len(times) // 2], 1), "change_p99_ms": round(times[int(len(times) * 0.99)], 1)}

    def _watch(self, seen):
        context = ssl.create_default_context(cafile=self.cluster.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", self.cluster.port, context=context, timeout=LIMIT)
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments?watch=true&timeoutSeconds=300"
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.cluster.admin_token}"})
        answer = connection.getresponse()
        seen["started"] = time.monotonic()
        for line in answer:
            now = time.monotonic()
            for container in json.loads(line)["object"]["spec"]["template"]["spec"]["containers"]:
                seen.setdefault(container["image"], now)


def wait(condition, what, interval=0.1):
    """Until a condition holds."""
    limit = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(interval)


def cpu_seconds(pid):
    """Processor time of a process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def memory(pid, when):
    """Resident memory of a process: all of it, and without the pages of the program's file."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        values = {line.split(":")[0]: int(line.split()[1]) for line in file if line.startswith(("VmRSS", "RssAnon"))}
    return {
        f"rss_{when}_mb": round(values["VmRSS"] / 1024, 1),
        f"rss_{when}_anonymous_mb": round(values["RssAnon"] / 1024, 1),
    }


def broker_connections(broker):
    """Connections opened so far."""
    return broker.api("GET", "/api/overview")["churn_rates"]["connection_created"]


def at_rest(operator, broker, seconds):
    """What the operator does when nothing changes."""
    writes, connections = operator.writes(), broker_connections(broker)
    log = os.path.getsize(operator.log_file)
    cpu, started = cpu_seconds(operator.process.pid), time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - started
    return {
        "rest_s": seconds,
        "rest_writes": operator.writes() - writes,
        "rest_broker_connections": broker_connections(broker) - connections,
        "rest_cpu_percent": round(100 * (cpu_seconds(operator.process.pid) - cpu) / elapsed, 2),
        "rest_log_bytes": os.path.getsize(operator.log_file) - log,
    }


def restart(operator, count):
    """Seconds from the start of a new process until all actors were looked at, and what it wrote."""
    operator.stop()
    started = time.monotonic()
    operator.start(wait=False)
    label = 'controller_runtime_reconcile_total{controller="asyncactor",result="success"} '

    def is_done():
        try:
            lines = [line for line in operator.metrics().splitlines() if line.startswith(label)]
        except OSError:
            return False
        return bool(lines) and int(lines[0].removeprefix(label)) >= count

    wait(is_done, "all actors to be looked at", 0.02)
    return {"restart_s": round(time.monotonic() - started, 2), "restart_writes": operator.writes()}


def quiet(operator):
    """Until the operator has written nothing for three seconds."""
    last = [operator.writes(), time.monotonic()]

    def is_quiet():
        now = operator.writes()
        if now != last[0]:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 3

    wait(is_quiet, "the operator to be quiet")


def measure(count, options):
    """All measurements with one number of actors."""
    with Kubernetes() as cluster, RabbitMQ(management=True) as broker, tempfile.TemporaryDirectory() as directory:
        for name in ("asya-system", NAMESPACE):
            create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        install(
            cluster,
            os.path.join(ROOT, "deploy", "crd", "asya.sh_asyncactors.yaml"),
            os.path.join(ROOT, "deploy", "rbac", "operator.yaml"),
            os.path.join(ROOT, "Tests", "Operator", "keda-reduced.yaml"),
        )
        config = {"host": broker.host, "port": broker.port, "managementPort": broker.management_port, "username": "guest"}
        transports = {"rabbitmq": {"type": "rabbitmq", "enabled": True, "config": config}}
        load = Load(cluster, broker, count, options)
        wait(lambda: served(cluster), "the custom resource")
        token = cluster.service_account_token("asya-system", "asya-operator")
        operator = Operator(
            cluster, directory, transports, "--zap-log-level=info", token=token, ASYA_QUEUE_HEALTH_CHECK_INTERVAL="5m"
        )
        results = {"actors": count, "keda": options.keda, "replicas": options.replicas}
        with operator:
            results.update(memory(operator.process.pid, "empty"))
            steps = [
                load.apply_all,
                lambda: quiet(operator) or memory(operator.process.pid, "applied"),
                lambda: at_rest(operator, broker, options.rest_seconds),
                load.change_latency,
                lambda: quiet(operator) or restart(operator, count),
                lambda: quiet(operator) or memory(operator.process.pid, "restarted"),
                load.delete_all,
            ]
            for step in steps[:3] if options.rest_only else steps:
                part = step()
                results.update(part)
                print(json.dumps(part), flush=True)
        return results


def served(cluster):
    """Whether the API serves the resource."""
    try:
        return World(cluster, NAMESPACE).list(ACTORS) is not None
    except ApiError:
        return False


def main():
    """Parses options, measures, writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actors", type=int, nargs="+", default=[1000], help="numbers of actors, one run for each")
    parser.add_argument("--keda", action=argparse.BooleanOptionalAction, default=True, help="actors scaled by KEDA")
    parser.add_argument("--replicas", type=int, help="pods of each actor, without KEDA (default 0)")
    parser.add_argument("--rest-seconds", type=int, default=60, help="600 is what is asked for")
    parser.add_argument("--rest-only", action="store_true", help="leave out changes, restart and deletion")
    parser.add_argument("--output", help="a JSON file for the results")
    options = parser.parse_args()
    if options.replicas is not None:
        options.keda = False
    options.replicas = options.replicas or 0
    if not os.path.exists(BINARY):
        sys.exit(f"{BINARY} is missing: run make build")
    results = [measure(count, options) for count in options.actors]
    print(json.dumps(results, indent=1))
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

"""A world is one test's private corner of a broker (its own vhost) plus the processes the test started in it."""

import itertools
import os
import shutil
import tempfile
import urllib.parse

from localservers.ports import free_port

from .amqp import EXCHANGE, AMQPClient
from .gateway import FakeGateway
from .management import Management, quote
from .proxy import Proxy
from .python_runtime import PythonRuntime
from .scripted_runtime import AHEAD, ScriptedRuntime
from .sidecar import Sidecar
from .waiting import eventually

_numbers = itertools.count(1)


class Broker:
    """A running RabbitMQ of tools/localservers together with its management API."""

    def __init__(self, server):
        self.server = server
        self.management = Management(server.management_url)

    @property
    def port(self):
        return self.server.port

    def url(self, vhost="/", user="guest", password="guest", port=None, query=""):
        credentials = "%s:%s" % (quote(user), quote(password))
        return "amqp://%s@127.0.0.1:%d/%s%s" % (credentials, port or self.port, quote(vhost), query)


def queue_name(actor):
    return "asya-" + actor


class World:
    """Actors are `a`, `b`, … and the end actors have their default names: the vhost keeps tests apart."""

    # Whether messages come out of a queue in the order in which they went in.
    keeps_order = True

    def __init__(self, broker, vhost=None):
        self._begin()
        self.broker = broker
        self.management = broker.management
        self.vhost = vhost or "t%d-%d" % (os.getpid(), next(_numbers))
        self._own_vhost = vhost is None
        if self._own_vhost:
            self.management.add_vhost(self.vhost)
        self.client = self.new_client()

    def _begin(self):
        self._directories = []
        self._clients = []
        self.sidecars = []
        self._runtimes = []
        self._others = []

    # Broker side

    @property
    def url(self):
        return self.broker.url(self.vhost)

    def transport_settings(self):
        """What tells a sidecar of this world where its queues are."""
        return {"ASYA_RABBITMQ_URL": self.url}

    def new_client(self):
        """Another client, for use on another thread."""
        client = AMQPClient(self.url)
        self._clients.append(client)
        return client

    def declare(self, *actors, bound="actor", arguments=None):
        """Exchange and queues. `bound`: `actor` (the documented key), `queue` (full name), or None (no binding)."""
        self.client.declare_exchange()
        for actor in actors:
            keys = {"actor": [actor], "queue": [queue_name(actor)], None: []}[bound]
            self.client.declare_queue(queue_name(actor), keys, arguments)
        return self

    def declare_usual(self, *actors):
        """The given actors (`a` and `b` by default) and both end actors."""
        return self.declare(*(actors or ("a", "b")), "happy-end", "error-end")

    def tap(self):
        """A queue `tap` that gets a copy of everything published to the exchange."""
        self.client.declare_queue("tap", ["#"])
        return "tap"

    def send(self, actor, body, **properties):
        self.client.publish(queue_name(actor), body, **properties)

    def send_many(self, actor, bodies, **properties):
        self.client.publish_many(queue_name(actor), bodies, **properties)

    def receive(self, actor, timeout=10.0):
        return self.client.get(queue_name(actor), timeout)

    def receive_many(self, actor, count, timeout=20.0):
        return self.client.get_many(queue_name(actor), count, timeout)

    def drain(self, actor):
        return self.client.drain(queue_name(actor))

    def depth(self, actor):
        return self.client.depth(queue_name(actor))

    def wait_depth(self, actor, count, timeout=15.0):
        self.client.wait_depth(queue_name(actor), count, timeout)

    def queue_counts(self, actor):
        """(ready, unacknowledged) of a queue."""
        # Only the list of queues is answered without statistics, hence without their delay.
        path = "/queues/%s?disable_stats=true&enable_queue_totals=true" % quote(self.vhost)
        for queue in self.management.request("GET", path):
            if queue["name"] == queue_name(actor):
                return queue["messages_ready"], queue["messages_unacknowledged"]
        return None, None

    def wait_settled(self, actor, timeout=15.0):
        """Waits until a queue holds nothing, neither ready nor unacknowledged."""
        eventually(
            lambda: self.queue_counts(actor) == (0, 0),
            timeout,
            "queue of %s to be settled (is %r)" % (actor, self.queue_counts(actor)),
            interval=0.03,
        )

    def wait_unacknowledged(self, actor, count, timeout=15.0):
        """Waits until consumers hold exactly `count` messages of the queue."""
        eventually(
            lambda: self.queue_counts(actor)[1] == count,
            timeout,
            "%d unacknowledged messages of %s" % (count, actor),
            interval=0.05,
        )

    def close_sidecar_connections(self):
        """Force-closes every connection of this vhost that is not the suite's own; returns how many."""
        names = self.management.sidecar_connections(self.vhost)
        for name in names:
            self.management.close_connection(name)
        return len(names)

    # Processes and peers

    def directory(self):
        """A fresh directory with a short path, because Unix socket paths are limited to 107 bytes."""
        path = tempfile.mkdtemp(prefix="asyc")
        self._directories.append(path)
        return path

    def scripted(self, script=None, announce=AHEAD, start=True):
        """A scripted runtime in a directory of its own; `announce=None` is the original's runtime."""
        runtime = ScriptedRuntime(self.directory(), script, announce)
        self._runtimes.append(runtime)
        return runtime.start() if start else runtime

    def python(self, handler="conformance_handlers.echo", mode="payload", start=True, **environment):
        """The real Python runtime."""
        runtime = PythonRuntime(self.directory(), handler, mode, **environment)
        self._runtimes.append(runtime)
        return runtime.start() if start else runtime

    def gateway(self, **options):
        gateway = FakeGateway(**options).start()
        self._others.append(gateway)
        return gateway

    def add_other(self, process):
        """Ends a process of another suite's harness, which has `stop()` and `log()`, with this world."""
        self._others.append(process)

    def proxy(self, delay=0.0):
        """A proxy in front of this world's broker; `proxied_url` points to it."""
        proxy = Proxy("127.0.0.1", self.broker.port, delay)
        self._others.append(proxy)
        return proxy

    def proxied_url(self, proxy, query=""):
        return self.broker.url(self.vhost, port=proxy.port, query=query)

    def sidecar(self, actor="a", runtime=None, gateway=None, start=True, ready=True, **environment):
        """A sidecar for `actor`. Keyword arguments are environment variables; None removes one."""
        port = free_port()
        directory = runtime.directory if runtime is not None else self.directory()
        settings = {
            "ASYA_ACTOR_NAME": actor,
            "ASYA_SOCKET_DIR": directory,
            "ASYA_METRICS_ADDR": "127.0.0.1:%d" % port,
        }
        settings.update(self.transport_settings())
        if gateway is not None:
            settings["ASYA_GATEWAY_URL"] = gateway.url
        settings.update(environment)
        settings = {name: str(value) for name, value in settings.items() if value is not None}
        name = "sidecar-%s-%d" % (actor.replace("/", "_")[:40], len(self.sidecars))
        sidecar = Sidecar(self.directory(), settings, port, name)
        self.sidecars.append(sidecar)
        if start:
            sidecar.start()
            if ready:
                sidecar.wait_ready()
        return sidecar

    def end_sidecar(self, actor, runtime, gateway=None, **environment):
        """A sidecar in end-actor mode."""
        return self.sidecar(actor, runtime, gateway, ASYA_IS_END_ACTOR="true", **environment)

    # End

    def describe(self):
        """Logs of everything that ran, for the report of a failed test."""
        parts = ["vhost %s" % self.vhost]
        for sidecar in self.sidecars:
            code = None if sidecar.process is None else sidecar.process.poll()
            parts.append("--- %s (status %s)\n%s" % (sidecar.name, code, sidecar.log_tail()))
        for runtime in self._runtimes:
            if isinstance(runtime, PythonRuntime) and os.path.exists(runtime.log_path):
                parts.append("--- runtime %s\n%s" % (runtime.handler, runtime.log()[-3000:]))
        return "\n".join(parts)

    def close(self):
        """Ends everything this world started, then removes its vhost and files."""
        for sidecar in self.sidecars:
            sidecar.kill()
        for runtime in self._runtimes:
            runtime.stop()
        for other in self._others:
            other.stop()
        for client in self._clients:
            client.close()
        self.close_transport()
        for path in self._directories:
            shutil.rmtree(path, ignore_errors=True)

    def close_transport(self):
        if self._own_vhost:
            self.management.delete_vhost(self.vhost)


def decoded_url(url):
    """User name, password and vhost of an AMQP URL, percent-decoded (for tests of URLs)."""
    parts = urllib.parse.urlsplit(url)
    return parts.username, parts.password, urllib.parse.unquote(parts.path[1:])


__all__ = ["EXCHANGE", "Broker", "World", "decoded_url", "queue_name"]

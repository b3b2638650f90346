"""A private RabbitMQ: own ports, own data directory, own epmd; gone when the process that started it ends.

    with RabbitMQ(tls=False, management=True) as broker:
        connect(broker.url)

As a command: ``python3 -m localservers.rabbitmq [--tls] [--env] [-- command …]`` (with ``tools`` on PYTHONPATH).
"""

import argparse
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from . import processes
from .amqp_probe import NotReady, accepts_amqp
from .certificates import Certificates
from .ports import free_port
from .rabbitmq_installation import find_command, lean_home
from .server import LocalServer, serve

_HOST = "127.0.0.1"
# Start to ready takes about 5 s on an idle machine; several suites on two cores need much more.
_START_TIMEOUT_SECONDS = 120.0
_STOP_GRACE_SECONDS = 30.0
_CTL_TIMEOUT_SECONDS = 60.0
_API_TIMEOUT_SECONDS = 60.0
# The management API shows the counters of its last sampling. RabbitMQ's own 5 s would make every test wait for them;
# 1 s is the shortest that it can be told. The processes report to it a little more often.
_SAMPLING_SECONDS = 1
_STATISTICS_INTERVAL_MS = 500
_SAMPLING_POLICIES = ("global.minute", "basic.minute", "detailed.10")


class RabbitMQ(LocalServer):
    """One broker. `start`, `stop`, `restart` and `kill` keep ports and data; `close` (or leaving ``with``) ends all.

    `management` loads the management plugin, which `connections`, `close_connections` and `queue_depth` need;
    without it the broker is ready about a second earlier. `configuration` adds lines to rabbitmq.conf, for example
    ``{"consumer_timeout": "2000"}``.
    """

    _NAME = "rabbitmq"

    def __init__(self, tls=False, management=True, configuration=None):
        super().__init__()
        self.host = _HOST
        self.port = free_port()
        self.tls_port = free_port() if tls else None
        self.management_port = free_port() if management else None
        self._distribution_port = free_port()
        self._epmd_port = free_port()
        self._configuration = dict(configuration or {})
        self._node_name = f"asya-{os.getpid()}-{secrets.token_hex(4)}@localhost"
        self._certificates = None
        self._installation = {}
        self._broker = None
        self._epmd = None

    # -- addresses

    @property
    def url(self):
        """AMQP URL of the default virtual host."""
        return f"amqp://guest:guest@{self.host}:{self.port}/"

    @property
    def tls_url(self):
        """AMQPS URL; the server's certificate is valid for 127.0.0.1 and localhost under `ca_file`."""
        return f"amqps://guest:guest@{self.host}:{self.tls_port}/" if self.tls_port else None

    @property
    def management_url(self):
        """Base URL of the management API (user guest, password guest)."""
        return f"http://{self.host}:{self.management_port}" if self.management_port else None

    @property
    def ca_file(self):
        """Certificate of the authority that signed server and client certificates."""
        return self._certificates.ca_file if self._certificates else None

    @property
    def client_cert(self):
        """Client certificate; the broker verifies one when it is sent, and does not insist."""
        return self._certificates.client_cert if self._certificates else None

    @property
    def client_key(self):
        """Private key of `client_cert`."""
        return self._certificates.client_key if self._certificates else None

    @property
    def pid(self):
        """Process id of the broker itself, or None."""
        return self._broker.pid if self._broker is not None and self._broker.poll() is None else None

    @property
    def log_file(self):
        """The node's log."""
        return self._path("log", f"{self._node_name}.log")

    # -- life cycle

    def start(self):
        """Starts the broker and returns when a client can log in. Does nothing when it is running."""
        if self.pid is not None:
            return
        server = find_command("rabbitmq-server")
        with self._starting():
            self._prepare_directory()
            if self._epmd is None or self._epmd.poll() is not None:
                self._epmd = self._start_epmd()
            self._broker = processes.start(
                [server], env=self._environment(), cwd=self._directory, output=self._console_file
            )
            processes.wait_until(self._is_ready, _START_TIMEOUT_SECONDS, what="RabbitMQ", interval=0.05)

    def stop(self):
        """Orderly shutdown; durable queues and persistent messages survive until the next `start`."""
        processes.stop(self._broker, _STOP_GRACE_SECONDS)
        self._broker = None

    def kill(self):
        """SIGKILL to the broker, as in a crash. `start` recovers what had reached the disk."""
        processes.kill(self._broker)
        self._broker = None

    def wait(self):
        """Blocks until the broker ends and returns its exit status."""
        return self._broker.wait()

    def pause(self):
        """Freezes the broker (SIGSTOP): connections stay open and nothing answers until `resume`."""
        os.kill(self._broker.pid, signal.SIGSTOP)

    def resume(self):
        """Ends `pause`."""
        os.kill(self._broker.pid, signal.SIGCONT)

    # -- control

    def ctl(self, *arguments, timeout=_CTL_TIMEOUT_SECONDS):
        """Runs rabbitmqctl against this broker; returns its standard output, raises RuntimeError when it fails."""
        command = [find_command("rabbitmqctl"), "--quiet", *[str(argument) for argument in arguments]]
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"rabbitmqctl {shlex.join(command[2:])} failed with status {done.returncode}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def connections(self):
        """The client connections as the management API describes them (list of dicts).

        A new connection appears about a second after it was made (the plugin samples).
        """
        return self.api("GET", "/api/connections")

    def close_connections(self, predicate=None):
        """Force-closes the connections for which `predicate(description)` holds (default: all); returns how many."""
        closed = 0
        for connection in self.connections():
            if predicate is None or predicate(connection):
                try:
                    self.api("DELETE", "/api/connections/" + urllib.parse.quote(connection["name"], safe=""))
                    closed += 1
                except urllib.error.HTTPError as error:
                    if error.code != 404:  # 404: the client closed it in the meantime.
                        raise
        return closed

    def queue_depth(self, name, virtual_host="/"):
        """(ready, unacknowledged) message counts of a queue, as of about a second ago (the plugin samples)."""
        path = f"/api/queues/{urllib.parse.quote(virtual_host, safe='')}/{urllib.parse.quote(name, safe='')}"
        description = self.api("GET", path)
        return description.get("messages_ready", 0), description.get("messages_unacknowledged", 0)

    def api(self, method, path, body=None):
        """One call of the management API; returns the decoded JSON reply, or None when there is none."""
        if self.management_port is None:
            raise RuntimeError("this needs RabbitMQ(management=True)")
        request = urllib.request.Request(self.management_url + path, method=method)
        request.add_header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")  # guest:guest
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        # No proxy from the environment: the broker is on loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_API_TIMEOUT_SECONDS) as response:
            content = response.read()
        return json.loads(content) if content else None

    # -- internals

    @property
    def _console_file(self):
        return self._path("console.log")

    def _prepare_directory(self):
        if not self._make_directory():
            return
        for name in ("log", "mnesia"):
            os.mkdir(self._path(name))
        if self.tls_port is not None:
            self._certificates = Certificates(self._path("certificates"))
            self._certificates.create()
        plugins = ["rabbitmq_management"] if self.management_port is not None else []
        self._installation = lean_home(self._path("installation"), plugins)
        self._write("enabled_plugins", f"[{', '.join(plugins)}].\n")
        self._write("rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in self._settings().items()))
        # Replaces the system's file, which may set anything.
        self._write("rabbitmq-env.conf", "")

    def _settings(self):
        settings = {
            "listeners.tcp.1": f"{_HOST}:{self.port}",
            "log.file.level": "info",
            "collect_statistics_interval": _STATISTICS_INTERVAL_MS,
        }
        if self.management_port is not None:
            settings["management.tcp.ip"] = _HOST
            settings["management.tcp.port"] = self.management_port
            for policy in _SAMPLING_POLICIES:
                settings[f"management.sample_retention_policies.{policy}"] = _SAMPLING_SECONDS
        if self.tls_port is not None:
            settings["listeners.ssl.1"] = f"{_HOST}:{self.tls_port}"
            settings["ssl_options.cacertfile"] = self._certificates.ca_file
            settings["ssl_options.certfile"] = self._certificates.server_cert
            settings["ssl_options.keyfile"] = self._certificates.server_key
            settings["ssl_options.verify"] = "verify_peer"
            settings["ssl_options.fail_if_no_peer_cert"] = "false"
        settings.update(self._configuration)
        return settings

    def _environment(self):
        """Environment of broker, epmd and rabbitmqctl: nothing of the caller's RabbitMQ or Erlang settings."""
        foreign = ("RABBITMQ_", "ERL_", "ERLANG_", "NOTIFY_SOCKET")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

        environment.update(
            {
                **self._installation,
                "HOME": self._directory,  # The Erlang cookie.
                "RABBITMQ_NODENAME": self._node_name,
                "RABBITMQ_MNESIA_BASE": self._path("mnesia"),
                "RABBITMQ_LOG_BASE": self._path("log"),
                "RABBITMQ_CONFIG_FILE": self._path("rabbitmq.conf"),
                "RABBITMQ_CONFIG_FILES": self._path("conf.d/*.conf"),
                "RABBITMQ_ADVANCED_CONFIG_FILE": self._path("advanced.config"),
                "RABBITMQ_CONF_ENV_FILE": self._path("rabbitmq-env.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": self._path("enabled_plugins"),
                "RABBITMQ_PID_FILE": self._path("rabbitmq.pid"),
                "RABBITMQ_DIST_PORT": str(self._distribution_port),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
                # rabbitmqctl connects to the node only: no listener, no port that somebody else was promised.
                "RABBITMQ_CTL_ERL_ARGS": "-dist_listen false",
                "ERL_EPMD_PORT": str(self._epmd_port),
                "ERL_EPMD_ADDRESS": _HOST,
                # Makes the start script exec the Erlang machine, so that our child is the broker and not a shell.
                "RUNNING_UNDER_SYSTEMD": "true",
            }
        )
        return environment

    def _start_epmd(self):
        """Our own epmd as a child; the one that the broker would start itself runs on for ever."""
        epmd = processes.start(
            [find_command("epmd"), "-port", self._epmd_port, "-address", _HOST],
            env=self._environment(),
            cwd=self._directory,
            output=self._console_file,
        )

        def listens():
            self._check_alive(epmd, "epmd")
            with socket.socket() as probe:
                return probe.connect_ex((_HOST, self._epmd_port)) == 0

        processes.wait_until(listens, _START_TIMEOUT_SECONDS, what="epmd")
        return epmd

    def _is_ready(self):
        self._check_alive(self._broker, "RabbitMQ")
        try:
            accepts_amqp(_HOST, self.port)
            if self.management_port is not None:
                self.api("GET", "/api/overview")
        except (NotReady, OSError):  # URLError, HTTPError and time-outs are OSErrors.
            return False
        return True

    def _failure_report(self):
        return (
            f"--- end of the broker's log\n{processes.log_tail(self.log_file)}\n"
            f"--- end of its console output\n{processes.log_tail(self._console_file, 10)}"
        )

    def _end_processes(self):
        processes.kill(self._broker)
        processes.kill(self._epmd)
        self._broker = self._epmd = None


def _exported_variables(broker):
    variables = {"ASYA_RABBITMQ_URL": broker.url, "ASYA_RABBITMQ_MANAGEMENT_URL": broker.management_url}
    if broker.tls_port is not None:
        variables["ASYA_RABBITMQ_TLS_URL"] = broker.tls_url
        variables["ASYA_RABBITMQ_CA_FILE"] = broker.ca_file
    return variables


def main(arguments=None):
    """Runs a broker for the duration of a command, or until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m localservers.rabbitmq", description=main.__doc__)
    parser.add_argument("--tls", action="store_true", help="also listen for TLS, with certificates made for this run")
    parser.add_argument("--env", action="store_true", help="print shell export lines instead of prose")
    parser.add_argument("command", nargs="*", help="command to run with ASYA_RABBITMQ_URL in its environment")
    options = parser.parse_args(arguments)
    with RabbitMQ(tls=options.tls, management=True) as broker:
        return serve("RabbitMQ", _exported_variables(broker), broker.wait, options.command, options.env)


if __name__ == "__main__":
    sys.exit(main())

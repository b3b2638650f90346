"""A private PostgreSQL: own port, own data directory, loopback only; gone when the process that started it ends.

    with Postgres() as server:
        connect(server.url)

As a command: ``python3 -m localservers.postgres [--env] [-- command …]`` (with ``tools`` on PYTHONPATH).
"""

import argparse
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys

from . import processes
from .ports import free_port
from .server import LocalServer, serve

_HOST = "127.0.0.1"
_START_TIMEOUT_SECONDS = 60.0
_STOP_GRACE_SECONDS = 20.0
# The server refuses to run as root.
_ACCOUNT = "postgres"


def find_command(name):
    """Path of a PostgreSQL server command, the newest version's."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    command = found[-1] if found else shutil.which(name)
    if not command:
        raise RuntimeError(f"{name} is not installed. On Debian: apt-get install postgresql-15")
    return command


class Postgres(LocalServer):
    """One server with a superuser `asya`. `stop`, `start` and `kill` keep port and data; `close` ends all.

    `settings` are lines for postgresql.conf. Durable as installed: commits are flushed to the disk.
    """

    _NAME = "postgres"

    def __init__(self, settings=None):
        super().__init__()
        self.host = _HOST
        self.port = free_port()
        self._settings = dict(settings or {})
        self._server = None

    @property
    def url(self):
        """URL of the database `asya`."""
        return self.database_url("asya")

    def database_url(self, name):
        """URL of another database."""
        return f"postgresql://asya@{self.host}:{self.port}/{name}"

    def create_database(self, name):
        """Creates an empty database and returns its URL."""
        self.sql(f'CREATE DATABASE "{name}"')
        return self.database_url(name)

    def sql(self, text, database="asya"):
        """Runs statements with psql; returns the rows, unaligned, without headings."""
        done = subprocess.run(
            [find_command("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database_url(database)],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"psql failed: {done.stderr}")
        return done.stdout.strip()

    def start(self):
        """Starts the server and returns when it answers. Does nothing when it is running."""
        if self._server is not None and self._server.poll() is None:
            return
        with self._starting():
            first = self._prepare_directory()
            self._server = processes.start(
                [*self._as_account(), find_command("postgres"), "-D", self._data],
                cwd=self._directory,
                output=self._log,
            )
            processes.wait_until(self._is_ready, _START_TIMEOUT_SECONDS, what="PostgreSQL", interval=0.05)
            if first:
                self.sql("CREATE DATABASE asya", database="postgres")

    def stop(self):
        """Fast shutdown; data stays."""
        if self._server is not None:
            subprocess.run(
                [*self._as_account(), find_command("pg_ctl"), "-D", self._data, "-m", "fast", "stop"],
                stdout=subprocess.DEVNULL,
                timeout=60,
                check=False,
            )
            processes.stop(self._server, _STOP_GRACE_SECONDS)
        self._server = None

    def wait(self):
        """Blocks until the server ends and returns its exit status."""
        return self._server.wait()

    # -- internals

    @property
    def _data(self):
        return self._path("data")

    @property
    def _log(self):
        return self._path("server.log")

    @staticmethod
    def _as_account():
        return ["setpriv", "--reuid", _ACCOUNT, "--regid", _ACCOUNT, "--clear-groups"] if os.getuid() == 0 else []

    def _prepare_directory(self):
        if not self._make_directory():
            return False
        if os.getuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(self._directory, account.pw_uid, account.pw_gid)
        subprocess.run(
            [*self._as_account(), find_command("initdb"), "-D", self._data, "-U", "asya", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
            timeout=120,
            check=True,
        )
        settings = {
            "listen_addresses": f"'{self.host}'",
            "port": self.port,
            "unix_socket_directories": "''",
            "max_connections": 100,
            "logging_collector": "off",
            **self._settings,
        }
        with open(os.path.join(self._data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())
        return True

    def _is_ready(self):
        self._check_alive(self._server, "PostgreSQL")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((self.host, self.port)) != 0:
                return False
        try:
            self.sql("SELECT 1", database="postgres")
        except RuntimeError:
            return False
        return True

    def _failure_report(self):
        return processes.log_tail(self._log)

    def _end_processes(self):
        processes.stop(self._server, _STOP_GRACE_SECONDS)
        self._server = None


def main(arguments=None):
    """Runs a server for the duration of a command, or until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m localservers.postgres", description=main.__doc__)
    parser.add_argument("--env", action="store_true", help="print a shell export line instead of prose")
    parser.add_argument("command", nargs="*", help="command to run with ASYA_TEST_POSTGRES_URL in its environment")
    options = parser.parse_args(arguments)
    with Postgres() as server:
        variables = {"ASYA_TEST_POSTGRES_URL": server.url}
        return serve("PostgreSQL", variables, server.wait, options.command, options.env)


if __name__ == "__main__":
    sys.exit(main())

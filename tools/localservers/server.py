"""What the private servers of this package have in common: a beginning, an end, a directory, a command line."""

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile

from . import processes


class LocalServer:
    """A server that ends, and whose directory goes, with the process that started it.

    ``with Server() as server:`` starts and closes it. A subclass has `start`, which may be called again and works inside
    ``with self._starting():``, `stop`, `_end_processes` and, for errors, `_failure_report`.
    """

    # Part of the directory's name.
    _NAME = "server"

    def __init__(self):
        self._directory = None
        self._clean_up = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def restart(self):
        """`stop` and `start`."""
        self.stop()
        self.start()

    def close(self):
        """Ends everything and removes the files. Safe to call twice."""
        if self._clean_up is not None:
            self._clean_up.now()
            self._clean_up = None

    def _path(self, *names):
        return os.path.join(self._directory, *names)

    def _write(self, name, content):
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(content)

    def _make_directory(self):
        """True the first time; later the directory is there."""
        if self._directory is not None:
            return False
        processes.exit_on_termination()
        self._directory = tempfile.mkdtemp(prefix=f"asya-{self._NAME}-")
        self._clean_up = processes.CleanUpAtExit(self._remove_everything)
        return True

    @contextlib.contextmanager
    def _starting(self):
        """A start that fails leaves nothing behind; one that took too long shows the end of the logs."""
        try:
            yield
        except TimeoutError as error:
            report = self._failure_report()
            self.close()
            raise RuntimeError(f"{error}\n{report}") from None
        except BaseException:
            self.close()
            raise

    def _check_alive(self, process, name):
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}\n{self._failure_report()}")

    def _remove_everything(self):
        self._end_processes()
        directory, self._directory = self._directory, None
        if directory is not None:
            processes.remove_tree(directory)


def serve(name, variables, wait, command=(), prints_exports=False):
    """Runs `command` with these variables, or shows them and waits for the server or Ctrl-C; returns the exit status."""
    if command:
        return subprocess.call(command, env={**os.environ, **variables})
    if not prints_exports:
        print(f"{name} is ready; Ctrl-C ends it and removes its data.", flush=True)
    for variable, value in variables.items():
        print(f"export {variable}={shlex.quote(value)}" if prints_exports else f"  {variable}={value}", flush=True)
    try:
        status = wait()
    except KeyboardInterrupt:
        return 130
    print(f"{name} ended by itself with status {status}", file=sys.stderr)
    return 1

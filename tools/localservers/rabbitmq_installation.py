"""Where RabbitMQ is installed, and a lean view of it that starts in half the time.

Erlang looks for each module in every application directory on its path, and RabbitMQ puts all of its some seventy
plugins there, needed or not. `lean_home` makes a directory of symbolic links with only the applications that the
enabled plugins depend on, so that the start (about 5 s) is not dominated by failing look-ups.
"""

import glob
import os
import re
import shutil

_APPLICATIONS = re.compile(r"\{\s*applications\s*,\s*\[(.*?)\]", re.DOTALL)
# Applications that the broker's boot script starts by name, beyond what the .app files say.
_ALWAYS_LOADED = ("rabbit", "rabbitmq_prelaunch")


def find_command(name):
    """Path of a RabbitMQ or Erlang command, preferring RabbitMQ's own scripts.

    Debian's /usr/sbin wrappers switch to the user rabbitmq, who may not read our directory; the scripts behind them
    run as whoever calls them.
    """
    for candidate in [f"/usr/lib/rabbitmq/bin/{name}", *glob.glob(f"/opt/rabbitmq*/sbin/{name}"), shutil.which(name)]:
        if candidate and os.access(candidate, os.X_OK):
            return os.path.realpath(candidate)
    raise RuntimeError(f"{name} is not installed. On Debian: apt-get install rabbitmq-server")


def lean_home(directory, plugins):
    """Makes the directory of links; returns the environment variables that select it.

    Returns no variables when the installation does not look as expected: then everything is loaded, only slower.
    """
    installed = os.path.dirname(os.path.dirname(find_command("rabbitmq-server")))
    available = {
        os.path.basename(path).rpartition("-")[0]: path for path in glob.glob(os.path.join(installed, "plugins", "*-*"))
    }
    needed = set()
    waiting = [*_ALWAYS_LOADED, *plugins]
    if not all(name in available and os.path.isdir(available[name]) for name in waiting):
        return {}
    while waiting:
        name = waiting.pop()
        if name in needed or name not in available:  # The latter are Erlang's own applications.
            continue
        needed.add(name)
        waiting.extend(_dependencies(available[name], name))
    plugin_directory = os.path.join(directory, "plugins")
    os.makedirs(plugin_directory)
    for part in ("sbin", "escript"):
        os.symlink(os.path.join(installed, part), os.path.join(directory, part))
    for name in needed:
        os.symlink(available[name], os.path.join(plugin_directory, os.path.basename(available[name])))
    return {"RABBITMQ_SCRIPTS_DIR": os.path.join(directory, "sbin"), "RABBITMQ_PLUGINS_DIR": plugin_directory}


def _dependencies(path, name):
    with open(os.path.join(path, "ebin", f"{name}.app"), encoding="utf-8", errors="replace") as file:
        found = _APPLICATIONS.search(file.read())
    return re.findall(r"[a-z][a-z0-9_]*", found.group(1)) if found else []

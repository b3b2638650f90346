#!/usr/bin/env bash
# Makes a Python environment from a requirements file: make-python-environment.sh DIRECTORY REQUIREMENTS
# The file DIRECTORY/installed says that it is complete.
set -euo pipefail

directory=$1
requirements=$2

# Debian's python3 lacks ensurepip until python3-venv is installed; a python3 of a version manager has it.
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    "$(dirname "$0")/install-debian-packages.sh" python3-venv
fi

echo "== making the Python environment $directory from $requirements"
rm -rf "$directory"
python3 -m venv "$directory" || {
    echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2
    exit 1
}
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
touch "$directory/installed"

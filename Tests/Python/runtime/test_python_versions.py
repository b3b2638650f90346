"""The runtime on every Python from 3.7 to 3.13 that this machine has (runtime.md 1)."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

DRIVER = pathlib.Path(__file__).with_name("echo_on_this_python.py")
VERSIONS = ["3.%d" % minor for minor in range(7, 14)]


def version_of(python):
    """`3.x` if the command runs; shims of version managers may exist for versions that are not selected."""
    command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, text=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def pyenv_pythons():
    root = os.environ.get("PYENV_ROOT")
    if not root and shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], stdout=subprocess.PIPE, text=True).stdout.strip()
    return sorted(pathlib.Path(root).glob("versions/3.*/bin/python")) if root else []


def find_pythons():
    """One interpreter per version: this one, those on the path, those of pyenv."""
    on_path = [shutil.which("python" + version) for version in VERSIONS]
    found = {}
    for python in [sys.executable] + [path for path in on_path if path] + pyenv_pythons():
        version = version_of(python)
        if version in VERSIONS:
            found.setdefault(version, str(python))
    return found


PYTHONS = find_pythons()


def test_what_was_found():
    missing = [version for version in VERSIONS if version not in PYTHONS]
    print("found:", ", ".join("%s (%s)" % item for item in sorted(PYTHONS.items())) or "none")
    print("not on this machine:", ", ".join(missing) or "none")
    assert PYTHONS


@pytest.mark.parametrize("version", VERSIONS)
def test_requests(version):
    if version not in PYTHONS:
        pytest.skip("not on this machine")
    result = subprocess.run(
        # Every warning of the import is an error: what is deprecated today is gone on the next version.
        [PYTHONS[version], "-W", "error::DeprecationWarning", "-B", str(DRIVER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        text=True,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1] == "ok " + version

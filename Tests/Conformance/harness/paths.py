"""Where the things under test are."""

import os

CONFORMANCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(os.path.dirname(CONFORMANCE))
HANDLERS = os.path.join(CONFORMANCE, "handlers")
RUNTIME = os.path.join(REPOSITORY, "Sources", "Runtime", "asya_runtime.py")


def sidecar_binary():
    """`$ASYA_SIDECAR`, otherwise the repository's build result."""
    return os.environ.get("ASYA_SIDECAR") or os.path.join(REPOSITORY, "bin", "asya-sidecar")


def runtime_file():
    """`$ASYA_RUNTIME`, otherwise the repository's runtime."""
    return os.environ.get("ASYA_RUNTIME") or RUNTIME

"""The last act of the demo: the same pipeline as a tool of a gateway, called as an agent or a person would."""

import os
import subprocess

from local_run import ASYA, LocalRun

GATEWAY = ASYA.with_name("asya-gateway")
CALL_TIMEOUT_SECONDS = 60.0


def is_possible():
    """Whether the gateway has been built; `make demo` itself builds no more than the pipeline needs."""
    return os.access(GATEWAY, os.X_OK)


def show(directory, document, display):
    """Starts `asya up` with its gateway, calls the tool for one document and shows its progress. Returns the problem."""
    command = ["asya", "mcp", "call", "rate-text", "--path", document.name]
    # Elsewhere a gateway of the caller's own would take the place of the one of this run.
    environment = {"DOCUMENTS_DIRECTORY": str(document.parent.resolve()), "ASYA_GATEWAY_URL": ""}
    run = LocalRun(directory, "embedded", environment)
    run.start()
    try:
        run.wait(lambda: run.gateway_url, "the gateway")
        display.say()
        display.say(f"the same pipeline as an MCP tool; asya up has started its gateway at {run.gateway_url}")
        display.say(f"$ {' '.join(command)}")
        done = subprocess.run(
            [ASYA, "mcp", "--url", run.gateway_url, *command[2:]],
            capture_output=True,
            text=True,
            timeout=CALL_TIMEOUT_SECONDS,
            check=False,
        )
        display.say(done.stderr.rstrip("\n"))
        # 3: a document that cannot be read, which is an answer too.
        if done.returncode not in (0, 3):
            return f"the call ended with status {done.returncode}\n{done.stdout}"
        return run.stop()
    finally:
        run.kill()

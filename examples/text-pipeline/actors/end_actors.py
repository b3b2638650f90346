"""The end actors of this example: they append each envelope that ends to a file of JSON lines.

Envelope mode without validation: an end actor accepts every envelope, whatever its route looks like, and its reply is
not routed anywhere.
"""

import json
import os


def happy_end(envelope):
    """Keeps an envelope that has run through its route."""
    return _keep("happy-end", envelope)


def error_end(envelope):
    """Keeps an envelope that could not go on; its payload says why, and holds the original payload."""
    return _keep("error-end", envelope)


def _keep(name, envelope):
    line = json.dumps(envelope, ensure_ascii=False) + "\n"
    path = os.path.join(os.environ["RESULTS_DIRECTORY"], f"{name}.jsonl")
    # One write to a file opened for appending: a crash leaves whole lines or none.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode("utf-8", "surrogatepass"))
        # Only then may the message be acknowledged.
        os.fsync(file)
    finally:
        os.close(file)
    return {}

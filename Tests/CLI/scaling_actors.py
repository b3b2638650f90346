"""Actors for looks at autoscaling: quick ones, and long ones whose calls leave a trace. Tests and perf use them."""

import json

# Notes the beginning and the end of each call, so that an interrupted one shows.
LONG = """
import os, time
def work(payload):
    note("begin", payload)
    time.sleep(payload["seconds"])
    note("end", payload)
    return payload
def note(what, payload):
    with open("calls", "a") as file:
        file.write(f"{what} {payload['actor']} {payload['n']} {os.getpid()}\\n")
"""


def quick(seconds):
    """A handler that takes so long."""
    return f"import time\ndef work(payload):\n    time.sleep({seconds})\n    return payload\n"


def manifest(names, handler, **scaling):
    """An asya.yaml of equal actors."""
    actors = {name: {"handler": handler, "timeout": 60, "scaling": scaling} for name in names}
    return json.dumps({"actors": actors})


def calls(folder):
    """(begun, ended): actor, number and process of each call of LONG, sorted."""
    lines = [tuple(line.split()) for line in (folder.path / "calls").read_text().splitlines()]
    return tuple(sorted(line[1:] for line in lines if line[0] == what) for what in ("begin", "end"))

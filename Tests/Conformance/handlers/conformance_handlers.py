"""Handlers for the real Python runtime in the conformance suite."""

import os
import time


def echo(payload):
    """The payload as it is."""
    return payload


def append_hop(payload):
    """Adds this process's hop name, so that the receiver sees which actors did the work."""
    payload["hops"].append(os.environ["CONFORMANCE_HOP"])
    return payload


def hang(payload):
    """With a payload never returns, and makes the file that it names to tell that it was called."""
    if payload:
        with open(payload["file"], "w", encoding="utf-8"):
            time.sleep(600)
    return payload


def wait_for_file(payload):
    """Waits until the file of the payload is there: the test says when this actor goes on."""
    while not os.path.exists(payload["file"]):
        time.sleep(0.01)
    return payload


def fail(payload):
    """Raises."""
    raise ValueError("bad input: " + str(payload["text"]))


def split(payload):
    """Fan-out: one output per element of `parts`."""
    return list(payload["parts"])


def nothing(_payload):
    """Stops the pipeline."""
    return None


def measured(payload):
    """Sets a custom metric of the sidecar."""
    import asya_runtime

    asya_runtime.metric("widgets_total", 2, kind="round")
    asya_runtime.metric("temperature", payload["temperature"])
    return payload


def end(envelope):
    """Envelope mode: what a crew handler answers."""
    return {}


def insert_refiner(envelope):
    """Envelope mode: appends an actor after this one."""
    route = envelope["route"]
    route["actors"].insert(route["current"] + 1, "refiner")
    route["current"] += 1
    return envelope


def append_hop_and_note(payload):
    """Like `append_hop`, and leaves a line behind each time it begins."""
    with open(os.environ["CONFORMANCE_NOTES"], "a", encoding="ascii") as notes:
        notes.write("%d\n" % payload["n"])
    return append_hop(payload)

"""Envelopes as the tests write and read them. Bodies are built as text, because bytes are what is checked."""

import json


def envelope(envelope_id="e-1", actors=("a", "b"), current=0, payload="p", **members):
    """The usual envelope as a dict; further members (`headers`, `parent_id`, …) go in as they are."""
    result = {"id": envelope_id, "route": {"actors": list(actors), "current": current}}
    result.update(members)
    result["payload"] = payload
    return result


def encode(value):
    """Compact JSON bytes, as every Asya component writes them."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def body(*args, **members):
    """Bytes of `envelope(…)`."""
    return encode(envelope(*args, **members))


def advanced_reply(request, payload_text=None):
    """What the Python runtime answers in payload mode: input route advanced, headers when there were any.

    `payload_text` (bytes) is spliced in as it is, so that its spelling can be followed through the sidecar.
    """
    parsed = json.loads(request)
    route = dict(parsed["route"])
    route["current"] = route.get("current", 0) + 1
    element = {"route": route}
    if "headers" in parsed:
        element["headers"] = parsed["headers"]
    text = encode(element)[:-1] + b',"payload":'
    text += encode(parsed.get("payload")) if payload_text is None else payload_text
    return b"[" + text + b"}]"


def reply_element(actors=("a", "b"), current=1, payload=None, **members):
    """One success element of a runtime's reply."""
    element = {"payload": payload, "route": {"actors": list(actors), "current": current}}
    element.update(members)
    return element

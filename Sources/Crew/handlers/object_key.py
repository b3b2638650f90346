"""Names of persisted objects (section 1.4, section 6.5): pure functions of the envelope and the time."""

import datetime
import re

# S3's own limit; a longer key would be refused.
KEY_LIMIT_BYTES = 1024
_FIELDS = ("prefix", "date", "hour", "timestamp", "actor", "id")
_CREATED_HEADER = "x-asya-created-at"


class KeyTemplateError(ValueError):
    """A key template that cannot name objects."""


class KeyTemplate:
    """Text with the fields {prefix} {date} {hour} {timestamp} {actor} {id}."""

    DEFAULT = "{prefix}{timestamp}/{actor}/{id}.json"

    def __init__(self, text):
        unknown = [name for name in re.findall(r"\{([^{}]*)\}", text) if name not in _FIELDS]
        if unknown:
            raise KeyTemplateError("unknown field {%s}; known are {%s}" % (unknown[0], "} {".join(_FIELDS)))
        if "{id}" not in text:
            raise KeyTemplateError("without {id} envelopes would overwrite one another")
        self._text = text

    def key(self, envelope, prefix, when):
        """The key of the envelope's object."""
        values = {
            "prefix": prefix,
            "date": when.strftime("%Y-%m-%d"),
            "hour": when.strftime("%H"),
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "actor": last_actor(envelope),
            "id": str(envelope["id"]),
        }
        key = re.sub(r"\{([a-z]+)\}", lambda match: values[match.group(1)], self._text)
        if len(key.encode("utf-8", "replace")) > KEY_LIMIT_BYTES:
            raise ValueError("the object's key would be longer than %d bytes" % KEY_LIMIT_BYTES)
        return key


def last_actor(envelope):
    """The actor that had the envelope last; `unknown` without a usable route."""
    route = envelope.get("route")
    actors = route.get("actors") if isinstance(route, dict) else None
    if not isinstance(actors, list) or not actors:
        return "unknown"
    current = route.get("current")
    is_index = isinstance(current, int) and not isinstance(current, bool) and 0 <= current < len(actors)
    return str(actors[current] if is_index else actors[-1])


def key_time(envelope):
    """The time in the key: the same for every delivery of an envelope when the envelope tells one (section 6.5)."""
    headers = envelope.get("headers")
    created = headers.get(_CREATED_HEADER) if isinstance(headers, dict) else None
    for text in (created, envelope.get("deadline")):
        when = _parse_time(text)
        if when is not None:
            return when
    return datetime.datetime.now(datetime.timezone.utc)


def _parse_time(text):
    """An RFC 3339 time in UTC; None for anything else."""
    pattern = r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)"
    match = re.fullmatch(pattern, text) if isinstance(text, str) else None
    if match is None:
        return None
    date, time, fraction, offset = match.groups()
    micros = ((fraction or ".") + "000000")[1:7]
    offset = "+0000" if offset in "Zz" else offset.replace(":", "")
    try:
        when = datetime.datetime.strptime("%s %s.%s%s" % (date, time, micros, offset), "%Y-%m-%d %H:%M:%S.%f%z")
        return when.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None  # A time that the calendar does not have: as good as none.

"""The text of a persisted object (section 1.4): the envelope as it was received, as JSON."""

import json
import math


def object_text(envelope):
    """The envelope as indented JSON in UTF-8; values that JSON cannot express become strings."""
    try:
        return _encode(envelope, indent=2)
    except RecursionError:
        # Indenting is done by Python's own encoder, level by level; the compact one nests far deeper.
        return _encode(envelope, indent=None)
    except (TypeError, ValueError):
        return _encode(_plain(envelope), indent=2)


def _encode(value, indent):
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=str)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8, but it has an escape.
        return json.dumps(value, indent=indent, allow_nan=False, default=str).encode("ascii")


def _plain(value):
    """The same value with everything that JSON has no word for as a string."""
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)

"""Differential test: mutated bodies are judged by the sidecar and by Python's JSON reader; both must agree.

The seed is printed; `ASYA_FUZZ_SEED` and `ASYA_FUZZ_COUNT` repeat or extend a run.
"""

import json
import os
import random

from harness.envelopes import reply_element
from harness.scripted_runtime import always, reply

SEED = int(os.environ.get("ASYA_FUZZ_SEED", "20240607"))
COUNT = int(os.environ.get("ASYA_FUZZ_COUNT", "4000"))
KNOWN = {"id", "parent_id", "route", "actors", "current", "metadata", "headers", "payload"}
SEEDS = [
    b'{"id":"x","route":{"actors":["a","b"],"current":0},"payload":{"k":[1,2.5,-3e+7,true,false,null,"s"]}}',
    b'{"id":"x-1","parent_id":"x","route":{"actors":["a"],"current":0,"metadata":{"m":{}}},"headers":{"h":[]},'
    b'"payload":"\\u00e9\\n"}',
    ' { "payload" : "日本 🎉" , "route" : { "current" : 0 , "actors" : [ "a" ] } , '
    '"id" : "é", "u" : [ [ ] , { } ] } '.encode(),
    b'{"id":"x","route":null,"payload":-0.0}',
]
TOKENS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"-",
    b"0",
    b"1e5",
    b".",
    b"\\u00",
    b"\\ud800",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\x00",
    b"\n",
    b" ",
    b'"id":',
    b'"current":1',
    b"NaN",
    b"//",
    b'""',
    b"\xef\xbb\xbf",
]
VALUES = [
    b"null",
    b"0",
    b"-0.0",
    b"1e-400",
    b"12345678901234567890",
    b'""',
    b'"\\ud83d\\ude00"',
    b"[]",
    b"{}",
    b'[[],{"":0}]',
    '{"ключ":"значение"}'.encode(),
    b'"\\"}\\\\"',
    b"true",
    b'{"id":5,"route":6}',
    b'[1.5E+3, {"a" : [ ] } ]',
]


class Ambiguous(Exception):
    """The specification leaves this case open."""


def expected_queue(text):
    """Where the body must go, by Python's reader and the rules of envelope.md 2.1."""
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "parse_error"
    if value is None:
        return "validation_error"
    if not isinstance(value, dict):
        return "parse_error"
    return _judge(value)


def _judge(value):
    route = value.get("route")
    if "id" in value and value["id"] is None:
        raise Ambiguous
    checks = [
        isinstance(value.get("id", ""), str),
        value.get("parent_id") is None or isinstance(value["parent_id"], str),
        route is None or isinstance(route, dict),
        value.get("headers") is None or isinstance(value["headers"], dict),
    ]
    route = route if isinstance(route, dict) else {}
    actors, current = route.get("actors"), route.get("current", 0)
    if current is None or isinstance(current, int) and abs(current) > 2**31:
        raise Ambiguous
    if isinstance(actors, list) and None in actors:
        raise Ambiguous
    checks += [
        actors is None or isinstance(actors, list) and all(isinstance(a, str) for a in actors),
        isinstance(current, int) and not isinstance(current, bool),
        route.get("metadata") is None or isinstance(route["metadata"], dict),
    ]
    if not all(checks):
        return "parse_error"
    if not value.get("id"):
        return "validation_error"
    actors = actors or []
    return "b" if 0 <= current < len(actors) and actors[current] == "a" else "route_mismatch"


def _pairs(pairs):
    names = [name for name, _ in pairs]
    if any(names.count(name) > 1 for name in KNOWN):
        raise Ambiguous
    return dict(pairs)


def _no_constant(text):
    raise ValueError(text)


def mutate(generator, text):
    """One to three small changes of a valid envelope."""
    data = bytearray(text)
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        position = generator.randrange(len(data) + 1)
        kind = generator.random()
        if kind < 0.35:
            data[position:position] = generator.choice(TOKENS)
        elif kind < 0.6:
            del data[position : position + generator.randint(1, 3)]
        elif kind < 0.8 and position < len(data):
            data[position] = generator.randrange(256)
        elif kind < 0.9:
            start = generator.randrange(len(data) + 1)
            data[position:position] = data[start : start + generator.randint(1, 20)]
        else:
            del data[position:]
        if not data:
            break
    return bytes(data)


def assemble(generator):
    """An envelope put together from well-spelt parts of right and wrong types, in any order and spacing."""
    gap = generator.choice([b"", b" ", b"\n\t"])
    usually = lambda good, bad: generator.choice(good if generator.random() < 0.9 else bad)  # noqa: E731
    route = [
        b'"actors":'
        + usually([b'["a"]', b'["a","b"]', b'["b","a"]', b'["\\u0061"]'], [b"[]", b"null", b'"a"', b'["a",1]', b"{}"]),
        b'"current":' + usually([b"0", b"1", b"-0"], [b"0.0", b"1e0", b'"0"', b"true", b"-1", b"99", b"[]"]),
        b'"metadata":' + usually([b"{}", b"null", b'{"x":[1]}'], [b"[]", b"1", b'""']),
        b'"extra":' + generator.choice(VALUES),
    ]
    members = [
        b'"id":' + usually([b'"x"', '"é"'.encode(), b'"\\u0000"'], [b'""', b"1", b"{}", b"false"]),
        b'"parent_id":' + usually([b'"p"', b"null"], [b"1", b"[]"]),
        b'"route":' + usually([b"{" + _some(generator, route, gap) + b"}"], [b"null", b"{}", b"[]", b'"a"', b"0"]),
        b'"headers":' + usually([b"{}", b"null", b'{"h":{"h":1}}'], [b"[]", b'""', b"0"]),
        b'"payload":' + generator.choice(VALUES),
        b'"unknown":' + generator.choice(VALUES),
    ]
    return gap + b"{" + gap + _some(generator, members, gap) + gap + b"}" + gap


def _some(generator, members, gap):
    """Most of the members, shuffled."""
    chosen = [member for member in members if generator.random() < 0.93]
    generator.shuffle(chosen)
    return (gap + b"," + gap).join(chosen)


def cases(seed, count):
    """Pairs of body and expected queue, without the ambiguous ones."""
    generator = random.Random(seed)
    made = []
    while len(made) < count:
        text = mutate(generator, generator.choice(SEEDS)) if generator.random() < 0.5 else assemble(generator)
        try:
            made.append((text, expected_queue(text)))
        except Ambiguous:
            continue
    return made


def test_mutated_bodies_are_judged_as_python_judges_them(cell):
    print("seed %d, %d bodies" % (SEED, COUNT))
    cell.runtime.script = always(reply([reply_element()]))
    made = cases(SEED, COUNT)
    cell.world.send_many("a", [text for text, _ in made])
    cell.world.wait_settled("a", timeout=90)
    assert cell.sidecar.is_running
    good = [text for text, where in made if where == "b"]
    bad = [(text, where) for text, where in made if where != "b"]
    errors = cell.world.client.consume_all("asya-error-end")
    wrong = []
    for (text, where), message in zip(bad, errors):
        if _reason(message.json) != where:
            wrong.append((text, where, message.body))
    assert not wrong[:3], "first disagreements of %d" % len(wrong)
    assert len(errors) == len(bad)
    assert cell.runtime.bodies == good
    assert len(cell.world.client.consume_all("asya-b")) == len(good)


def _reason(envelope):
    text = envelope["payload"]["error"]
    starts = {
        "Failed to parse message: ": "parse_error",
        "Envelope missing required 'id' field": "validation_error",
        "Route mismatch": "route_mismatch",
    }
    return next((reason for start, reason in starts.items() if text.startswith(start)), text)

"""What goes through JSON and what does not, with and without orjson: the answers must be the same (runtime.md 5)."""

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import sys
import types
import uuid

import pytest
from runtime_process import envelope


@pytest.fixture(params=["json", "orjson"], autouse=True)
def parser(request, runtime, monkeypatch):
    if request.param == "json":
        monkeypatch.setattr(runtime, "_orjson", None)
    elif runtime._orjson is None:
        pytest.skip("no usable orjson here")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int


Pair = collections.namedtuple("Pair", "a b")

NOT_JSON = [b"x", {1, 2}, object(), 1j, Colour.RED, Point(1), uuid.uuid4(), datetime.date(2026, 1, 2)]
NOT_JSON += [decimal.Decimal(1), bytearray(b"x"), range(3), {"k": {"deep": [b"x"]}}, {(1, 2): 1}, memoryview(b"x")]


@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: type(value).__name__)
def test_what_json_cannot_express_is_a_type_error(runtime, value):
    (element,) = json.loads(runtime._encode_reply([{"payload": value}]))
    assert (element["error"], element["details"]["type"]) == ("processing_error", "TypeError")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, {"x": math.nan}], {math.nan: 1}])
def test_nan_in_the_result_is_a_value_error(runtime, value):
    (element,) = json.loads(runtime._encode_reply([{"payload": value}]))
    assert (element["error"], element["details"]["type"]) == ("processing_error", "ValueError")


def test_circular_result(runtime):
    value = []
    value.append(value)
    (element,) = json.loads(runtime._encode_reply([{"payload": value}]))
    assert element["details"]["type"] in ("ValueError", "RecursionError")


def test_endless_nesting_of_the_result(runtime):
    value = []
    for _ in range(200000):
        value = [value]
    (element,) = json.loads(runtime._encode_reply([{"payload": value}]))
    assert (element["error"], element["details"]["type"]) == ("processing_error", "RecursionError")
    while value:  # Python's own destructor of deep lists is fine; being explicit keeps old versions fine too.
        value = value.pop()


VALUES = [None, True, 0, -1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, 10**5000, 1.5, -0.0, 1e300, 5e-324, 1e16]
VALUES += ["", "naïve 東京 \U0001f600", '\u2028\u0000\x1f\x7f"\\/', [], {}, [[], {}], {"": 1}, [None, "null"]]
VALUES += [[1, "a", {"b": [True, None]}], 'text with "NaN"', "00000000000000000000000000", {"a": 1.0, "b": [2]}]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30] if value != 10**5000 else "10**5000")
def test_values_survive(runtime, value):
    data = runtime._encode_reply([{"payload": value}])
    again = runtime._parse_envelope_json(data[1:-1])["payload"]
    assert (again, type(again)) == (value, type(value))
    assert math.copysign(1, again) == math.copysign(1, value) if isinstance(value, float) else True


@pytest.mark.parametrize(
    "value, text",
    [
        ({2: "a", None: "b", True: "c", 1.5: "d"}, '{"2":"a","null":"b","true":"c","1.5":"d"}'),
        (Pair(1, 2), "[1,2]"),
        ((1, (2,)), "[1,[2]]"),
        (Level.HIGH, "3"),
        (collections.OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        (collections.defaultdict(int, x=1), '{"x":1}'),
        ("é東", '"é東"'),
        ("\ud800x", '"\\ud800x"'),
        ({"\udfff": 1}, '{"\\udfff":1}'),
    ],
)
def test_encoding(runtime, value, text):
    assert runtime._encode_reply(value).decode() == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a":[NaN]}'])
def test_nan_in_the_input_is_a_parsing_error(request_reply, text):
    body = b'{"route":{"actors":["a"]},"payload":' + text.encode() + b"}"
    assert request_reply(lambda payload: payload, body)[0]["error"] == "msg_parsing_error"


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"", "JSONDecodeError"),
        (b" ", "JSONDecodeError"),
        (b"{", "JSONDecodeError"),
        (b"{} x", "JSONDecodeError"),
        (b"{'a':1}", "JSONDecodeError"),
        (b'{"a":1,}', "JSONDecodeError"),
        (b'{"a":01}', "JSONDecodeError"),
        (b'{"a":"\x01"}', "JSONDecodeError"),
        (b"\xef\xbb\xbf{}", "JSONDecodeError"),
        (b'{"a":"\xff"}', "UnicodeDecodeError"),
        (b'{"a":"\xed\xa0\x80"}', "UnicodeDecodeError"),
        (b'{"a":"\xc0\x80"}', "UnicodeDecodeError"),
        ("{}".encode("utf-16"), "UnicodeDecodeError"),
        (b"[]", "ValueError"),
        (b"null", "ValueError"),
        (b'"x"', "ValueError"),
        (b"5", "ValueError"),
        (b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}", "RecursionError"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_bodies_that_are_no_json_objects(request_reply, body, kind):
    (element,) = request_reply(lambda payload: payload, body)
    assert (element["error"], element["details"]["type"]) == ("msg_parsing_error", kind)


@pytest.mark.parametrize(
    "text, value",
    [
        ("18446744073709551616", 2**64),
        ("-9223372036854775809", -(2**63) - 1),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("[1e2, 1E400, -0, -0.0]", [100.0, math.inf, 0, -0.0]),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        ('"\\ud800"', "\ud800"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_decoding(runtime, text, value):
    decoded = runtime._parse_envelope_json(b'{"payload":' + text.encode() + b"}")["payload"]
    assert repr(decoded) == repr(value)
    if isinstance(value, dict):
        assert list(decoded) == list(value)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_every_kind_of_buffer(runtime, wrap):
    assert runtime._parse_envelope_json(wrap(b'{"a":"\xc3\xa9"}')) == {"a": "é"}


def test_random_values_come_back_equal(runtime):
    hypothesis = pytest.importorskip("hypothesis")
    some = hypothesis.strategies
    scalars = some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text()
    scalars |= some.text(alphabet=some.characters())  # Lone surrogates included.
    values = some.recursive(
        scalars, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=20
    )

    @hypothesis.settings(max_examples=80, deadline=None, database=None)
    @hypothesis.given(values)
    def check(value):
        try:
            expected = json.dumps([value], allow_nan=False)
        except ValueError:
            expected = None
        reply = json.loads(runtime._encode_reply([value]))
        if expected is None:
            assert reply[0]["error"] == "processing_error"
        else:
            assert repr(reply) == repr(json.loads(expected))
            body = b'{"payload":' + expected.encode() + b"}"
            assert repr(runtime._parse_envelope_json(body)) == repr(json.loads(body))

    check()


def test_reply_that_exceeds_the_frame_limit(runtime, monkeypatch):
    monkeypatch.setattr(runtime, "FRAME_LIMIT_BYTES", 5000)
    (element,) = json.loads(runtime._encode_reply([{"payload": "x" * 5000}]))
    assert element["details"]["message"].endswith("exceeds the limit of 5000")


def test_stranger_called_orjson_is_not_used(runtime, monkeypatch):
    monkeypatch.setitem(sys.modules, "orjson", types.ModuleType("orjson"))
    assert runtime._usable_orjson() is None
    monkeypatch.setitem(sys.modules, "orjson", None)  # As if it were not installed.
    assert runtime._usable_orjson() is None


def test_result_is_compact_utf8(request_reply, runtime):
    reply = request_reply(lambda payload: payload, envelope({"a": [1, "é"]}))
    assert b'"payload":{"a":[1,"\xc3\xa9"]}' in runtime._encode_reply(reply)

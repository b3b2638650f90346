"""Finding the handler that `ASYA_HANDLER` names (runtime.md 3)."""

import logging

import pytest

SOURCE = """
import functools

def plain(payload): return payload
not_callable = 5
partial = functools.partial(lambda extra, payload: [extra, payload], "extra")

class Callable:
    def __call__(self, payload): return ("called", payload)

class Counter:
    def __init__(self, start=10): self.count = start
    def add(self, payload):
        self.count += payload
        return self.count
    @staticmethod
    def static(payload): return ("static", payload)
    @classmethod
    def of_class(cls, payload): return (cls.__name__, payload)
    value = 3

class NoInit:
    def run(self, payload): return payload

class Variadic:
    def __init__(self, *arguments, **options): pass
    def run(self, payload): return payload

class KeywordOnly:
    def __init__(self, *, size=1): pass
    def run(self, payload): return payload

class Needs:
    def __init__(self, model): pass
    def run(self, payload): return payload

class Fails:
    def __init__(self): raise RuntimeError("no weights")
    def run(self, payload): return payload

class FromC(dict):
    pass

class Outer:
    class Inner:
        class Innermost:
            def run(self, payload): return ("nested", payload)
    field = 1

instance = Callable()
bound = Counter(100).add
"""


@pytest.fixture
def load(runtime, handler_module, monkeypatch):
    handler_module(SOURCE)
    monkeypatch.setattr(runtime, "ASYA_HANDLER_MODE", "payload")

    def load(handler):
        monkeypatch.setattr(runtime, "ASYA_HANDLER", handler)
        return runtime._load_function()

    return load


@pytest.mark.parametrize(
    "name, argument, result",
    [
        ("plain", 1, 1),
        ("partial", 1, ["extra", 1]),
        ("instance", 1, ("called", 1)),
        ("bound", 1, 101),
        ("Counter.add", 1, 11),
        ("Counter.static", 1, ("static", 1)),
        ("Counter.of_class", 1, ("Counter", 1)),
        ("NoInit.run", 1, 1),
        ("Variadic.run", 1, 1),
        ("KeywordOnly.run", 1, 1),
        ("FromC.get", 1, None),
        ("Outer.Inner.Innermost.run", 1, ("nested", 1)),
    ],
)
def test_loads(load, name, argument, result):
    assert load("user_handler." + name)(argument) == result


def test_state_lives_between_requests(load, request_reply):
    add = load("user_handler.Counter.add")
    assert [add(1), add(2)] == [11, 13]


@pytest.mark.parametrize(
    "handler",
    [
        "",
        "plain",
        "user_handler",
        "user_handler.",
        ".plain",
        "user_handler..plain",
        "user-handler.plain",
        "user_handler.plain()",
        "user_handler.plain ",
        "user_handler.plain\n",
        "../user_handler.plain",
        "/etc/passwd",
        "user_handler.1st",
        "user_handler:plain",
        "__import__('os').system",
        "usér.plain",
        "no_such_module_here.run",
        "no.such.module.here.run",
        "user_handler.missing",
        "user_handler.not_callable",
        "user_handler.Missing.run",
        "user_handler.plain.run",
        "user_handler.Counter.missing",
        "user_handler.Counter.value",
        "user_handler.Counter.add.more",
        "user_handler.Outer.field.run",
        "user_handler.Outer.Missing.run",
        "user_handler.Needs.run",
        "user_handler.Fails.run",
    ],
)
def test_refuses_with_status_one_and_one_critical_line(load, handler, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(SystemExit) as caught:
        load(handler)
    assert caught.value.code == 1
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]


@pytest.mark.parametrize("mode", ["batch", "payloads", " payload"])
def test_unknown_mode_is_a_value_error(runtime, load, monkeypatch, mode):
    monkeypatch.setattr(runtime, "ASYA_HANDLER_MODE", mode)
    with pytest.raises(ValueError) as caught:
        load("user_handler.plain")
    assert str(caught.value) == "Invalid ASYA_HANDLER_MODE=%s: not in ('payload', 'envelope')" % mode


def test_module_in_a_package(load, handler_module):
    handler_module("", "user_package.__init__")
    handler_module("def run(payload): return 'package'", "user_package.inner.module")
    assert load("user_package.inner.module.run")(1) == "package"


def test_class_of_a_package(load, handler_module):
    handler_module("class C:\n    def run(self, payload): return 'init'", "user_package2.__init__")
    assert load("user_package2.C.run")(1) == "init"


@pytest.mark.parametrize("handler", ["broken.run", "broken.C.run"])
def test_missing_dependency_is_reported_by_its_name(load, handler_module, caplog, handler):
    handler_module("import surely_missing_package\ndef run(payload): pass\n", "broken")
    with pytest.raises(SystemExit) as caught:
        load(handler)
    assert caught.value.code == 1
    assert "surely_missing_package" in caplog.text
    assert caplog.records[-1].exc_info


@pytest.mark.parametrize("code", ["1/0", "raise ImportError('libcuda.so.1')", "def x(:"])
def test_module_that_raises(load, handler_module, caplog, code):
    handler_module(code + "\n", "raising")
    with pytest.raises(SystemExit) as caught:
        load("raising.run")
    assert caught.value.code == 1
    assert caplog.records[-1].exc_info

"""Coroutines and generators as handlers (runtime.md 5)."""

import asyncio
import collections.abc

import pytest
from runtime_process import envelope


def payloads(reply):
    return [element["payload"] for element in reply]


def test_coroutine(request_reply):
    async def handler(payload):
        await asyncio.sleep(0)
        return [payload, 2]

    assert payloads(request_reply(handler, envelope(1))) == [1, 2]


def test_object_with_await(request_reply):
    class Later:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "later"

    assert payloads(request_reply(lambda payload: Later(), envelope(1))) == ["later"]


def test_one_loop_for_the_life_of_the_process(request_reply):
    state = {}

    async def handler(payload):
        state.setdefault("lock", asyncio.Lock())
        async with state["lock"]:
            state.setdefault("task", asyncio.ensure_future(asyncio.sleep(0, "from the first request")))
            return [await state["task"], id(asyncio.get_event_loop())]

    first, second = (payloads(request_reply(handler, envelope(1))) for _ in range(2))
    assert first == second


def test_loop_that_a_handler_closed_is_replaced(runtime, request_reply):
    async def echo(payload):
        return payload

    assert payloads(request_reply(echo, envelope(1))) == [1]
    runtime._event_loop.close()
    assert payloads(request_reply(echo, envelope(2))) == [2]


def test_asyncio_run_in_a_plain_handler(request_reply):
    async def inner(payload):
        return payload

    async def handler(payload):
        return payload

    assert payloads(request_reply(lambda payload: asyncio.run(inner(payload)), envelope(1))) == [1]
    assert payloads(request_reply(handler, envelope(2))) == [2]


def test_generator(request_reply):
    def handler(payload):
        yield payload
        yield None

    assert payloads(request_reply(handler, envelope(1))) == [1, None]


def test_generator_without_values(request_reply):
    def handler(payload):
        return
        yield

    assert request_reply(handler, envelope(1)) == []


def test_async_generator(request_reply):
    async def handler(payload):
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    assert payloads(request_reply(handler, envelope(1))) == [0, 1, 2]


def test_coroutine_that_returns_a_generator(request_reply):
    async def handler(payload):
        return (number for number in range(2))

    assert payloads(request_reply(handler, envelope(1))) == [0, 1]


def test_other_generator_types(request_reply):
    class Once(collections.abc.Generator):
        def __init__(self):
            self.values = [1, 2]

        def send(self, value):
            if not self.values:
                raise StopIteration
            return self.values.pop(0)

        def throw(self, kind, value=None, trace=None):
            raise StopIteration

    assert payloads(request_reply(lambda payload: Once(), envelope(1))) == [1, 2]


def broken_generator(payload):
    yield 1
    raise ValueError("in the middle")


async def broken_async_generator(payload):
    yield 1
    raise ValueError("in the middle")


async def broken_coroutine(payload):
    raise ValueError("in the middle")


@pytest.mark.parametrize("handler", [broken_generator, broken_async_generator, broken_coroutine])
def test_exception_in_the_middle_fails_the_request(request_reply, handler):
    (element,) = request_reply(handler, envelope(1))
    assert (element["error"], element["details"]["message"]) == ("processing_error", "in the middle")


def test_cancelled_task_is_a_processing_error(request_reply):
    async def handler(payload):
        raise asyncio.CancelledError

    assert request_reply(handler, envelope(1))[0]["details"]["type"] == "CancelledError"


def test_generator_in_envelope_mode(runtime, request_reply, monkeypatch):
    monkeypatch.setattr(runtime, "ASYA_HANDLER_MODE", "envelope")

    async def handler(message):
        for number in range(2):
            yield dict(message, payload=number)

    assert payloads(request_reply(handler, envelope(9))) == [0, 1]

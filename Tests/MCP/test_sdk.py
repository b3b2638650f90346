"""The official Python SDK as client, in both eras: an independent reading of the protocol."""

import asyncio

import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Tool

MODES = ["legacy", "auto", "2026-07-28"]


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def connect(gateway, mode, **more):
    return Client(f"{gateway.url}/mcp", mode=mode, **more)


@pytest.mark.parametrize(
    "mode, version", [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
)
def test_the_era_that_is_negotiated(gateway, mode, version):
    async def body():
        async with connect(gateway, mode) as client:
            assert client.protocol_version == version

    run(body())


@pytest.mark.parametrize("mode", MODES)
def test_tools_are_listed(gateway, mode):
    async def body():
        async with connect(gateway, mode) as client:
            tools = (await client.list_tools()).tools
            assert all(isinstance(tool, Tool) for tool in tools)
            assert [tool.name for tool in tools] == ["echo", "must", "tasky", "waiting"]

    run(body())


@pytest.mark.parametrize("mode", MODES)
def test_a_tool_is_called(gateway, actors, mode):
    async def body():
        async with connect(gateway, mode) as client:
            await client.list_tools()  # So that the client knows which parameters travel as headers.
            arguments = {"text": "hello", "place": {"zip": 42}}
            result = await client.call_tool("echo", arguments)
            assert not result.is_error
            identifier = result.structured_content["envelope_id"]
            assert actors.envelope(identifier)["payload"] == arguments

    run(body())


@pytest.mark.parametrize("mode", MODES)
def test_bad_arguments_are_a_tool_error(gateway, mode):
    async def body():
        async with connect(gateway, mode) as client:
            result = await client.call_tool("echo", {"text": "x", "count": "5"})
            assert result.is_error and "/count" in result.content[0].text

    run(body())


@pytest.mark.parametrize("mode", MODES)
def test_progress_and_the_structured_result_of_a_waiting_call(gateway, actors, mode):
    async def body():
        seen = []

        async def on_progress(progress, total, message):
            seen.append((progress, total, message))

        async def play():
            known = actors.newest("waiting")
            known = {known["id"]} if known else set()
            ready.set()
            identifier = await asyncio.to_thread(actors.wait_for_new, "waiting", known)
            await asyncio.to_thread(actors.progress, identifier, 0, "received", "started")
            await asyncio.to_thread(actors.progress, identifier, 0, "processing", "half way")
            await asyncio.to_thread(actors.succeed, identifier, {"answer": 42})

        ready = asyncio.Event()
        async with connect(gateway, mode) as client:
            await client.list_tools()  # The result is checked against the tool's output schema.
            player = asyncio.create_task(play())
            await ready.wait()
            result = await client.call_tool("waiting", {}, progress_callback=on_progress)
            await player
            assert result.structured_content == {"answer": 42}
        assert [step[0] for step in seen] == sorted({step[0] for step in seen})
        assert seen and all(step[1] == 100 for step in seen)

    run(body())


@pytest.mark.parametrize("mode", ["auto"])
def test_a_resource_is_read(gateway, mode):
    async def body():
        async with connect(gateway, mode) as client:
            result = await client.call_tool("echo", {"text": "x"})
            identifier = result.structured_content["envelope_id"]
            templates = await client.list_resource_templates()
            assert templates.resource_templates[0].uri_template == "asya://envelopes/{id}"
            read = await client.read_resource(f"asya://envelopes/{identifier}")
            assert identifier in read.contents[0].text

    run(body())


def test_list_changes_reach_a_listener(run_gateway):
    gateway_to_reload = run_gateway()

    async def body():
        async with connect(gateway_to_reload, "2026-07-28") as client:
            async with client.listen(tools_list_changed=True) as subscription:
                gateway_to_reload.write_tools("tools: [{name: other, route: [a]}]")
                async for _ in subscription:
                    break
            assert [tool.name for tool in (await client.list_tools()).tools] == ["other"]

    run(body())


def test_the_transport_can_be_used_without_the_convenience_client(gateway):
    async def body():
        from mcp import ClientSession

        async with streamable_http_client(f"{gateway.url}/mcp") as streams:
            async with ClientSession(streams[0], streams[1]) as session:
                assert (await session.initialize()).protocol_version == "2025-11-25"
                assert len((await session.list_tools()).tools) == 4

    run(body())

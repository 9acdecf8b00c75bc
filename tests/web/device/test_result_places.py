"""Results of one device that are under way at once, posted by whoever knows its id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.clock import ManualClock
from tests.storage.locations import blocked_writers
from tests.web.local_server import (
    DEVICE,
    LocalServer,
    reset_connection,
    running_server,
    wait_until,
)

BOUND = 3
BODY = b'{"response":{}}'
OTHER = DEVICE + 1


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with a small bound, and two devices."""
    async with running_server(database, clock, device_results=BOUND) as server:
        for device in (DEVICE, OTHER):
            await server.api("PUT", f"/devices/{device}", {})
        yield server


@pytest.fixture(name="stack")
async def _stack() -> AsyncIterator[AsyncExitStack]:
    """Return what connections are open in for the duration of a test."""
    async with AsyncExitStack() as stack:
        yield stack


async def begin(
    server: LocalServer, stack: AsyncExitStack, uuid: str, device: int = DEVICE
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Post a result but for its last byte, and wait until it is under way or ended."""
    reader, writer = await stack.enter_async_context(server.connect())
    query, before = f"deviceId={device}&uuid={uuid}", progress(server)
    head = f"POST /result?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}"
    writer.write(head.encode() + b"\r\n\r\n" + BODY[:-1])
    await wait_until(lambda: progress(server) > before)
    return reader, writer


async def post(server: LocalServer, stack: AsyncExitStack, uuid: str) -> None:
    """Post a whole result, and hang up while it is under way."""
    _, writer = await begin(server, stack, uuid)
    writer.write(BODY[-1:])
    await wait_until(lambda: arriving_count(server) == 0)
    reset_connection(writer)


def arriving_count(server: LocalServer) -> int:
    """Return how many results are under way that may be ended for others."""
    taken = server.services.result_intake.places._taken.values()
    return sum(each.end is not None for results in taken for each in results)


def progress(server: LocalServer) -> int:
    """Return how many results are under way, or were beyond the bound."""
    taken = server.services.result_intake.places._taken.values()
    return sum(map(len, taken)) + beyond(server)


def beyond(server: LocalServer) -> int:
    """Return how many results were beyond the bound."""
    return server.services.counts["bounds.deviceResults"]


async def test_arriving(server: LocalServer, stack: AsyncExitStack) -> None:
    """
    As many as there are places arrive, of each device; for one more the oldest of the
    same device is ended, and nothing of it is stored.
    """
    other = await begin(server, stack, "other", OTHER)
    results = [await begin(server, stack, f"u{n}") for n in range(BOUND)]
    before = beyond(server), arriving_count(server)
    results.append(await begin(server, stack, "last"))
    ended, _ = results.pop(0)

    assert (0, BOUND + 1) == before
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(15):
            await ended.read()
    for reader, writer in (*results, other):
        writer.write(BODY[-1:])
        assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
    stored = {each["uuid"] for each in await server.list_results()}
    assert {"u1", "u2", "last", "other"} == stored
    assert 1 == beyond(server)


async def test_lost(server: LocalServer, stack: AsyncExitStack) -> None:
    """
    Whole results whose device has gone are stored, as many as there are places; one
    more is refused meanwhile, also while a command is in flight, and takes none.
    """
    await server.enqueue()
    await server.poll(f"deviceId={DEVICE}&uuid=delivery")
    async with blocked_writers(server.services.store):
        for number in range(BOUND):
            await post(server, stack, f"u{number}")
        before = beyond(server)
        async with asyncio.timeout(15):
            refused = await server.post_result(query=f"deviceId={DEVICE}&uuid=last")
    await wait_until(lambda: progress(server) == beyond(server))

    assert 0 == before
    assert (429, "too-many", None) == refused.problem
    stored = {each["uuid"] for each in await server.list_results()}
    assert {"u0", "u1", "u2"} == stored
    assert 1 == beyond(server)


async def test_awaited(server: LocalServer, stack: AsyncExitStack) -> None:
    """
    What names a delivery in flight has places of its own, so strangers take none of
    them; they are as many, whoever knows the uuid.
    """
    command = await server.enqueue()
    query = f"deviceId={DEVICE}&uuid=delivery"
    await server.poll(query)
    async with asyncio.TaskGroup() as group, blocked_writers(server.services.store):
        for number in range(BOUND):
            await post(server, stack, f"u{number}")
        posting = [
            group.create_task(server.post_result(query=query)) for _ in range(BOUND)
        ]
        await wait_until(lambda: progress(server) == BOUND + len(posting))
        before = beyond(server)
        async with asyncio.timeout(15):
            refused = await server.post_result(query=query)

    assert 0 == before
    assert 429 == refused.status
    assert [200] * len(posting) == [each.result().status for each in posting]
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]

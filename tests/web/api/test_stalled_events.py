"""Streams of events whose readers are slow, and events that are long."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.subscription_rows import SHORT_DATA
from pushserver.web.api.event_piece import PIECE_SIZE
from pushserver.web.spool import FREE_BYTES
from tests.clock import ManualClock
from tests.slow_reader import slow_reader
from tests.storage.subscriptions import emit_errors
from tests.web.event_stream import EventStreamReader, open_event_stream
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

#: Of as many bytes as the room that this server has for bodies.
ROOM = 64 * 1024 * 1024
#: So many of them are more than the kernel keeps for a slow reader.
LONG, TIMES = 500_000, 12
SIZES = (10, PIECE_SIZE, 10, 2 * PIECE_SIZE, FREE_BYTES - 500, 10, FREE_BYTES + 1)
ASK = (
    "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n"
    f"Authorization: Bearer {TOKEN}\r\n\r\n"
).encode()


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with as little room for bodies as it takes."""
    async with running_server(database, clock, bodies=64) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        yield server


async def fail_command(server: LocalServer, size: int) -> None:
    """Have a command fail with an error of so many bytes."""
    await server.enqueue()
    await server.poll()
    await server.post_result(b'{"error":"%s"}' % (b"E" * size))


async def next_error(stream: EventStreamReader) -> str:
    """Return the next error in a stream."""
    while "error" not in (data := await stream.next_data()):
        pass
    return str(data["error"])


def taken(server: LocalServer) -> int:
    """Return how many bytes of the room for bodies are taken."""
    return server.services.body_budget.taken


async def test_in_order(server: LocalServer) -> None:
    """
    Events of all sizes come in order, each once, whole, and with all in between.
    """
    async with open_event_stream(server):
        for size in SIZES:
            await fail_command(server, size)
    async with open_event_stream(server, last_event_id="0") as stream:
        received = [await stream.next_event() for _ in range(4 * len(SIZES))]

    written = await server.services.store.subscriptions.events(1, after=0, limit=999)
    data = [json.loads(each["data"])["data"] for each in received]
    errors = [len(each["error"]) for each in data if "error" in each]
    assert [str(event.id) for event in written] == [each["id"] for each in received]
    assert list(SIZES) == errors
    assert 0 == taken(server)


async def test_beside_one_that_stalls(server: LocalServer) -> None:
    """
    While the reader of one stream stalls in a long event, others get theirs.
    """
    async with open_event_stream(server), slow_reader(server.url) as slow:
        for _ in range(TIMES):
            await fail_command(server, LONG)
        await slow.send(ASK)
        await wait_until(lambda: taken(server) > 0)
        async with open_event_stream(server, last_event_id="0") as stream:
            errors = [await next_error(stream) for _ in range(TIMES)]
            command = await server.enqueue()
            received = await stream.next_data()

    assert [LONG] * TIMES == list(map(len, errors))
    assert command["id"] == received["commandId"]
    await wait_until(lambda: taken(server) == 0)


async def test_waits_for_room(server: LocalServer) -> None:
    """
    A long event waits for room as all large bodies do; short ones need none.
    """
    room = server.services.body_budget.room(ROOM)
    async with AsyncExitStack() as stack, open_event_stream(server) as other:
        await fail_command(server, FREE_BYTES)
        await next_error(other)
        await stack.enter_async_context(room)
        async with open_event_stream(server, last_event_id="0") as stream:
            states = await stream.next_states(3)
            await wait_until(lambda: server.services.counts["bodies.waited"] == 1)
            command = await server.enqueue()
            received = await other.next_data()
            await stack.aclose()
            error = await next_error(stream)

    assert ["PENDING", "SENT", "DELIVERED"] == states
    assert command["id"] == received["commandId"]
    assert FREE_BYTES == len(error)


async def test_left_in_the_store(server: LocalServer) -> None:
    """
    An event whose own data is long comes whole, among short ones.
    """
    sizes = [10, SHORT_DATA, FREE_BYTES + 1, 10]
    async with open_event_stream(server):
        for size in sizes:
            await emit_errors(server.services.store, size)
    async with open_event_stream(server, last_event_id="0") as stream:
        errors = [await next_error(stream) for _ in sizes]

    assert sizes == list(map(len, errors))


async def test_deleted_meanwhile(server: LocalServer, clock: ManualClock) -> None:
    """
    An event that is deleted after it was listed has no body, and holds nobody up.
    """
    store, read = server.services.store, server.services.store.subscriptions.events
    await emit_errors(store, SHORT_DATA)
    (listed,) = await read(DEFAULT_SCOPE_ID, after=0, limit=9)
    clock.tick(seconds=1)
    await store.subscriptions.purge_events(before=clock.now(), limit=9)

    assert await server.services.event_feed.render(listed, frozenset()) is None

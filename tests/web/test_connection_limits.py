"""How many connections may be open, and which ones close first at the limit."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from pushserver import app
from pushserver.services import off_loop
from pushserver.web import connection_limits
from pushserver.web import server as web_server
from tests.clock import ManualClock
from tests.devices import terminal
from tests.web.local_server import (
    LocalServer,
    reset_connection,
    running_server,
    wait_until,
)

LIMIT = 4
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(name="stack")
async def _stack() -> AsyncIterator[AsyncExitStack]:
    """Return what keeps connections open for a test."""
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        yield stack


async def is_served(server: LocalServer, stack: AsyncExitStack) -> bool:
    """Open a connection, and tell whether a request on it is answered."""
    reader, writer = await stack.enter_async_context(server.connect())
    writer.write(HEALTH)
    try:
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    except ConnectionError:
        return False


async def hold_polls(server: LocalServer, stack: AsyncExitStack, count: int) -> None:
    """Open connections that wait for their answers."""
    for device_id in range(1, count + 1):
        await server.services.fleet.put(1, terminal(device_id), {})
        _, writer = await stack.enter_async_context(server.connect())
        poll = f"GET /push?deviceId={device_id} HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(poll.encode())
        await server.wait_for_held_polls(device_id)


async def test_all_are_busy(
    database: str, clock: ManualClock, stack: AsyncExitStack
) -> None:
    """
    Where all wait for answers, each one more is closed, and the log says so once.
    """
    async with running_server(database, clock, connections=LIMIT, hold=60) as server:
        await hold_polls(server, stack, LIMIT)
        with capture_logs() as lines:
            assert [False] * 3 == [await is_served(server, stack) for _ in range(3)]
        counts = server.services.counts

        assert (3, LIMIT) == (counts["connections.refused"], len(server.services.holds))
        events = [line["event"] for line in lines]
        assert 1 == events.count("connections.refused")


async def test_refused_without_an_error(
    database: str,
    clock: ManualClock,
    stack: AsyncExitStack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    A connection that is closed at once is nobody's error.
    """
    async with running_server(database, clock, connections=LIMIT, hold=60) as server:
        await hold_polls(server, stack, LIMIT)
        assert not await is_served(server, stack)
        gc.collect()

    assert [] == caplog.record_tuples


async def test_last_one(
    database: str, clock: ManualClock, stack: AsyncExitStack
) -> None:
    """
    The last one that fits is served, and so is the next one once another has ended.
    """
    async with running_server(database, clock, connections=LIMIT, hold=60) as server:
        await hold_polls(server, stack, LIMIT - 1)
        assert await is_served(server, stack)
        assert await is_served(server, stack)

        counts = server.services.counts
        assert (1, 0) == (
            counts["connections.closedIdle"],
            counts["connections.refused"],
        )
        assert LIMIT - 1 == len(server.services.holds)


async def test_oldest_idle_one_first(
    database: str, clock: ManualClock, stack: AsyncExitStack
) -> None:
    """
    Of idle ones, that which asked least recently closes.
    """
    async with running_server(database, clock, connections=LIMIT) as server:
        streams = [await stack.enter_async_context(server.connect()) for _ in range(4)]
        for reader, writer in [*streams, streams[0]]:
            writer.write(HEALTH)
            await reader.readuntil(b"ok\n")
        assert await is_served(server, stack)

        assert b"" == await streams[1][0].read()
        streams[0][1].write(HEALTH)
        assert (await streams[0][0].readline()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("proxies", "served"), [("", False), ("127.0.0.0/8", True)])
async def test_by_address(
    database: str,
    clock: ManualClock,
    stack: AsyncExitStack,
    proxies: str,
    served: bool,
) -> None:
    """
    One address has so many and no more, unless it is a proxy's.
    """
    async with running_server(
        database, clock, connections_per_address=LIMIT, trusted_proxies=proxies
    ) as server:
        served_before = [await is_served(server, stack) for _ in range(LIMIT)]

        assert [True] * LIMIT == served_before
        assert served is await is_served(server, stack)


async def test_address_is_free_again(database: str, clock: ManualClock) -> None:
    """
    What was closed, or refused, does not count any more.
    """
    async with running_server(database, clock, connections_per_address=1) as server:
        async with AsyncExitStack() as first:
            assert await is_served(server, first)
            assert not await is_served(server, first)

        async def served() -> bool:
            async with AsyncExitStack() as later:
                return await is_served(server, later)

        await wait_until(served)


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Return what came before the connection ended, in whatever way."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_trickled_head(
    database: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A head has a deadline as a whole: bytes that trickle do not put it off.
    """
    monkeypatch.setattr(web_server, "HEADER_TIMEOUT", 0.3)
    monkeypatch.setattr(web_server, "_SWEEP_INTERVAL", 0.01)
    async with (
        running_server(database, clock) as server,
        server.connect() as (reader, writer),
        asyncio.timeout(15),
    ):
        ended = asyncio.create_task(_read_to_end(reader))
        writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait((ended,), timeout=0.05)

        assert b"" == await ended


async def test_swept_in_pieces(
    database: str,
    clock: ManualClock,
    stack: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A sweep gives way between the connections that it looks at, comes to all of them,
    and minds none that is lost meanwhile.
    """
    servers: list[web_server.Server] = []

    async def keep(server: web_server.Server) -> None:
        servers.append(server)

    monkeypatch.setattr(web_server, "_sweep", keep)
    monkeypatch.setattr(web_server, "HEADER_TIMEOUT", -1.0)
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    async with running_server(database, clock, hold=60) as server:
        await hold_polls(server, stack, 1)
        streams = [await stack.enter_async_context(server.connect()) for _ in range(20)]
        await wait_until(lambda: len(servers[0].connections) == 21)
        sweeping, open_counts = asyncio.create_task(servers[0].sweep()), [21]
        reset_connection(streams[-1][1])
        while not sweeping.done() or open_counts[-1] > 1:
            await asyncio.sleep(0)
            open_counts.append(len(servers[0].connections))
        await sweeping

        # One is closed, and one may be lost by itself.
        assert 2 >= max(before - after for before, after in pairwise(open_counts))
        assert [b""] * 19 == [await reader.read() for reader, _ in streams[:-1]]
        assert 1 == len(server.services.holds)


async def test_log_after_a_minute(
    database: str,
    clock: ManualClock,
    stack: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    What goes on is logged again when the minute is over, with how often it happened.
    """
    ahead, limits = 0.0, connection_limits.ConnectionLimits
    ticking = partial(limits, now=lambda: time.monotonic() + ahead)
    monkeypatch.setattr(app, "ConnectionLimits", ticking)
    async with running_server(database, clock, connections=LIMIT, hold=60) as server:
        await hold_polls(server, stack, LIMIT)
        with capture_logs() as lines:
            for seconds in (0.0, 50.0, 70.0, 110.0):
                ahead = seconds
                assert not await is_served(server, stack)

    found = [line for line in lines if line["event"] == "connections.refused"]
    assert [1, 3] == [line["count"] for line in found]


async def test_files_are_scarce(
    database: str,
    clock: ManualClock,
    stack: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Idle connections close when the process has hardly any files left, also if it is not
    a new connection that takes them; those that are answered stay.
    """
    monkeypatch.setattr(web_server, "_SWEEP_INTERVAL", 0.01)
    async with running_server(database, clock, hold=60) as server:
        await hold_polls(server, stack, 1)
        reader, writer = await stack.enter_async_context(server.connect())
        writer.write(HEALTH)
        await reader.readuntil(b"ok\n")
        monkeypatch.setattr(connection_limits, "SPARE_FILES", 10**9)

        assert b"" == await reader.read()
        assert 1 == len(server.services.holds)
        assert 0 < server.services.counts["connections.closedIdle"]

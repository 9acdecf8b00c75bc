"""The process has no files left: devices are served, and the log says so once."""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import pytest

from pushserver.client import Client, Unreachable
from pushserver.web.server import HEADER_TIMEOUT
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.raw_connection import Streams, connect
from tests.e2e.test_device_life import OPEN_DOOR
from tests.program import Program
from tests.web.local_server import wait_until

pytestmark = [
    pytest.mark.only_on("sqlite"),
    pytest.mark.skipif(sys.platform != "linux", reason="it sets a process's limits"),
]
LEFT = 12
IDLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def leave_files(program: Program, count: int) -> None:
    """Let the running program open so many more files, and none beyond."""
    limit = max(int(each.name) for each in Path(f"/proc/{program.pid}/fd").iterdir())
    limit += 1 + count
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (limit, limit))


@pytest.fixture(name="stack")
async def _stack() -> AsyncIterator[AsyncExitStack]:
    """Return what keeps connections open for a test."""
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        yield stack


async def trickle(streams: Streams) -> float:
    """Send a head byte by byte; return after how many seconds that was ended."""
    reader, writer = streams
    started, ended = time.monotonic(), asyncio.create_task(reader.read())
    while not ended.done():
        writer.write(b"x")
        await asyncio.wait((ended,), timeout=0.2)
    with suppress(ConnectionError):
        await ended
    return time.monotonic() - started


async def served_soon(server: Program) -> None:
    """Wait until a new connection is served."""

    async def is_served() -> bool:
        # A connection that the server closes at once may be gone before it is set up.
        with suppress(ConnectionError):
            async with connect(server) as (reader, writer):
                writer.write(IDLE)
                return (await reader.readline()).startswith(b"HTTP/1.1 200")
        return False

    await wait_until(is_served)


async def test_strangers_take_them_all(
    server: Program, api: Client, device_of: MakeDevice, stack: AsyncExitStack
) -> None:
    """
    Idle connections close first and a trickled head has its deadline, so a door opens
    whenever it is asked to; one line in the log tells of it.
    """
    await api.devices.put(str(DEVICE))
    leave_files(server, LEFT)
    trickling = await stack.enter_async_context(connect(server))
    trickling[1].write(b"GET /healthz HTTP/1.1\r\nX: ")
    ended = asyncio.create_task(trickle(trickling))
    for _ in range(LEFT * 4):
        _, writer = await stack.enter_async_context(connect(server))
        writer.write(IDLE)

    # Of a burst the event loop may drop some; what comes later is served.
    await wait_until(lambda: bool(server.log_lines("connections.closedIdle")))
    await asyncio.gather(*(served_soon(server) for _ in range(2)))

    async def door_opens() -> bool:
        device = device_of(server, DEVICE)
        # A kept-alive connection may be one of those that close: one tries anew.
        with suppress(Unreachable, aiohttp.ClientError):
            async with Client(server.url, server.token, retry_for=0) as program:
                door = await program.commands.enqueue(str(DEVICE), OPEN_DOOR)
                await device.execute_and_post(await device.poll_command())
                found = await program.commands.get(door["id"])
                return bool(found["state"] == "SUCCESSFUL")
        return False

    for _ in range(3):
        await wait_until(door_opens)
    assert await ended < HEADER_TIMEOUT + 3
    assert 1 == len(server.log_lines("connections.closedIdle"))

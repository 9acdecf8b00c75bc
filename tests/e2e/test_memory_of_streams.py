"""Streams of events take little memory, however long events are and who reads them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import msgspec
import pytest

from pushserver.client import Client
from pushserver.services.event_feed import KEPT_BODIES
from pushserver.web.body_budget import MAX_PIECES
from tests.e2e.conftest import DEVICE
from tests.e2e.raw_connection import connect
from tests.e2e.test_memory import ME, MEBIBYTE, at_most, poll, read
from tests.program import Program
from tests.slow_reader import slow_reader

pytestmark = pytest.mark.proof_on("postgres")
#: What the garbage is that they make.
GARBAGE = 24 * MEBIBYTE
#: Streams that stall in events with as much metadata as there may be: took 207 MiB.
STREAMS, OF_EACH, COMMANDS = 60, 48 * 1024, 300
METADATA = {"a": "b" * 15_900}
#: Streams of events with long errors, which took 905 MiB.
LONG_STREAMS, ERRORS, ERROR = 10, 60, b"E" * 900_000


def ask(program: Program) -> bytes:
    """Return the request for all events that there are."""
    return (
        f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n"
        f"Authorization: Bearer {program.token}\r\n\r\n"
    ).encode()


@pytest.fixture(name="interest", autouse=True)
async def _interest(server: Program, api: Client) -> None:
    """Have events recorded: a stream was read a moment ago."""
    await api.devices.put(ME)
    async with connect(server) as (reader, writer):
        writer.write(ask(server))
        await reader.readuntil(b": listening\n")


@pytest.fixture(name="metadata")
async def _metadata(server: Program, session: aiohttp.ClientSession) -> None:
    """Have many events with long metadata."""
    body = msgspec.json.encode([{"endpoint": "x", "metadata": METADATA}] * 50)
    path, kind = f"/devices/{ME}/commands/batch", {"Content-Type": "application/json"}
    for _ in range(COMMANDS // 50):
        await read(server, session, "POST", path, kind, body)


@pytest.fixture(name="errors")
async def _errors(server: Program, api: Client, session: aiohttp.ClientSession) -> None:
    """Have events with long errors of a device."""
    url = f"{server.url}/result?deviceId={DEVICE}"
    for _ in range(ERRORS):
        await api.commands.enqueue(ME, {"endpoint": "x"})
        assert await poll(server, session, DEVICE)
        async with session.post(url, data=b'{"error":"%s"}' % ERROR) as answer:
            assert 200 == answer.status


@asynccontextmanager
async def stalled_streams(program: Program, count: int) -> AsyncIterator[None]:
    """Have streams whose readers stall in the first events."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            reader = await stack.enter_async_context(slow_reader(program.url))
            await reader.send(ask(program))
            received = b""
            while b"\ndata: " not in received:
                received += await reader.read(1024)
        yield


@pytest.mark.usefixtures("metadata")
async def test_stalled(server: Program, api: Client) -> None:
    """
    Streams that stall have a piece each of what they send; nobody waits for them.
    """
    with at_most(server, STREAMS * OF_EACH + KEPT_BODIES + GARBAGE):
        async with stalled_streams(server, STREAMS):
            await api.devices.list()


@pytest.mark.usefixtures("errors")
async def test_stalled_in_long_events(server: Program, api: Client) -> None:
    """
    Streams that stall in long events share the memory of all bodies that leave.
    """
    with at_most(server, MAX_PIECES + KEPT_BODIES + GARBAGE):
        async with stalled_streams(server, LONG_STREAMS):
            await api.devices.list()


@pytest.mark.usefixtures("errors")
async def test_read(server: Program) -> None:
    """
    A stream that is read has one long event in memory at a time: it took 146 MiB.
    """
    with at_most(server, KEPT_BODIES + GARBAGE):
        async with connect(server) as (reader, writer):
            writer.write(ask(server))
            received, tail = 0, b""
            while received < ERRORS:
                piece = await reader.read(MEBIBYTE)
                assert piece
                received += (tail + piece).count(b'"error":"')
                tail = (tail + piece)[-8:]

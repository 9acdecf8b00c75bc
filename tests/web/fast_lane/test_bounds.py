"""What the lane takes, what it hands over, and the bounds that hold in it."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from pushserver.web import draining
from pushserver.web import server as web_server
from pushserver.web.fast_connection import FastLaneConnection
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

POLL = f"GET /push?deviceId={DEVICE}&uuid=u1 HTTP/1.1\r\nHost: x\r\n\r\n"
KEYED_POLL = POLL.replace("/push", f"/d/{'k' * 32}/push")
RESULT = (
    f"POST /result?deviceId={DEVICE}&uuid=u1&endpoint=reboot HTTP/1.1\r\nHost: x\r\n"
    "content-length: 15\r\nUser-Agent: x y\r\nConnection: keep-alive\r\n\r\n"
    '{"response":{}}'
)
ENQUEUE = (
    f"POST /api/v1/devices/{DEVICE}/commands HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    'Content-Length: 27\r\n\r\n{"endpoint":"load_objects"}'
)
_LENGTH = re.compile(rb"Content-Length: ([0-9]+)")
ODD = {
    "another path": POLL.replace("/push", "/x/push"),
    "another call": ENQUEUE.replace("commands", "shadow"),
    "an escape": POLL.replace("u1", "%31"),
    "old HTTP": POLL.replace("1.1", "1.0"),
    "a long header": POLL.replace("Host: x", "Host: x\r\nX: " + "y" * 3000),
    "a browser's": POLL.replace("Host: x", "Host: x\r\nOrigin: http://x"),
    "the last one": POLL.replace("Host: x", "Host: x\r\nConnection: close"),
    "an expectation": RESULT.replace("User-Agent: x y", "Expect: 100-continue"),
    "a preference": ENQUEUE.replace("Accept: */*", "Prefer: wait=1"),
    "chunks": RESULT.replace("content-length: 15", "Transfer-Encoding: chunked"),
    "an encoding": RESULT.replace("User-Agent: x y", "Content-Encoding: gzip"),
    "no length": RESULT.replace("content-length: 15\r\n", ""),
    "a key": ENQUEUE.replace("Accept: */*", "Idempotency-Key: x"),
    "two tokens": ENQUEUE.replace("Accept: */*", f"Authorization: Bearer {TOKEN}"),
    "two lengths": RESULT.replace("User-Agent: x y", "Content-Length: 15"),
    "a bare line feed": POLL.replace("x\r\n", "x\nA: b\r\n"),
    "no host": POLL.replace("Host: x", "Accept: x"),
    "a body of a poll": POLL.replace("Host: x", "Host: x\r\nContent-Length: 1") + "x",
    "a part": ENQUEUE[:-1],
    "two at once": POLL + POLL,
}


@pytest.fixture(name="slow_server", params=[True, False], ids=["fast", "plain"])
async def _slow_server(
    request: pytest.FixtureRequest, database: str, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return a server with the fast lane, and one without."""
    async with running_server(database, clock, fast_lane=request.param) as server:
        yield server


async def test_plain(server: LocalServer, handed_over: bytearray) -> None:
    """
    Plain requests of who is known never reach aiohttp's own protocol, nor do they
    before and after an odd one.
    """
    await server.enqueue()
    async with server.connect() as (reader, writer), asyncio.timeout(10):

        async def ask(request: str) -> None:
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(_LENGTH.findall(head)[0]))
            await wait_until(lambda: True)

        # The first poll says from where the device comes.
        for each in (POLL, RESULT):
            await ask(each)
        handed_over.clear()
        odd = f"HEAD /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n\r\n"
        cycle = (POLL, ENQUEUE, POLL, RESULT, KEYED_POLL, ENQUEUE, KEYED_POLL, RESULT)
        long = POLL.replace("u1", "u" * 1000)
        for each in (*cycle, odd, *cycle, long, *cycle):
            await ask(each)
        # Its end is known, though it comes in pieces.
        writer.write(ENQUEUE[:-1].encode())
        await wait_until(lambda: handed_over.endswith(ENQUEUE[:-1].encode()))
        for each in (ENQUEUE[-1], *cycle):
            await ask(each)

    assert (odd + long + ENQUEUE).encode() == bytes(handed_over)


async def test_key(server: LocalServer) -> None:
    """
    A device whose polls are known is asked for its key from when it has one.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    counts = server.services.counts
    async with server.connect() as (reader, writer), asyncio.timeout(10):

        async def poll() -> None:
            writer.write(POLL.encode())
            await reader.readuntil(b"\r\n\r\n")

        for _ in range(3):
            await poll()
        assert 3 == counts["polls.idle"]
        await server.api("POST", f"/devices/{DEVICE}/key", {"enforce": True})
        await poll()

    assert (3, 1) == (counts["polls.idle"], counts["refused.noKey"])


@pytest.mark.parametrize(
    "unknown",
    [POLL, RESULT, ENQUEUE.replace(TOKEN, "x")],
    ids=["poll", "result", "token"],
)
async def test_unknown(
    server: LocalServer, handed_over: bytearray, unknown: str
) -> None:
    """
    What needs more than a look into memory reaches it, untouched.
    """
    async with server.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(unknown.encode())
        await reader.readuntil(b"\r\n\r\n")

    assert unknown.encode() == bytes(handed_over)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
async def test_odd(server: LocalServer, handed_over: bytearray, odd: str) -> None:
    """
    Whatever is in the least odd reaches it, untouched, of whoever is known, too.
    """
    await server.enqueue()
    await server.poll(f"deviceId={DEVICE}&uuid=u1")
    handed_over.clear()
    async with server.connect() as (_, writer), asyncio.timeout(10):
        writer.write(odd.encode())
        await wait_until(lambda: len(handed_over) >= len(odd))

    assert odd.encode() == bytes(handed_over)


async def test_off(database: str, clock: ManualClock, handed_over: bytearray) -> None:
    """
    Without the lane all requests reach it.
    """
    async with running_server(database, clock, fast_lane=False) as server:
        async with server.connect() as (reader, writer), asyncio.timeout(10):
            writer.write(POLL.encode())
            await reader.readuntil(b"\r\n\r\n")

        assert POLL.encode() == bytes(handed_over)


async def test_idle(slow_server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A connection is closed when it has been idle for long, and not while it polls.
    """
    monkeypatch.setattr(web_server, "KEEPALIVE_TIMEOUT", 0.5)
    monkeypatch.setattr(web_server, "_SWEEP_INTERVAL", 0.01)
    loop = asyncio.get_running_loop()
    started_at = loop.time()

    async with slow_server.connect() as (reader, writer), asyncio.timeout(30):
        while loop.time() - started_at < 1:
            writer.write(POLL.encode())
            await reader.readuntil(b"\r\n\r\n")

        assert b"" == await reader.read()


@pytest.fixture(name="accepted")
def _accepted(monkeypatch: pytest.MonkeyPatch) -> list[FastLaneConnection]:
    """Return the connections that are opened from now on."""
    accepted: list[FastLaneConnection] = []
    accept = FastLaneConnection.connection_made

    def note(connection: FastLaneConnection, transport: asyncio.BaseTransport) -> None:
        accepted.append(connection)
        accept(connection, transport)

    monkeypatch.setattr(FastLaneConnection, "connection_made", note)
    return accepted


async def test_answer_has_not_left(
    server: LocalServer, accepted: list[FastLaneConnection], handed_over: bytearray
) -> None:
    """
    While an answer of the lane has not left, the next request waits, and then comes.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll(f"deviceId={DEVICE}")
    admission = server.services.admission
    async with server.connect() as (reader, writer), asyncio.timeout(10):
        await wait_until(lambda: accepted[-1].is_idle)
        # So does a transport whose peer takes nothing.
        accepted[-1].pause_writing()
        handed_over.clear()
        before = admission.request_count
        writer.write(POLL.encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(POLL.encode())
        await wait_until(lambda: bool(handed_over))

        assert POLL.encode() == bytes(handed_over)
        assert before + 1 == admission.request_count
        accepted[-1].resume_writing()
        await reader.readuntil(b"\r\n\r\n")


async def test_answer_never_leaves(
    server: LocalServer,
    accepted: list[FastLaneConnection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Whoever takes no byte of an answer of the lane for long loses it.
    """
    monkeypatch.setattr(draining, "WRITE_IDLE_TIMEOUT", 0.1)
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll(f"deviceId={DEVICE}")
    async with server.connect() as (_, writer), asyncio.timeout(10):
        await wait_until(lambda: accepted[-1].is_idle)
        accepted[-1].pause_writing()
        writer.write(POLL.encode())

        await wait_until(lambda: accepted[-1].transport is None)


async def test_nobody_reads(server: LocalServer) -> None:
    """
    Of whoever sends polls and reads nothing, no more are taken than answers fit.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    admission = server.services.admission
    async with server.connect() as (reader, writer), asyncio.timeout(30):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(POLL.encode() * 200_000)
        before = -1
        while before < admission.request_count:
            before = admission.request_count
            for _ in range(1000):
                await asyncio.sleep(0)

        assert admission.request_count < 200_000

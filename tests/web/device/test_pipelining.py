"""Several requests that come at once, with the fast lane and without."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

QUERY = f"deviceId={DEVICE}"
POLL = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
ENQUEUE = (
    f"POST /api/v1/devices/{DEVICE}/commands HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    'Content-Length: 27\r\n\r\n{"endpoint":"load_objects"}'
).encode()
UNANNOUNCED = f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n{{}}".encode()
EMPTY = ENQUEUE.replace(b"27", b"0").partition(b"{")[0]


@pytest.fixture(name="server", params=[True, False], ids=["fast", "general"])
async def _server(
    request: pytest.FixtureRequest, database: str, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return a server with the fast lane, and one without."""
    async with running_server(database, clock, fast_lane=request.param) as server:
        yield server


def statuses(answer: bytes) -> list[int]:
    """Return the statuses of the answers."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", answer)]


@pytest.mark.parametrize(
    "broken", [b"7\r\n\r\n", b"\x16\x03", b"GET / HTTP/1.1\r\n\r\n"]
)
@pytest.mark.parametrize("whole", [POLL, ENQUEUE])
async def test_something_broken_behind(
    server: LocalServer, whole: bytes, broken: bytes
) -> None:
    """
    Requests that came whole are answered, also if what follows them is none.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await server.send_raw(whole + whole + broken)

    status = 200 if whole is POLL else 201
    assert [status, status, 400] == statuses(answer)


async def test_unannounced_body_behind(server: LocalServer) -> None:
    """
    A body of which no header told is that of its request, and of none before it.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await server.send_raw(EMPTY + POLL + ENQUEUE + UNANNOUNCED)

    assert [400, 200, 201, 411] == statuses(answer)


async def test_no_body_after_the_end(server: LocalServer) -> None:
    """
    Nobody waits for a body of which no header told once its sender sends no more.
    """
    async with server.connect() as (reader, writer), asyncio.timeout(3):
        writer.write(UNANNOUNCED.removesuffix(b"{}"))
        writer.write_eof()
        answer = await reader.read()

    assert [200] == statuses(answer)


async def test_cut_behind_an_empty_body(server: LocalServer) -> None:
    """
    The rest of a request is no body of the one before, though that has none.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})

    async with server.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(POLL)
        await server.wait_for_held_polls(1)
        writer.write(EMPTY + ENQUEUE[:30])
        await asyncio.sleep(0)
        writer.write(ENQUEUE[30:])
        server.services.holds.release(DEVICE)
        answer = b""
        while len(statuses(answer)) < 3:
            answer += await reader.read(65_536)

    assert [200, 400, 201] == statuses(answer)


MANY = POLL.replace(b"GET", b"PUT") * 8
LONG = f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n"


@pytest.mark.parametrize(
    "behind", [MANY, LONG.encode() + bytes(400_000)], ids=["many", "long"]
)
@pytest.mark.parametrize("is_at_once", [False, True])
async def test_much_behind_a_held_poll(
    server: LocalServer, behind: bytes, *, is_at_once: bool
) -> None:
    """
    A poll is not held when nothing is read on behind it: its device may have gone.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})

    async with server.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(POLL)
        if not is_at_once:
            await server.wait_for_held_polls(1)
        writer.write(behind)
        answer = await reader.readuntil(b"\r\n\r\n")

    assert [200] == statuses(answer)
    assert b"Content-Length: 0" in answer
    device = server.services.devices.find_in_any_scope(DEVICE)
    assert device is not None
    assert 0 == device.hang_up_count


@pytest.mark.parametrize("is_at_once", [False, True])
async def test_much_behind_a_call_that_waits(
    server: LocalServer, *, is_at_once: bool
) -> None:
    """
    So it is with a program's call that waits.
    """
    waiting = ENQUEUE.replace(b"Host: x\r\n", b"Host: x\r\nPrefer: wait=60\r\n")

    async with server.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(waiting)
        if not is_at_once:
            await wait_until(lambda: server.services.wait_bounds.waiting_count == 1)
        writer.write(MANY)
        answer = await reader.readuntil(b"\r\n\r\n")

    assert [201] == statuses(answer)


async def test_behind_a_held_poll(server: LocalServer) -> None:
    """
    What comes while a poll is held is answered behind it, in its order.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})

    async with server.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(POLL)
        await server.wait_for_held_polls(1)
        for part in (ENQUEUE[:50], ENQUEUE[50:], POLL.replace(b"GET", b"PUT")):
            writer.write(part)
        await server.enqueue()
        answer = b""
        while len(statuses(answer)) < 3:
            answer += await reader.read(65_536)

    assert b'"endpoint":"load_objects"' in answer.split(b"HTTP/1.")[1]
    assert [200, 201, 200] == statuses(answer)

"""Polls that the lane holds: until there is a command, or the device has gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    LocalServer,
    reset_connection,
    running_server,
    wait_until,
)

POLL = f"GET /push?deviceId={DEVICE}&uuid=u1 HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture(name="held")
async def _held(
    database: str, clock: ManualClock, handed_over: bytearray
) -> AsyncIterator[LocalServer]:
    """
    Return a server that holds polls, and knows from where the device comes.

    Each of its polls is one for the lane.
    """
    async with running_server(database, clock, hold=60) as server:
        await server.enqueue()
        await server.poll(f"deviceId={DEVICE}&uuid=u1")
        await server.post_result(query=f"deviceId={DEVICE}&uuid=u1")
        handed_over.clear()
        yield server
        assert b"GET /push" not in handed_over


async def _send(
    poll: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Poll once aiohttp has answered, and waits for another request."""
    writer.write(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await wait_until(lambda: True)
    writer.write(poll)


async def test_answered(held: LocalServer) -> None:
    """
    A held poll gets the command the moment it is enqueued, and the next waits again.
    """
    async with held.connect() as (reader, writer), asyncio.timeout(10):
        await _send(POLL, reader, writer)
        await held.wait_for_held_polls(1)
        enqueued = await held.enqueue()
        head = await reader.readuntil(b"\r\n\r\n")

        assert b"application/json" in head
        await reader.readexactly(int(head.partition(b"Length: ")[2].split()[0]))
        writer.write(POLL)
        # It is held in its turn, for the first one's command is there.
        await held.wait_for_held_polls(1)

    assert "SENT" == (await held.get_command(enqueued["id"]))["state"]


async def test_gone(held: LocalServer) -> None:
    """
    Of a device that hangs up nothing is held, and its command waits.
    """
    device = held.services.devices.find_in_any_scope(DEVICE)
    assert device is not None
    async with held.connect() as (reader, writer), asyncio.timeout(10):
        await _send(POLL, reader, writer)
        await held.wait_for_held_polls(1)
        reset_connection(writer)
        await wait_until(lambda: len(held.services.holds) == 0)
    enqueued = await held.enqueue()

    assert 1 == device.hang_up_count
    assert "PENDING" == (await held.get_command(enqueued["id"]))["state"]


async def test_stopped(held: LocalServer) -> None:
    """
    A server that stops answers what the lane holds.
    """
    async with held.connect() as (reader, writer), asyncio.timeout(10):
        await _send(POLL, reader, writer)
        await held.wait_for_held_polls(1)
        held.services.holds.close()

        assert b"Content-Length: 0" in await reader.readuntil(b"\r\n\r\n")

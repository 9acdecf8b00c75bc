"""Answers that fail after they have begun: nobody takes them for whole."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.web.local_server import TOKEN, LocalServer, wait_until, waiting_for

REQUEST = f"""\
GET /api/v1/events HTTP/1.1\r
Host: x\r
Authorization: Bearer {TOKEN}\r
Last-Event-ID: 1\r
\r
"""


async def test_store_gone_in_the_middle(server: LocalServer) -> None:
    """
    A stream that cannot go on, as its store is away, ends with a reset; no second
    answer is in it.
    """
    turn = server.services.event_feed.turn
    await turn.acquire()
    with capture_logs() as logs:
        async with server.connect() as (reader, writer):
            writer.write(REQUEST.encode())
            head = await reader.readuntil(b": listening")
            await wait_until(lambda: waiting_for(turn) == 1)
            rest = await reader.read(1 << 16)
            await server.services.store.close()
            turn.release()
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 15)

    assert b"HTTP/1.1 200 OK" in head
    assert b"HTTP/1.1" not in rest
    (line,) = logs
    assert ("request", 200, True) == (line["event"], line["status"], line["broken_off"])
    assert "unavailable" == line["problem"]

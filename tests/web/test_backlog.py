"""Connections that wait to be accepted do not wait for one another."""

import asyncio
import select
import socket
from contextlib import ExitStack

from yarl import URL

from pushserver.server_process import _new_loop
from pushserver.web.backlog import MAX_ACCEPTED
from tests.clock import ManualClock
from tests.web.local_server import LocalServer, running_server

MANY = 4 * MAX_ACCEPTED
REQUEST = b"GET /push?deviceId=7 HTTP/1.1\r\nHost: x\r\n\r\n"


async def turns_to_answer(server: LocalServer, count: int) -> int:
    """Return in how many turns of the loop that many are answered who connect."""
    address, turns, waiting = URL(server.url), 0, select.poll()
    with ExitStack() as stack:
        for _ in range(count):
            client = socket.create_connection((str(address.host), address.port or 0))
            stack.enter_context(client).sendall(REQUEST)
            waiting.register(client, select.POLLIN)
        while len(waiting.poll(0)) < count:
            await asyncio.sleep(0)
            turns += 1
    return turns


def test_together(database: str, clock: ManualClock) -> None:
    """
    Many who connect at once are answered in a few turns of the loop that serves.
    """

    async def connect() -> int:
        async with running_server(database, clock) as server:
            return await turns_to_answer(server, MANY)

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        turns = runner.run(connect())

    assert turns < MANY / 2

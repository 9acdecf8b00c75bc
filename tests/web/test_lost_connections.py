"""A connection that is lost is forgotten, whatever it was about."""

import asyncio
import gc
import socket
from contextlib import ExitStack, suppress

import pytest
from yarl import URL

from pushserver.server_process import _new_loop
from pushserver.web.connection import HttpConnection
from pushserver.web.server import HEADER_TIMEOUT
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

POLL = f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n".encode()
RESULT = f"POST /result?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n".encode()
CHUNKED = RESULT + b"Transfer-Encoding: chunked\r\n\r\n"
CALL = "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n"
STREAM = f"{CALL}Authorization: Bearer {TOKEN}\r\n\r\n".encode()
FIELD = b"X: %s\r\n" % (b"y" * 7_900)
#: Nothing, half a head, polls, requests ahead, half a body, tiny and broken chunks, and
#: a stream of events.
SENT = [
    b"",
    POLL,
    POLL + b"\r\n",
    (POLL + FIELD + b"\r\n") * 30,
    (POLL.replace(b"=", b"=7") + FIELD + b"\r\n") * 30,
    RESULT + b"Content-Length: 9\r\n\r\n{",
    CHUNKED + b"1\r\nx\r\n" * 40_000,
    CHUNKED + b"z\r\n",
    STREAM,
]


def count_connections() -> int:
    """Collect what is young, as a server does, and return how many are left."""
    gc.collect(1)
    return sum(isinstance(each, HttpConnection) for each in gc.get_objects())


async def send(server: LocalServer, sent: bytes) -> None:
    """Send it on many connections at once, and leave after some turns of the loop."""
    address = URL(server.url)
    with ExitStack() as stack:
        for _ in range(10):
            client = socket.create_connection((str(address.host), address.port or 0))
            stack.enter_context(client).setblocking(False)
            with suppress(BlockingIOError):
                client.send(sent)
        for _ in range(10):
            await asyncio.sleep(0)
        # What is alive is old from now on, and no garbage that is collected.
        gc.collect(1)


@pytest.mark.usefixtures("no_collector")
def test_forgotten(database: str, clock: ManualClock) -> None:
    """
    Nothing refers to it, and so nothing is done for it any more; nor is it garbage that
    has become old, which is not collected.
    """

    async def lose() -> None:
        async with running_server(database, clock) as server:
            await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
            kept = count_connections()
            for sent in SENT:
                await send(server, sent)
            await wait_until(lambda: count_connections() <= kept, within=5)

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(lose())


async def open_and_end(server: LocalServer, sent: bytes) -> bytes:
    """Open a connection, send, and close our side, before the server's loop turns."""
    address = URL(server.url)
    with socket.create_connection((str(address.host), address.port or 0)) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        client.setblocking(False)
        async with asyncio.timeout(HEADER_TIMEOUT / 2):
            return await asyncio.get_running_loop().sock_recv(client, 4096)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"", b""), (POLL, b""), (POLL + b"\r\n", b"HTTP/1.1 200")],
    ids=["nothing", "half a head", "a poll"],
)
def test_half_closed_at_its_start(
    database: str, clock: ManualClock, sent: bytes, expected: bytes
) -> None:
    """
    One that is half-closed as it is opened ends at once, if nothing is to be answered.
    """

    async def end() -> bytes:
        async with running_server(database, clock) as server:
            return await open_and_end(server, sent)

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        assert expected == runner.run(end())[:12]

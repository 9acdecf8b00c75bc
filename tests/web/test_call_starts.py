"""Calls with a token start a few at a time; no token's number holds up others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import attrs

from pushserver.web.call_starts import _MAX_STARTS, CallStarts
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    TOKEN_ID,
    LocalServer,
    reset_connection,
    wait_until,
)

MANY, FEW = 60, 20
BODY = b'{"endpoint":"reboot"}'


def asking(path: str, token: str = TOKEN) -> bytes:
    """Return a request for a path of the API."""
    head = f"GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}"
    return f"{head}\r\n\r\n".encode()


def enqueuing() -> bytes:
    """Return a request that the fast lane takes, if there is room."""
    path = f"/api/v1/devices/{DEVICE}/commands"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    return head.encode() + BODY


@attrs.frozen
class Calls:
    """Calls on connections of their own, and the order in which they are answered."""

    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    answers: list[tuple[int, bytes]] = attrs.field(factory=list)

    async def make(self, requests: list[bytes]) -> None:
        """Send all at once; return when each is answered."""
        pairs = list(zip(self.connections, requests, strict=True))
        for (_, writer), request in pairs:
            writer.write(request)
        async with asyncio.TaskGroup() as group:
            for number, ((reader, _), _) in enumerate(pairs):
                group.create_task(self._receive(number, reader))

    async def _receive(self, number: int, reader: asyncio.StreamReader) -> None:
        self.answers.append((number, (await reader.readline())[9:12]))


@asynccontextmanager
async def connected(server: LocalServer, count: int) -> AsyncIterator[Calls]:
    """Connect that often during the block."""
    async with AsyncExitStack() as stack:
        connect = [server.connect() for _ in range(count)]
        yield Calls([await stack.enter_async_context(each) for each in connect])


@contextmanager
def held(starts: CallStarts) -> Iterator[None]:
    """Have all calls wait that come during the block."""
    starts._started = _MAX_STARTS
    yield
    starts._begin_turn()


async def test_another_token(server: LocalServer) -> None:
    """
    Whoever calls last, behind many calls of one token, is among the first to be
    answered; so is a device.
    """
    other = await server.create_token("devices:read")
    await server.poll()
    async with connected(server, MANY + 2) as calls:
        many = [asking("/server")] * MANY
        poll = f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        await calls.make([*many, asking("/tokens", other), poll])

    places = {number: place for place, (number, _) in enumerate(calls.answers)}
    assert {b"200", b"403"} == {status for _, status in calls.answers}
    assert places[MANY] < FEW
    assert places[MANY + 1] < FEW


async def test_enqueues(server: LocalServer) -> None:
    """
    More enqueues than start at once in the lane are all done, each once.
    """
    await server.enqueue()
    async with connected(server, 2 * MANY) as calls:
        await calls.make([enqueuing()] * 2 * MANY)

    waiting = await server.api("GET", f"/devices/{DEVICE}/commands?limit=1000")
    assert [b"201"] * 2 * MANY == [status for _, status in calls.answers]
    assert 2 * MANY + 1 == len(waiting.json()["items"])


async def test_gone(server: LocalServer) -> None:
    """
    Who leaves before its call starts waits no more, and nothing is done for it.
    """
    starts = server.services.call_starts
    await server.enqueue()
    with held(starts):
        async with connected(server, 2) as calls:
            for _, writer in calls.connections:
                writer.write(enqueuing())
            await wait_until(lambda: starts._line.count_of(TOKEN_ID) == 2)
            reset_connection(calls.connections[0][1])
            await wait_until(lambda: starts._line.count_of(TOKEN_ID) == 1)
            starts._begin_turn()
            await calls.connections[1][0].readline()

    waiting = await server.api("GET", f"/devices/{DEVICE}/commands")
    assert 2 == len(waiting.json()["items"])


async def test_revoked_meanwhile(server: LocalServer) -> None:
    """
    A call whose token was revoked while it waited is refused.
    """
    secret, services = await server.create_token("devices:read"), server.services
    token_id = services.tokens.authenticate(f"Bearer {secret}").id
    with held(services.call_starts):
        call = asyncio.create_task(server.api("GET", "/devices", token=secret))
        await wait_until(lambda: services.call_starts._line.count_of(token_id) == 1)
        await services.tokens.revoke(1, token_id)

    assert 401 == (await call).status

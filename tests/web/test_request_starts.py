"""Requests start a few at a time; nobody's number holds up others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import attrs
import pytest

from pushserver.web import request_starts
from pushserver.web.request_starts import MAX_STARTS, RequestStarts
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


def asking(path: str, token: str = "") -> bytes:
    """Return a request, with a token or none."""
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n"
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{head}{authorization}\r\n".encode()


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
def held(starts: RequestStarts) -> Iterator[None]:
    """Have all calls wait that come during the block."""
    starts._started = 4 * MAX_STARTS
    yield
    starts._begin_turn()


@pytest.mark.parametrize(
    ("path", "token"),
    [
        ("/api/v1/server", TOKEN),
        ("/api/v1/devices", ""),
        ("/api/v1/devices", "wrong"),
        ("/healthz", ""),
        ("/console/", ""),
        ("/nothing", ""),
    ],
)
async def test_many(server: LocalServer, path: str, token: str) -> None:
    """
    Whoever calls last, behind many calls of one token or stranger, is among the first
    to be answered; so is a device.
    """
    other = await server.create_token("devices:read")
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    async with connected(server, MANY + 2) as calls:
        many = [asking(path, token)] * MANY
        poll = asking(f"/push?deviceId={DEVICE}")
        await calls.make([*many, asking("/api/v1/tokens", other), poll])

    places = {number: place for place, (number, _) in enumerate(calls.answers)}
    assert b"403" == dict(calls.answers)[MANY]
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
    What was posted by somebody who left before its start is done all the same.
    """
    starts = server.services.request_starts
    await server.enqueue()
    with held(starts):
        async with connected(server, 1) as calls:
            (_, writer), *_ = calls.connections
            writer.write(enqueuing())
            await wait_until(lambda: starts._line.count_of(TOKEN_ID) == 1)
            reset_connection(writer)

    queue = server.services.queue
    await wait_until(lambda: queue.bounds.waiting_by_scope[1] == 2)


async def test_too_many(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    As many wait as the bound says; one more starts at once.
    """
    monkeypatch.setattr(request_starts, "MAX_WAITING", 2)
    with held(server.services.request_starts):
        async with connected(server, 3) as calls:
            making = asyncio.create_task(calls.make([asking("/healthz")] * 3))
            await wait_until(lambda: len(calls.answers) == 1)
            server.services.request_starts._begin_turn()
            await making

    assert [b"200"] * 3 == [status for _, status in calls.answers]


async def test_revoked_meanwhile(server: LocalServer) -> None:
    """
    A call whose token was revoked while it waited is refused.
    """
    secret, services = await server.create_token("devices:read"), server.services
    token_id = services.tokens.authenticate(f"Bearer {secret}").id
    with held(services.request_starts):
        call = asyncio.create_task(server.api("GET", "/devices", token=secret))
        await wait_until(lambda: services.request_starts._line.count_of(token_id) == 1)
        await services.tokens.revoke(1, token_id)

    assert 401 == (await call).status

"""Requests start a few at a time; nobody's number holds up others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import attrs
import pytest

from pushserver.fair_turns import DEVICES
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.web import request_starts
from pushserver.web.request_starts import MAX_STARTS, STRANGERS, RequestStarts
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    reset_connection,
    wait_until,
)

MANY, FEW = 60, 20
HERE = "127.0.0.1"
#: Addresses of as many strangers.
NETWORKS = [f"127.0.1.{number}" for number in range(1, MANY + 1)]
BODY = b'{"endpoint":"reboot"}'


def asking(path: str, token: str = "", headers: str = "") -> bytes:
    """Return a request, with a token or none."""
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}"
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
async def connected(server: LocalServer, *addresses: str) -> AsyncIterator[Calls]:
    """Connect from each of these addresses during the block."""
    async with AsyncExitStack() as stack:
        connect = [server.connect(each) for each in addresses]
        yield Calls([await stack.enter_async_context(each) for each in connect])


@contextmanager
def held(starts: RequestStarts) -> Iterator[None]:
    """Have all calls wait that come during the block."""
    starts._started = 4 * MAX_STARTS
    yield
    starts._begin_turn()


@pytest.mark.parametrize("attackers", [[HERE] * MANY, NETWORKS], ids=["one", "many"])
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
async def test_many(
    server: LocalServer, attackers: list[str], path: str, token: str
) -> None:
    """
    Whoever calls last, behind many calls of one token or of strangers, is among the
    first to be answered: another token, a device that polls in an odd way, a plain one.
    """
    other = await server.create_token("devices:read")
    await server.api("PUT", f"/devices/{DEVICE}", {})
    # What polls for the first time, the lane hands over.
    await server.poll()
    poll = f"/push?deviceId={DEVICE}"
    others = [
        asking("/api/v1/tokens", other),
        asking(poll, headers="Prefer: nothing\r\n"),
        asking(poll),
    ]
    starts, addresses = server.services.request_starts, [*attackers, HERE, HERE, HERE]
    async with connected(server, *addresses) as calls, asyncio.TaskGroup() as group:
        with held(starts):
            group.create_task(calls.make([asking(path, token)] * MANY + others))
            await wait_until(lambda: starts._waiting == MANY + 2)
            await wait_until(lambda: calls.answers == [(MANY + 2, b"200")])

    first = dict(calls.answers[:FEW])
    assert (b"403", b"200") == (first[MANY], first[MANY + 1])


@pytest.mark.parametrize(
    ("path", "address", "group"),
    [
        ("/d/{key}/push", HERE, DEVICES),
        ("/d/{key}/push", NETWORKS[0], STRANGERS),
        ("/d/wrong/push", HERE, STRANGERS),
        ("/push", HERE, STRANGERS),
    ],
)
async def test_whose_device(
    server: LocalServer, path: str, address: str, group: int
) -> None:
    """
    A device has its own turn with its key, at its address; who only knows its id has
    not.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    made = await server.api("POST", f"/devices/{DEVICE}/key", {"enforce": True})
    key = made.json()["key"]
    await server.poll(path=f"/d/{key}/push")
    target = f"{path.format(key=key)}?deviceId={DEVICE}"
    starts = server.services.request_starts
    async with connected(server, address) as calls, asyncio.TaskGroup() as tasks:
        with held(starts):
            odd = asking(target, headers="Prefer: nothing\r\n")
            tasks.create_task(calls.make([odd]))
            await wait_until(lambda: starts._waiting == 1)
            counts = [starts._line.count_of(each) for each in (DEVICES, STRANGERS)]

    assert [group == DEVICES, group == STRANGERS] == counts


async def test_enqueues(server: LocalServer) -> None:
    """
    More enqueues than start at once in the lane are all done, each once.
    """
    await server.enqueue()
    async with connected(server, *[HERE] * 2 * MANY) as calls:
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
        async with connected(server, HERE) as calls:
            (_, writer), *_ = calls.connections
            writer.write(enqueuing())
            await wait_until(lambda: starts._line.count_of(DEFAULT_SCOPE_ID) == 1)
            reset_connection(writer)

    queue = server.services.queue
    await wait_until(lambda: queue.bounds.waiting_by_scope[1] == 2)


async def test_too_many(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    As many wait as the bound says; one more starts at once.
    """
    monkeypatch.setattr(request_starts, "MAX_WAITING", 2)
    with held(server.services.request_starts):
        async with connected(server, *[HERE] * 3) as calls:
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
        await wait_until(
            lambda: services.request_starts._line.count_of(DEFAULT_SCOPE_ID) == 1
        )
        await services.tokens.revoke(1, token_id)

    assert 401 == (await call).status

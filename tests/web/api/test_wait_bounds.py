"""Calls that wait are bounded, of each token and of all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    TOKEN,
    LocalServer,
    Response,
    running_server,
    wait_until,
)

BOUNDS = {"token_waits": 3, "server_waits": 4}
STREAM = "/events?events=command.status"
WAITS = ("/commands/{id}?wait=60", "/results?wait=60", STREAM)
REFUSED = (429, "too-many", None)


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with small bounds."""
    async with running_server(database, clock, **BOUNDS) as server:
        yield server


def waiting_count(server: LocalServer) -> int:
    """Return how many calls and streams wait."""
    return server.services.wait_bounds.waiting_count


@asynccontextmanager
async def waiting(
    server: LocalServer, path: str, token: str = TOKEN
) -> AsyncIterator[None]:
    """Let a call wait, or a stream be open, for the duration of the block."""
    before = waiting_count(server)
    calling = asyncio.create_task(server.api("GET", path, token=token))
    await wait_until(lambda: waiting_count(server) > before)
    try:
        yield
    finally:
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)


@pytest.mark.parametrize("path", WAITS)
async def test_a_token(server: LocalServer, path: str) -> None:
    """
    As many wait as the bound, of whatever kind, and one more is refused; another token
    may wait, and the first again when one of its streams has ended.
    """
    other = await server.create_token("events:read")
    path = path.format(id=(await server.enqueue())["id"])
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(waiting(server, STREAM))
        async with waiting(server, STREAM):
            refused = await server.api("GET", path)
            async with waiting(server, STREAM, other):
                pass
        await wait_until(lambda: waiting_count(server) == 2)
        async with waiting(server, path):
            await server.poll()
            await server.post_result()

    assert REFUSED == refused.problem
    assert "1" == refused.headers["Retry-After"]
    assert 1 == server.services.counts["bounds.tokenWaits"]
    await wait_until(lambda: waiting_count(server) == 0)


async def test_all_tokens(server: LocalServer) -> None:
    """
    All tokens together have a bound, too; whoever does not wait is answered.
    """
    other = await server.create_token("results:read")
    async with AsyncExitStack() as stack:
        for token in (TOKEN, TOKEN, other, other):
            await stack.enter_async_context(waiting(server, WAITS[1], token))
        refused = await server.api("GET", WAITS[1])
        at_once = await server.api("GET", "/results")

    assert REFUSED == refused.problem
    assert 200 == at_once.status
    assert 1 == server.services.counts["bounds.serverWaits"]


async def enqueue_and_wait(server: LocalServer) -> Response:
    """Enqueue, and wait for the outcome."""
    return await server.api(
        "POST",
        f"/devices/{DEVICE}/commands",
        dict(LOAD_USERS),
        headers={"Prefer": "wait=60"},
    )


async def test_an_enqueue(server: LocalServer) -> None:
    """
    No door stays shut because others wait: the command is queued, and the answer comes
    at once and does not say that it waited. The last one for which there is room does.
    """
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(waiting(server, WAITS[1]))
        last = asyncio.create_task(enqueue_and_wait(server))
        await wait_until(lambda: waiting_count(server) == 3)
        beyond = await enqueue_and_wait(server)
        await server.poll()
        await server.post_result()

    assert (201, None) == (beyond.status, beyond.headers.get("Preference-Applied"))
    assert "PENDING" == beyond.json()["state"]
    assert "wait=60" == (await last).headers["Preference-Applied"]


def request_bytes(path: str, body: bytes = b"") -> bytes:
    """Return a call that waits: of *path*, or an enqueue if there is a *body*."""
    head = f"{'POST' if body else 'GET'} /api/v1{path} HTTP/1.1\r\nHost: x\r\n"
    head += f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    head += f"Prefer: wait=60\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("goodbye", ["close", "write_eof", "abort"])
@pytest.mark.parametrize("path", [*WAITS, f"/devices/{DEVICE}/commands"])
async def test_whoever_has_left(server: LocalServer, path: str, goodbye: str) -> None:
    """
    A place is free as soon as its program has left, or has closed its side.
    """
    made = await server.enqueue()
    body = b"" if "?" in path else b'{"endpoint":"load_users"}'
    async with server.connect() as (_, writer), asyncio.timeout(20):
        writer.write(request_bytes(path.format(id=made["id"]), body))
        await wait_until(lambda: waiting_count(server) == 1)
        leave = writer.transport.abort if goodbye == "abort" else writer.close
        (writer.write_eof if goodbye == "write_eof" else leave)()

        await wait_until(lambda: waiting_count(server) == 0, within=10)


@pytest.mark.parametrize("path", ["/commands/{id}?wait=60", "/results?wait=60", ""])
async def test_half_closed(server: LocalServer, path: str) -> None:
    """
    A program that has closed its side and reads on gets what there is, at once.
    """
    made = await server.enqueue()
    body = b"" if path else b'{"endpoint":"load_users"}'
    path = path.format(id=made["id"]) or f"/devices/{DEVICE}/commands"
    async with server.connect() as (reader, writer), asyncio.timeout(20):
        writer.write(request_bytes(path, body))
        writer.write_eof()
        answer = await reader.read()

    status, expected = answer.split(b" ")[1], b'"items":[]'
    assert status == (b"201" if body else b"200")
    assert (expected if "results" in path else b'"state":"PENDING"') in answer

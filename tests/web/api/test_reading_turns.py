"""Commands and results are read one call at a time; no token holds up the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pushserver.web.body_budget import MAX_LISTS
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    Response,
    reset_connection,
    running_server,
    wait_until,
    waiting_for,
)

READS = ("/commands", "/commands/{id}", "/results", f"/devices/{DEVICE}/commands")
LISTS = (
    "/api/v1/devices",
    "/api/v1/operations",
    "/api/v1/tasks",
    "/api/v1/tokens",
    "/api/v1/subscriptions",
    "/api/v1/statistics",
    "/v1/_/devices",
)
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
REFUSED = (429, "too-many", None)


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server at which two calls of a token may wait to read."""
    async with running_server(database, clock, token_reads=2) as server:
        yield server


@asynccontextmanager
async def reading(server: LocalServer) -> AsyncIterator[list[asyncio.Task[Response]]]:
    """Have a large result arrive during the block, and two calls wait to read."""
    turn = server.services.body_budget.turn
    async with asyncio.TaskGroup() as group, turn:
        reads = [group.create_task(server.api("GET", "/commands")) for _ in range(2)]
        await wait_until(lambda: waiting_for(turn) == 2)
        yield reads


@pytest.mark.parametrize("path", READS)
async def test_a_token(server: LocalServer, path: str) -> None:
    """
    As many of a token's calls wait as the bound says; one more is refused, and counted.
    """
    path = path.format(id=(await server.enqueue())["id"])
    async with reading(server) as reads:
        refused = await server.api("GET", path)

    assert REFUSED == refused.problem
    assert "1" == refused.headers["Retry-After"]
    assert 1 == server.services.counts["bounds.tokenReads"]
    assert [200, 200] == [each.result().status for each in reads]


async def test_another_token(server: LocalServer) -> None:
    """
    Another token's call waits for one of the first one's, not for all of them.
    """
    secret = await server.create_token("results:read")
    done: list[asyncio.Task[Response]] = []
    async with reading(server) as reads:
        other = asyncio.create_task(server.api("GET", "/results", token=secret))
        turn = server.services.body_budget.turn
        await wait_until(lambda: len(turn._line._places._groups) == 2)
        for each in (*reads, other):
            each.add_done_callback(done.append)
    await other

    assert [reads[0], other, reads[1]] == done


async def test_an_enqueue_that_waits(server: LocalServer) -> None:
    """
    An enqueue that waited for its outcome is answered without it: it was done.
    """
    headers = {"Prefer": "wait=30"}
    body = {"endpoint": "reboot"}
    enqueue = asyncio.create_task(
        server.api("POST", f"/devices/{DEVICE}/commands", body, headers=headers)
    )
    await wait_until(lambda: server.services.wait_bounds.waiting_count == 1)
    async with reading(server):
        await server.poll()
        await server.post_result()
        answer = await enqueue

    assert 201 == answer.status
    assert "Preference-Applied" not in answer.headers


async def test_gone(server: LocalServer) -> None:
    """
    Who leaves, waits no more; who only closes its own side is answered in turn.
    """
    head = f"GET /api/v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}"
    turn = server.services.body_budget.turn
    async with turn, server.connect() as (reader, writer):
        writer.write(f"{head}\r\n\r\n".encode())
        writer.write_eof()
        await wait_until(lambda: waiting_for(turn) == 1)
        async with server.connect() as (_, gone):
            gone.write(f"{head}\r\n\r\n".encode())
            await wait_until(lambda: waiting_for(turn) == 2)
            reset_connection(gone)
            await wait_until(lambda: waiting_for(turn) == 1)
        turn.release()
        status = await reader.readline()
        await turn.acquire()

    assert b"HTTP/1.1 200 OK\r\n" == status


async def test_revoked_meanwhile(server: LocalServer) -> None:
    """
    A call whose token was revoked while it waited is refused.
    """
    made = (
        await server.api(
            "POST", "/tokens", {"name": "reads", "permissions": ["results:read"]}
        )
    ).json()
    turn = server.services.body_budget.turn
    async with turn:
        call = asyncio.create_task(server.api("GET", "/results", token=made["token"]))
        await wait_until(lambda: turn._line.count_of(int(made["id"])) == 1)
        await server.api("DELETE", f"/tokens/{made['id']}")

    assert 401 == (await call).status


@pytest.mark.parametrize("path", LISTS)
async def test_lists(server: LocalServer, path: str) -> None:
    """
    Of other lists a few are made at a time; the next ones wait, so many of a token.
    """
    turns, headers = server.services.body_budget.list_turns, AUTHORIZED
    async with AsyncExitStack() as stack:
        for _ in range(MAX_LISTS):
            await stack.enter_async_context(turns)
        calls = [
            asyncio.create_task(server.request("GET", path, headers=headers))
            for _ in range(3)
        ]
        done, waiting = await asyncio.wait(
            calls, return_when=asyncio.FIRST_COMPLETED, timeout=10
        )
        commands = await server.api("GET", "/commands")

    assert [429] == [each.result().status for each in done]
    assert [200, 200] == [(await each).status for each in waiting]
    assert 200 == commands.status
    assert [False] * MAX_LISTS == [await turns.acquire() for _ in range(MAX_LISTS)]


async def test_a_turn_of_their_own(server: LocalServer) -> None:
    """
    Commands and results do not wait for other lists, however many are being made.
    """
    turns = server.services.body_budget.list_turns
    async with AsyncExitStack() as stack:
        for _ in range(MAX_LISTS):
            await stack.enter_async_context(turns)
        statuses = [
            (await server.api("GET", path)).status
            for path in ("/results", "/commands", f"/devices/{DEVICE}/commands")
        ]

    assert [200, 200, 200] == statuses


async def test_tokens_of_a_token(server: LocalServer) -> None:
    """
    Tokens that a token without `admin` makes have one line together with it, after a
    restart, too; those of an admin have a line each.
    """
    maker = await server.create_token("tokens:write", "results:read")
    request = {"name": "made", "permissions": ["results:read"]}
    made = [
        (await server.api("POST", "/tokens", request, token=each)).json()["id"]
        for each in (maker, maker, TOKEN, TOKEN)
    ]
    tokens = server.services.tokens
    before = [tokens.caller_of(each) for each in tokens.in_scope(1)]
    await tokens.refresh()
    by_id = {str(each.id): tokens.caller_of(each) for each in tokens.in_scope(1)}

    assert before == list(by_id.values())
    assert by_id[made[0]] == by_id[made[1]] == tokens.in_scope(1)[1].id
    assert [int(each) for each in made[2:]] == [by_id[each] for each in made[2:]]

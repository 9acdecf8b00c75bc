"""What strangers' requests take while they wait: room that makes way for others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import cast

import attrs
import pytest

from pushserver.web.head_budget import SHORT_BYTES, HeadBudget
from pushserver.web.stranger_bounds import REQUEST_BYTES
from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

CLOSED = "connections.closedForHeads"
LOGIN = (
    b"POST /v1/authentication/apikey HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 14\r\n\r\n"
)
BODY = b'{"apiKey":"x"}'
POLL = f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n"
#: So many may wait.
ROOM = 4
#: The answers are more than a kernel holds for a reader that takes none.
REFERENCE = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 30


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with little room."""
    async with running_server(database, clock) as server:
        budget = server.services.head_budget
        budget.limit = ROOM * (REQUEST_BYTES + 1000)
        budget.long_limit = budget.limit - 1
        yield server


@attrs.define(eq=False)
class _Waiter:
    """Who waits, with room."""

    budget: HeadBudget
    held: int = 100
    is_ended: bool = False

    def end_for_others(self) -> None:
        """Give all room back."""
        self.is_ended = True
        self.budget.exchange(self.held, 0)
        del self.budget.waiting[self]


@pytest.fixture(name="budget")
def _budget() -> HeadBudget:
    """Room for all but nothing, and who waits with some of it."""
    return HeadBudget(Counter(), 100_000, 50_000)


def waiters(budget: HeadBudget, count: int) -> list[_Waiter]:
    """Have so many wait, each with as much."""
    made = [_Waiter(budget, 10_000) for _ in range(count)]
    for each in made:
        assert budget.exchange(0, each.held, each.held, each)
        budget.waiting[each] = None
    return made


def test_oldest_makes_room(budget: HeadBudget) -> None:
    """
    Of those who wait, the oldest are ended when there is no room, and only as many as
    it takes; none for itself, and none for who holds much.
    """
    waiting = waiters(budget, 10)
    first, second, *others = waiting

    assert not budget.exchange(0, SHORT_BYTES)
    assert [] == [each for each in waiting if each.is_ended]
    assert budget.exchange(first.held, first.held + 5_000, first.held, first)
    assert second.is_ended
    assert not any(each.is_ended for each in (first, *others))
    assert 2 == budget.counts[CLOSED]


async def test_unended_logins(server: LocalServer) -> None:
    """
    Of logins that wait for their bodies, the last ones stay: those are the ones that
    are likely to go on.
    """
    budget = server.services.head_budget
    async with AsyncExitStack() as stack:
        streams = []
        for count in range(1, ROOM + 3):
            reader, writer = await stack.enter_async_context(server.connect())
            writer.write(LOGIN + BODY[:5])
            streams.append((reader, writer))
            await wait_until(lambda: len(budget.waiting) == min(count, ROOM))  # noqa: B023
        await wait_until(lambda: server.services.counts[CLOSED] == 2)
        for _, writer in streams[2:]:
            writer.write(BODY[5:])
        answers = [await reader.readline() for reader, _ in streams[2:]]
        with pytest.raises(ConnectionError):
            await streams[0][0].readexactly(1)

    assert [b"HTTP/1.1 401 Unauthorized\r\n"] * ROOM == answers
    await wait_until(lambda: budget.taken == 0)


async def test_unread_answers(server: LocalServer) -> None:
    """
    So it is with readers who take no answer.
    """
    budget, counts = server.services.head_budget, server.services.counts
    async with AsyncExitStack() as stack:
        for _ in range(ROOM + 1):
            _, writer = await stack.enter_async_context(server.connect())
            cast("asyncio.Transport", writer.transport).pause_reading()
            writer.write(REFERENCE)
        await wait_until(lambda: counts[CLOSED] > 0)
        assert 0 < budget.taken <= budget.limit

    await wait_until(lambda: budget.taken == 0)


async def test_devices_come_first(server: LocalServer) -> None:
    """
    A device whose head needs room gets that of a stranger who waits.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    budget, counts = server.services.head_budget, server.services.counts
    head = f"{POLL}X: {'y' * 3000}\r\n".encode()
    async with AsyncExitStack() as stack:
        for _ in range(ROOM):
            _, writer = await stack.enter_async_context(server.connect())
            writer.write(LOGIN + BODY[:5])
        await wait_until(lambda: len(budget.waiting) == ROOM)
        budget.limit = budget.taken
        reader, writer = await stack.enter_async_context(server.connect())
        writer.write(head)
        await wait_until(lambda: counts[CLOSED] == 1)
        writer.write(b"\r\n")

        assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()


@each_case(
    "sent",
    [
        LOGIN + BODY,
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
        b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
        POLL.encode() + b"\r\n",
    ],
)
async def test_no_wait_no_room(server: LocalServer, sent: bytes) -> None:
    """
    A request that is there, and whose answer is taken, needs no room.
    """
    budget = server.services.head_budget
    budget.limit = budget.long_limit = 0
    closing = sent.replace(b"Host: x", b"Host: x\r\nConnection: close")
    async with asyncio.timeout(15):
        answer = await server.send_raw(closing)

    assert answer.startswith(b"HTTP/1.1 ")
    assert 0 == server.services.counts[CLOSED]


async def test_with_a_token(server: LocalServer) -> None:
    """
    Who has a token may take an answer slowly, whatever strangers do.
    """
    for each in range(20):
        command = {"endpoint": "x", "body": "x" * 50_000}
        await server.enqueue(command, each + 1)
    server.services.head_budget.limit = server.services.head_budget.long_limit = 0
    ask = (
        "GET /api/v1/commands?include=body HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    ).encode()
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        cast("asyncio.Transport", writer.transport).pause_reading()
        writer.write(ask)
        for _ in range(5):
            await server.request("GET", "/healthz")
        cast("asyncio.Transport", writer.transport).resume_reading()
        answer = await reader.read()

    assert len(answer) > 20 * 50_000
    assert 0 == server.services.counts[CLOSED]

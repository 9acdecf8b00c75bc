"""How much a connection may hold of requests before it is known who asks."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from pushserver.web.head_bounds import MAX_HEAD
from pushserver.web.head_budget import FREE_BYTES, SHORT_BYTES, HeadBudget
from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.local_server import DEVICE, LocalServer, running_server, wait_until

LINE = f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n"
POLL = f"{LINE}\r\n".encode()
HELD = 77
HELD_POLL = f"GET /push?deviceId={HELD} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
STALLED = f"POST /result?deviceId={HELD} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
#: Bytes of the values of headers that are as long as they may be, nearly.
LONG = 8000
_CLOSED = "connections.closedForHeads"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


def head_of(size: int, beginning: str = LINE) -> bytes:
    """Return a head of this *size*."""
    head = beginning
    while size - len(head) > LONG:
        head += f"X: {'y' * (LONG - 100)}\r\n"
    return f"{head}X: {'y' * (size - len(head) - 7)}\r\n\r\n".encode()


@pytest.fixture(name="server", params=[True, False], ids=["fast", "plain"])
async def _server(
    request: pytest.FixtureRequest, database: str, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return a server with the fast lane, and one without, which have little room."""
    options = {"fast_lane": request.param, "hold": 60}
    async with running_server(database, clock, **options) as server:
        budget = server.services.head_budget
        budget.limit = budget.long_limit = 100_000
        yield server


@pytest.fixture(name="counts")
def _counts(server: LocalServer) -> Counter[str]:
    """What the server counts."""
    return server.services.counts


async def send_pieces(server: LocalServer, sent: bytes, count: int) -> list[bytes]:
    """Send bytes in pieces, one after the other; return the statuses of the answers."""
    size = -(-len(sent) // count)
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        for start in range(0, len(sent), size):
            writer.write(sent[start : start + size])
            # What was sent before has arrived when this is answered.
            await server.request("GET", "/healthz")
        return _STATUS.findall(await reader.read())


@pytest.mark.parametrize("pieces", [1, 3, 20])
@each_case("before", [b"", POLL, POLL * 20])
async def test_length(server: LocalServer, before: bytes, pieces: int) -> None:
    """
    A head may have 32 KiB, however it comes, and whatever came before it.
    """
    answered = [b"200"] * before.count(POLL)
    fits = await send_pieces(server, before + head_of(MAX_HEAD), pieces)
    exceeds = await send_pieces(server, before + head_of(MAX_HEAD + 1), pieces)

    assert [*answered, b"200"] == fits
    assert [*answered, b"431"] == exceeds


async def test_what_the_answer_says(server: LocalServer, counts: Counter[str]) -> None:
    """
    One that is too long is a problem, before its end has come, and is counted.
    """
    answer = await server.send_raw(head_of(MAX_HEAD * 2)[: MAX_HEAD + 1])

    assert b"header-too-large" in answer
    assert b"headers are too long together" in answer
    assert 1 == counts["requests.unparsable"]


async def test_long_one_is_the_last(server: LocalServer) -> None:
    """
    A connection stays open after an everyday head; after a long one it is closed, since
    with the beginning of another request behind it the parser would keep it.
    """
    everyday, long = head_of(4096), head_of(SHORT_BYTES)
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(everyday)
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(long)
        rest = await reader.read()

    assert b"Connection: close" not in first
    assert b"Connection: close" in rest


async def test_none_is_kept(server: LocalServer) -> None:
    """
    A connection holds no head that is answered, while it waits for the next one.
    """
    everyday, budget = head_of(4096), server.services.head_budget
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        for _ in range(3):
            writer.write(everyday)
            await reader.readuntil(b"\r\n\r\n")
            await wait_until(lambda: budget.taken == 0)
        writer.write(everyday[:-2])
        await wait_until(lambda: budget.taken > 0)
        writer.write(everyday[-2:] + POLL[:20])
        await reader.readuntil(b"\r\n\r\n")
        assert budget.taken > 0
        writer.write(POLL[20:])
        await reader.readuntil(b"\r\n\r\n")
        await wait_until(lambda: budget.taken == 0)


async def test_many_at_once(server: LocalServer) -> None:
    """
    However many requests come at once, all are answered, in their order.
    """
    odd = f"HEAD /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    unknown = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert [b"200"] * 601 == await send_pieces(server, (POLL + odd) * 300 + unknown, 1)


def test_room() -> None:
    """
    What is wanted beyond the room is not given, and changes nothing.
    """
    counts: Counter[str] = Counter()
    budget = HeadBudget(counts, 100)

    assert [True, True, False, True, True, False, True] == [
        budget.exchange(*each)
        for each in ((0, 60), (0, 40), (0, 1), (60, 59), (0, 1), (40, 41), (40, 0))
    ]
    assert 2 == counts[_CLOSED]


def test_room_for_everyday_heads() -> None:
    """
    Who holds much leaves room for those with everyday heads.
    """
    budget, much = HeadBudget(Counter(), 100_000, 50_000), SHORT_BYTES

    assert [True, False, True, False, True] == [
        budget.exchange(*each)
        for each in ((0, 40_000), (0, much), (0, 8_000), (8_000, much), (0, 8_000))
    ]
    assert 56_000 == budget.taken


@each_case(
    "held",
    [
        head_of(5_500)[:-2],
        head_of(20_000)[:-2],
        head_of(20_000, STALLED),
        b"\r\n" * 4_000 + LINE.encode() + b"X: yz\r\n" * 80,
        HELD_POLL + head_of(30_000)[:-2],
    ],
)
async def test_room_of_all(
    server: LocalServer, counts: Counter[str], held: bytes
) -> None:
    """
    A connection for which there is no room is closed; everyday requests need none, and
    what a connection took is there for others once it is closed.
    """
    devices = range(HELD, HELD + 16)
    for each in devices:
        await server.api("PUT", f"/devices/{each}", {})
    budget, before = server.services.head_budget, counts[_CLOSED]
    async with AsyncExitStack() as stack:
        for each in devices:
            _, writer = await stack.enter_async_context(server.connect())
            writer.write(held.replace(b"=%d" % HELD, b"=%d" % each))
        await wait_until(lambda: counts[_CLOSED] > before)
        assert 200 == (await server.poll()).status
        assert 0 < budget.taken <= budget.limit

    await wait_until(lambda: budget.taken == 0)


@pytest.mark.parametrize("end", ["", "Content-Length: 3\r\n\r\n"], ids=["head", "body"])
@each_case(("mark", "copies"), [("", 2), ("\xe9", 3), ("\u20ac", 3), ("\U0001f600", 5)])
async def test_wide_characters(
    server: LocalServer, end: str, mark: str, copies: int
) -> None:
    """
    A head takes room for its bytes and for its text, in which all characters take as
    much as the widest.
    """
    fields = f"Host: x\r\nX: {'y' * 5_000}{mark}\r\n{end}".encode()
    path = f"/result?deviceId={HELD}"
    sent = f"POST {path} HTTP/1.1\r\n".encode() + fields
    # Of a head that is parsed there are its path, and names and values of its fields.
    framing = len(b"POST  HTTP/1.1\r\n") + len(b": \r\n") * 3 + len(b"\r\n")
    size = len(sent) - framing if end else len(sent)
    needed = size * copies + (4 if end else 3) * 300 - FREE_BYTES
    await server.api("PUT", f"/devices/{HELD}", {})
    budget = server.services.head_budget
    async with server.connect() as (_, writer):
        writer.write(sent)
        await wait_until(lambda: budget.taken == needed)
    await wait_until(lambda: budget.taken == 0)

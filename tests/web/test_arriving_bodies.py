"""Bodies that still arrive share room, and who has most of it makes room for others."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial

import pytest

from pushserver.web.arriving_bodies import ArrivingBodies
from pushserver.web.spool import FREE_BYTES
from pushserver.web.stranger_bounds import REQUEST_BYTES
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)
from tests.web.test_body_budget import Upload, uploads

#: Begins a body of a caller, with a name and a size; returns what is taken then.
Begin = Callable[[str, str, int], int]
BODY_SIZE = FREE_BYTES
OTHER = DEVICE + 1
ENDED = "bodies.ended"
CALL = (
    f"POST /api/v1/tasks HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    "Content-Type: application/json\r\n"
)
RESULT = f"POST /result?deviceId={DEVICE}&uuid=made-up HTTP/1.1\r\n"
OWN_RESULT = f"POST /result?deviceId={DEVICE}&uuid=own HTTP/1.1\r\n"
OTHERS_RESULT = f"POST /result?deviceId={OTHER}&uuid=made-up HTTP/1.1\r\n"


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with two devices and room for three bodies that arrive."""
    async with running_server(database, clock) as server:
        for device in (DEVICE, OTHER):
            await server.api("PUT", f"/devices/{device}", {})
        room = server.services.body_budget.arriving
        room.limit = 3 * (REQUEST_BYTES + BODY_SIZE)
        yield server


async def outcome_of(upload: Upload) -> bytes:
    """Send the rest of a body; return the answer's status, empty if it was ended."""
    try:
        return (await upload.finish())[9:12]
    except ConnectionError:
        return b""


async def outcomes(server: LocalServer, *heads: str) -> list[bytes]:
    """Begin to send a body with each of these heads, then the rest of each."""
    async with uploads(server, *((head, BODY_SIZE) for head in heads)) as started:
        return [await outcome_of(each) for each in started]


@pytest.mark.parametrize(
    ("head", "status"), [(CALL, b"422"), (RESULT, b"200")], ids=["program", "device"]
)
async def test_one_more(server: LocalServer, head: str, status: bytes) -> None:
    """
    As many bodies of one caller arrive as there is room for; with one more the oldest
    is ended.
    """
    assert [status] * 3 == await outcomes(server, *[head] * 3)
    assert 0 == server.services.counts[ENDED]

    assert [b"", *[status] * 3] == await outcomes(server, *[head] * 4)
    assert 1 == server.services.counts[ENDED]
    await wait_until(lambda: server.services.body_budget.arriving.taken == 0)


async def test_who_has_most(server: LocalServer) -> None:
    """
    Whoever sends a body or two loses none to one who stalls many, whoever came first.
    """
    heads = (OTHERS_RESULT, RESULT, RESULT, CALL, RESULT)

    assert [b"200", b"", b"", b"422", b"200"] == await outcomes(server, *heads)


async def test_own_delivery(server: LocalServer) -> None:
    """
    A result that names its device's delivery in flight takes none of the room.
    """
    await server.enqueue()
    await server.poll(f"deviceId={DEVICE}&uuid=own")
    heads = [OWN_RESULT, *[RESULT] * 4]

    assert [b"200", b"", *[b"200"] * 3] == await outcomes(server, *heads)


async def test_many_short_ones(server: LocalServer) -> None:
    """
    A request that waits for its body takes room, however short that is.
    """
    room = server.services.body_budget.arriving
    room.limit = 3 * (REQUEST_BYTES + 100)
    async with uploads(server, *[(CALL, 100)] * 3):
        await wait_until(lambda: room.taken == room.limit)
        assert 0 == server.services.counts[ENDED]
        async with uploads(server, (CALL, 100)):
            await wait_until(lambda: server.services.counts[ENDED] == 1)
            assert room.taken == room.limit


async def test_unannounced_length(server: LocalServer) -> None:
    """
    A body in chunks takes as much as a short one may.
    """
    room = server.services.body_budget.arriving
    async with AsyncExitStack() as stack:
        _, writer = await stack.enter_async_context(server.connect())
        head = f"{CALL}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
        writer.write(head.encode())
        await wait_until(lambda: room.taken == REQUEST_BYTES + FREE_BYTES)
    await wait_until(lambda: room.taken == 0)


@pytest.fixture(name="ended")
def _ended() -> list[str]:
    """Return the names of the bodies that were ended, in order."""
    return []


@pytest.fixture(name="begin")
def _begin(ended: list[str]) -> Iterator[Begin]:
    """Return what begins a body, by its caller, name and size, until the test's end."""
    room = ArrivingBodies(Counter(), limit=10, limit_of_only_ones=20)
    with ExitStack() as stack:

        def begin(caller: str, name: str, size: int) -> int:
            end = partial(ended.append, name)
            stack.enter_context(room.arriving(caller, size, end))
            return room.taken

        yield begin
    assert 0 == room.taken
    assert len(ended) == room.counts[ENDED]


def test_room(begin: Begin, ended: list[str]) -> None:
    """
    Of the caller who has most, the body is ended that has arrived for longest.
    """
    bodies = [("a", "a1", 2), ("b", "b1", 3), ("b", "b2", 3), ("c", "c1", 2)]

    assert [2, 5, 8, 10] == [begin(*each) for each in bodies]
    assert 9 == begin("c", "c2", 2)
    assert ["b1"] == ended
    assert 10 == begin("a", "a2", 3)
    assert ["b1", "a1"] == ended


def test_only_ones(begin: Begin, ended: list[str]) -> None:
    """
    Who has a single one keeps it, unless there are twice as many bytes; then the oldest
    of all is ended.
    """
    assert [5, 10, 15, 20] == [begin(each, each, 5) for each in "abcd"]
    assert [] == ended
    assert 16 == begin("e", "e", 1)
    assert ["a"] == ended


def test_only_ones_of_others(begin: Begin, ended: list[str]) -> None:
    """
    Where somebody has several, only theirs are ended, down to the last.
    """
    for each in "abc":
        begin(each, each, 5)

    assert 16 == begin("d", "d1", 1)
    assert 17 == begin("d", "d2", 2)
    assert ["d1"] == ended

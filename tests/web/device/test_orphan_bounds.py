"""Results that end nothing are bounded; what ends a command never is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LocalServer, Response, running_server

MEBIBYTE = 1024 * 1024
BOUND = 2
DAY = 86_400


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with small bounds, and two devices that were adopted."""
    bounds = {
        "device_orphans": BOUND,
        "device_orphan_size": 2,
        "server_orphan_size": 3,
    }
    async with running_server(database, clock, **bounds) as server:
        for device in (DEVICE, DEVICE + 1):
            await server.api("PUT", f"/devices/{device}", {})
        yield server


def is_refused(answer: Response) -> bool:
    """Tell whether the device was told that it was not kept."""
    return answer.status == 429 and "1" == answer.headers["Retry-After"]


async def test_number(server: LocalServer) -> None:
    """
    As many orphans as the bound are kept in a day, one more is refused and not kept,
    and the next day has room again.
    """
    for _ in range(BOUND):
        assert (await server.post_result()).is_empty
    refused = await server.post_result()
    other = await server.post_result(query=f"deviceId={DEVICE + 1}")
    server.clock.tick(seconds=DAY)
    next_day = await server.post_result()

    assert is_refused(refused)
    assert other.is_empty
    assert next_day.is_empty
    assert BOUND + 2 == len(await server.list_results())
    assert 1 == server.services.counts["bounds.deviceOrphans"]


async def test_at_once(server: LocalServer) -> None:
    """
    Of many that end at the same time and share a commit, no more are kept either.
    """
    posts = [server.post_result(b"x" * MEBIBYTE) for _ in range(5 * BOUND)]
    others = [server.post_result(query=f"deviceId={DEVICE + 1}") for _ in range(5)]
    answers = await asyncio.gather(*posts, *others)

    assert 2 * BOUND == sum(each.is_empty for each in answers)
    assert 5 * BOUND + 5 - 2 * BOUND == sum(map(is_refused, answers))
    assert 2 * BOUND == len(await server.list_results())


async def test_what_ends_a_command(server: LocalServer) -> None:
    """
    What ends a command, also one that was given up, is taken whatever came before.
    """
    query = f"deviceId={DEVICE}&uuid="
    late, in_time = await server.enqueue(), await server.enqueue()
    for _ in range(BOUND):
        await server.post_result(query=f"deviceId={DEVICE}&uuid=unknown")
    await server.poll(f"{query}late")
    server.clock.tick(seconds=181)
    await server.expire_overdue()
    await server.poll(f"{query}late2")
    assert (await server.post_result(query=f"{query}late")).is_empty
    await server.poll(f"{query}in-time")
    assert (await server.post_result(query=f"{query}in-time")).is_empty

    for command in (late, in_time):
        assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


async def test_repetitions(server: LocalServer) -> None:
    """
    A result that comes again and again is bounded as an orphan is.
    """
    query = f"deviceId={DEVICE}&uuid=u1"
    await server.enqueue()
    await server.poll(query)
    answers = [await server.post_result(query=query) for _ in range(BOUND + 2)]

    assert [False] * (BOUND + 1) + [True] == list(map(is_refused, answers))


async def test_bytes(server: LocalServer) -> None:
    """
    As many bytes as the bound are kept of one device, and of all of them.
    """
    other = f"deviceId={DEVICE + 1}"
    sizes = [(MEBIBYTE, ""), (MEBIBYTE + 1, ""), (MEBIBYTE, "")]
    answers = [
        await server.post_result(b"x" * size, query or f"deviceId={DEVICE}")
        for size, query in [*sizes, (MEBIBYTE, other), (1, other)]
    ]

    assert [False, True, False, False, True] == list(map(is_refused, answers))
    assert (1, 1) == (
        server.services.counts["bounds.deviceOrphanSize"],
        server.services.counts["bounds.serverOrphanSize"],
    )

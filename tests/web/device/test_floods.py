"""A device that makes more requests than any does."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LocalServer, running_server

BOUND = 5
UUID = f"deviceId={DEVICE}&uuid=u1"


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with a small bound, and a device that was adopted."""
    async with running_server(database, clock, device_requests=BOUND) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        yield server


def refused_count(server: LocalServer) -> int:
    """Return how many requests were beyond the bound."""
    return server.services.counts["bounds.deviceRequests"]


async def use_up(server: LocalServer, *, but: int = 0) -> None:
    """Let the device poll as often in this second as it may."""
    for _ in range(BOUND - but):
        assert (await server.poll()).is_empty


async def test_polls(server: LocalServer) -> None:
    """
    The last request of the bound gets its command, one more does not before the next
    second begins, and another device is none the worse.
    """
    await use_up(server, but=1)
    for device in (DEVICE, DEVICE, DEVICE + 1):
        await server.enqueue(device_id=device)
    last = await server.poll(UUID)
    await server.post_result(query=UUID)
    beyond = await server.poll(UUID)
    other = await server.poll(f"deviceId={DEVICE + 1}")
    server.clock.tick(seconds=1)

    assert not last.is_empty
    assert beyond.is_empty
    assert not other.is_empty
    assert not (await server.poll(UUID)).is_empty
    assert 2 == refused_count(server)


async def test_results(server: LocalServer) -> None:
    """
    Nothing says that a result was kept which was not: 429 with Retry-After, and what is
    awaited is taken even then.
    """
    command = await server.enqueue()
    await server.poll(UUID)
    await use_up(server, but=1)
    awaited = await server.post_result(query=UUID)
    beyond = await server.post_result(query=UUID)

    assert awaited.is_empty
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]
    assert (429, "too-many", None) == beyond.problem
    assert "1" == beyond.headers["Retry-After"]
    assert 1 == len(await server.list_results())


async def test_strangers(server: LocalServer) -> None:
    """
    Whoever has not the device's key uses up nothing of what it may do.
    """
    key = (await server.api("POST", f"/devices/{DEVICE}/key", {})).json()["path"]
    await server.enqueue()
    for _ in range(2 * BOUND):
        assert (await server.poll()).is_empty

    assert not (await server.poll(path=f"{key}/push")).is_empty
    assert 0 == refused_count(server)

"""Unknown requests are forgotten: when their device is adopted, and after a week."""

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from pushserver.clock import rfc3339
from tests.web.local_server import DEVICE, LocalServer

PATH = f"/devices/{DEVICE}"
QUESTION = f"/new_card.fcgi?device_id={DEVICE}"
DAY = 86_400
ADOPTIONS: dict[str, Callable[[LocalServer], Awaitable[Any]]] = {
    "adopt": lambda server: server.api("POST", f"{PATH}/adopt"),
    "put": lambda server: server.api("PUT", PATH, {}),
    "enqueue": lambda server: server.enqueue(),
    "import": lambda server: server.api(
        "POST",
        "/devices/import",
        b'{"deviceId":%d}' % DEVICE,
        headers={"Content-Type": "application/x-ndjson"},
    ),
}


async def ask(server: LocalServer, times: int = 1) -> None:
    """Let the device ask what nobody answers here."""
    for _ in range(times):
        await server.request("POST", QUESTION)


async def counts(server: LocalServer) -> tuple[int, int, int]:
    """Return how many are counted in a list and at the device, and how many shown."""
    (listed,) = (await server.api("GET", "/devices")).json()["items"]
    calls = (await server.get_device()).get("unknownCalls", {"count": 0})
    in_list = listed.get("unknownCalls", {"count": 0})["count"]
    return in_list, calls["count"], len(calls.get("last", ()))


async def test_purged(server: LocalServer) -> None:
    """
    A purge forgets what is older, and counts the rest anew.
    """
    await server.api("PUT", PATH, {})
    await ask(server, 3)
    await server.services.write_behind.flush()
    server.clock.tick(seconds=60)
    before = rfc3339(server.clock.now())
    await ask(server)

    answer = await server.api("POST", "/purge", {"before": before})

    assert (200, True) == (answer.status, answer.json()["done"])
    assert (1, 1, 1) == await counts(server)


@pytest.mark.parametrize("how", ADOPTIONS)
@pytest.mark.parametrize("is_written", [True, False])
async def test_adopted(server: LocalServer, how: str, *, is_written: bool) -> None:
    """
    What a device sent in quarantine is forgotten when it is adopted; what it sends
    from then on counts.
    """
    await server.poll()
    await ask(server, 3)
    if is_written:
        await server.services.write_behind.flush()
    assert (3, 3, 3) == await counts(server)

    await ADOPTIONS[how](server)

    assert (0, 0, 0) == await counts(server)
    await server.services.write_behind.flush()
    await server.services.devices.load()
    assert (0, 0, 0) == await counts(server)
    await ask(server)
    assert (1, 1, 1) == await counts(server)


async def test_put_again(server: LocalServer) -> None:
    """
    Changing a device that is adopted already forgets nothing.
    """
    await server.api("PUT", PATH, {})
    await ask(server, 2)

    await server.api("PUT", PATH, {"name": "Door"})
    await server.api("POST", f"{PATH}/adopt")

    assert (2, 2, 2) == await counts(server)


@pytest.mark.only_on("postgres")
async def test_adopted_elsewhere(server: LocalServer, database: str) -> None:
    """
    The same holds where another server adopted the device.
    """
    services = server.services
    await server.poll()
    await ask(server, 3)
    with psycopg.connect(database) as other:
        await services.write_behind.flush()
        other.execute("UPDATE device SET state = 'adopted'")
        other.execute("UPDATE device_seen SET unknown_request_count = 0")
        other.execute("DELETE FROM unknown_request")
    await ask(server)

    await services.device_sync.refresh([DEVICE])

    assert (0, 0, 0) == await counts(server)


async def test_old_ones(server: LocalServer) -> None:
    """
    After a week a request is forgotten; the newer ones stay, and the count is theirs.
    """
    services = server.services
    await server.api("PUT", PATH, {})
    await ask(server, 3)
    server.clock.tick(seconds=4 * DAY)
    await ask(server, 2)
    await services.write_behind.flush()

    assert 0 == await services.unknown_requests.forget_old()
    assert (5, 5, 5) == await counts(server)
    server.clock.tick(seconds=4 * DAY)
    await ask(server)
    assert (3, 3) == (await counts(server))[1:]
    assert 3 == await services.unknown_requests.forget_old()
    assert (3, 3, 3) == await counts(server)
    server.clock.tick(seconds=8 * DAY)
    await services.write_behind.flush()
    await services.unknown_requests.forget_old()
    assert (0, 0, 0) == await counts(server)
    await services.write_behind.flush()
    await services.devices.load()
    assert (0, 0, 0) == await counts(server)


async def test_more_than_are_kept(server: LocalServer) -> None:
    """
    Requests beyond those that are kept count, until there is none for a week.
    """
    services = server.services
    await server.api("PUT", PATH, {})
    await ask(server, 25)
    await services.write_behind.flush()
    await services.unknown_requests.forget_old()
    assert (25, 25, 20) == await counts(server)

    server.clock.tick(seconds=8 * DAY)
    await services.unknown_requests.forget_old()

    assert (0, 0, 0) == await counts(server)
    await ask(server, 2)
    assert (2, 2, 2) == await counts(server)

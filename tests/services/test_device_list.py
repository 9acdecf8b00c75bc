"""Lists of devices: which are in them, in which order, page by page."""

import asyncio
import tracemalloc
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device, DeviceState
from pushserver.model.device_filter import (
    DeviceFilter,
    DeviceOrder,
    DeviceSort,
    SortKey,
    fold,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Token
from pushserver.web.services import Services
from tests.devices import terminal
from tests.services.driver import ServiceDriver

HOME = "192.0.2.7"
EVERY_SORT = list(DeviceSort)
BLANK = Device(
    device_id=0,
    protocol="controlid",
    external_id="0",
    scope_id=DEFAULT_SCOPE_ID,
    state=DeviceState.ADOPTED,
    created_at=0,
)
TOKEN = Token(
    id=1,
    scope_id=DEFAULT_SCOPE_ID,
    hash="",
    name="x",
    permissions=frozenset(),
    created_at=0,
)


async def page(
    services: Services, order: DeviceOrder | None = None, **asked: Any
) -> Sequence[tuple[SortKey, int]]:
    """Return the keys and ids of a page."""
    options = {name: asked.pop(name, None) for name in ("online", "after")}
    limit = asked.pop("limit", 99)
    found = await services.device_list.page(
        DEFAULT_SCOPE_ID,
        DeviceFilter(**asked),
        order or DeviceOrder(),
        limit=limit,
        **options,
    )
    return [(key, device.device_id) for key, device in found]


async def ids(services: Services, **asked: Any) -> list[int]:
    """Return the ids that a page has."""
    return [device_id for _, device_id in await page(services, **asked)]


async def test_filters(services: Services) -> None:
    """Devices are listed by their ids, filtered, page by page."""
    for number in range(1, 8):
        tags = {"site": "abc"[number % 3], "floor": str(number % 2)}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {"tags": tags})
    services.admission.admit(terminal(9), None, HOME)

    assert [1, 2, 3, 4, 5, 6, 7, 9] == await ids(services)
    assert [1, 2, 3] == await ids(services, limit=3)
    assert [4, 5, 6] == await ids(services, after=(3,), limit=3)
    assert [9] == await ids(services, state=DeviceState.QUARANTINED)
    assert [3, 6] == await ids(services, tags={"site": {"a"}})
    assert [2, 3, 5, 6] == await ids(services, tags={"site": {"a", "c"}})
    assert [2, 6] == await ids(services, tags={"site": {"a", "c"}, "floor": {"0"}})
    assert [2, 7] == await ids(services, among={2, 7, 99})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("porta", [1]),
        ("PORTA É", [1]),
        ("porta e\u0301", [1]),
        ("strasse", [2]),
        ("50%", [3]),
        ("_", [3]),
        ("%", [3]),
        ("12", [1234, 5120]),
        ("nobody", []),
    ],
)
async def test_search(services: Services, text: str, found: list[int]) -> None:
    """A text is looked for in names and ids, whatever its case; it is no pattern."""
    names = {1: "Porta É", 2: "Straße", 3: "50%_off", 1234: None, 5120: "x"}
    for number, name in names.items():
        settings = {} if name is None else {"name": name}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), settings)

    assert found == await ids(services, text=fold(text))


@pytest.fixture(name="fleet")
async def _fleet(driver: ServiceDriver, services: Services) -> None:
    """Have devices whose orders differ."""
    for number, name in ((1, "b"), (2, None), (3, "A"), (4, "a"), (5, None)):
        settings = {} if name is None else {"name": name}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), settings)
    for number in (4, 1, 3):
        services.admission.admit(terminal(number), None, HOME)
        driver.clock.tick(1)
    for number in (2, 2, 5):
        await driver.enqueue("x", device=number)


EXPECTED = {
    DeviceSort.DEVICE_ID: [1, 2, 3, 4, 5],
    DeviceSort.NAME: [3, 4, 1, 2, 5],
    DeviceSort.LAST_SEEN_AT: [2, 5, 4, 1, 3],
    DeviceSort.QUEUE_DEPTH: [1, 3, 4, 5, 2],
}


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", EVERY_SORT)
async def test_orders(services: Services, sort: DeviceSort, descending: bool) -> None:
    """Each order has every device once, whatever the size of its pages, both ways."""
    order = DeviceOrder(sort, descending)
    expected = EXPECTED[sort][::-1] if descending else EXPECTED[sort]
    for limit in (1, 2, 5, 9):
        listed, after = [], None
        while found := await page(services, order, after=after, limit=limit):
            listed += [device_id for _, device_id in found]
            after = found[-1][0]

        assert expected == listed


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("sort", EVERY_SORT)
async def test_cursors_survive(services: Services, sort: DeviceSort) -> None:
    """A list goes on from where it was, though the device there is gone."""
    order, expected = DeviceOrder(sort), EXPECTED[sort]
    first = await page(services, order, limit=2)
    await services.device_removal.delete(DEFAULT_SCOPE_ID, expected[1])
    rest = await page(services, order, after=first[-1][0])

    assert expected[2:] == [device_id for _, device_id in rest]


async def test_online(driver: ServiceDriver, services: Services) -> None:
    """Online is what polls, and what has a command to answer before it polls again."""
    for number in (1, 2, 3):
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {})
    services.admission.admit(terminal(1), None, HOME)
    services.admission.admit(terminal(2), None, HOME)
    await driver.enqueue("x", response_timeout=3600 * SECOND, device=2)
    await driver.receive_command(device=2)

    assert [1, 2] == await ids(services, online=True)
    assert [3] == await ids(services, online=False)
    driver.clock.tick(60)
    assert [2] == await ids(services, online=True)
    assert [1, 3] == await ids(services, online=False)


async def test_many_at_once(services: Services) -> None:
    """
    Lists that are read at once have no copy of all ids, each of them one of its own.
    """
    for number in range(20_000):
        device = attrs.evolve(BLANK, device_id=number, external_id=str(number))
        services.devices.add(device)
    orders = (DeviceOrder(), DeviceOrder(DeviceSort.LAST_SEEN_AT, descending=True))
    tracemalloc.start()
    try:
        await asyncio.gather(
            *(page(services, each, tags={"site": {"x"}}) for each in orders * 10)
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 20 * 20_000 > peak


async def test_of_a_token(services: Services) -> None:
    """A list has, of the devices that are asked for, those that the token concerns."""
    for number in (1, 2, 3, 4):
        tags = {"site": "north" if number > 1 else "south", "floor": str(number)}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {"tags": tags})

    async def seen(token: Token, **asked: Any) -> list[int]:
        narrowed = services.token_reach.narrow_filter(token, DeviceFilter(**asked))
        return await ids(services, among=narrowed.among, tags=narrowed.tags)

    north = attrs.evolve(TOKEN, tags={"site": "north"})
    assert [2, 3, 4] == await seen(north)
    assert [3] == await seen(north, tags={"floor": {"1", "3"}})
    assert [] == await seen(north, tags={"site": {"south"}})
    assert [2, 4] == await seen(north, among={1, 2, 4})
    both = attrs.evolve(north, device_ids=frozenset({1, 2, 3}))
    assert [2, 3] == await seen(both)
    assert [3] == await seen(both, among={1, 3, 4})
    assert [1, 2, 3, 4] == await seen(TOKEN)

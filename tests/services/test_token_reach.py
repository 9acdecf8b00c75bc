"""What a restricted token reaches."""

import asyncio

import pytest

from pushserver.errors import Invalid
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.target import TargetSelector
from pushserver.model.token import Token
from pushserver.services import off_loop
from pushserver.web.services import Services
from tests.devices import terminal

MANY = 20
NORTH = Token(
    id=1,
    scope_id=DEFAULT_SCOPE_ID,
    hash="",
    name="north",
    permissions=frozenset(),
    created_at=0,
    tags={"site": "north"},
)


async def test_many_devices(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While the devices with a token's tags are looked for, others have their turns.
    """
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    for number in range(1, MANY + 1):
        tags = {"site": "north" if number > 2 else "south"}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {"tags": tags})
    finding = asyncio.create_task(services.token_reach.device_ids(NORTH))
    for _ in range(MANY):
        await asyncio.sleep(0)
        assert not finding.done()

    assert frozenset(range(3, MANY + 1)) == await finding


async def test_shared(services: Services) -> None:
    """
    Calls whose tokens concern the same devices have them once, as they are now.
    """
    for number in range(1, 5):
        tags = {"site": "north" if number > 2 else "south"}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {"tags": tags})
    find = services.token_reach.device_ids

    first, *others = await asyncio.gather(*(find(NORTH) for _ in range(5)))
    assert [frozenset({3, 4})] * 5 == [first, *others]
    assert all(each is first for each in others)
    await services.fleet.patch(DEFAULT_SCOPE_ID, 3, {"name": "Door"})
    assert first is await find(NORTH)
    await services.fleet.patch(DEFAULT_SCOPE_ID, 1, {"tags": {"site": "north"}})
    assert frozenset({1, 3, 4}) == await find(NORTH)
    await services.device_removal.delete(DEFAULT_SCOPE_ID, 4)
    assert frozenset({1, 3}) == await find(NORTH)


async def test_targets(services: Services) -> None:
    """
    Tags that a token concerns are tags of the targets: nobody has a list of them all.
    """
    narrow = services.token_reach.narrow_targets

    assert TargetSelector(tags=NORTH.tags) == await narrow(NORTH, TargetSelector())
    floor = TargetSelector(tags={"floor": "1"})
    assert {"site": "north", "floor": "1"} == (await narrow(NORTH, floor)).tags
    with pytest.raises(Invalid):
        await narrow(NORTH, TargetSelector(tags={"site": "south"}))

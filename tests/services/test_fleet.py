"""The fleet: who is served, who is remembered, what administrators do."""

import asyncio

import pytest

from pushserver.errors import NotFound, Unavailable
from pushserver.model.device import (
    QUARANTINE_IDLE,
    QUARANTINE_LIMIT,
    STRAY_BYTES,
    STRAYS_KEPT,
    DeviceKeys,
    DeviceState,
)
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.services.fleet import Fleet, Imported
from pushserver.services.presence import FLUSH
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.values import DEVICE
from tests.services.desk import Desk

HOME = "192.0.2.7"


@pytest.fixture(name="fleet")
def _fleet(services: Services) -> Fleet:
    """Return the fleet, in which nobody is yet."""
    return services.fleet


async def reloaded(fleet: Fleet) -> Fleet:
    """Return the fleet as it is after a restart that wrote what was to write."""
    for _ in range(100):
        await fleet.flush()
        if fleet.is_flushed:
            break
    again = Fleet(
        store=fleet.store,
        clock=fleet.clock,
        ids=fleet.ids,
        policy=fleet.policy,
        holds=fleet.holds,
    )
    await again.load()
    return again


async def test_unknown_is_quarantined(fleet: Fleet) -> None:
    """A device that nobody vouched for is remembered, counted and not served."""
    assert fleet.meet(DEVICE, None, HOME) is None

    device = fleet.get(FIRST_SCOPE, DEVICE)
    assert (DeviceState.QUARANTINED, START, HOME) == (
        device.state,
        device.last_seen_at,
        device.address,
    )
    assert 1 == fleet.counts["refused.quarantined"]
    kept = (await reloaded(fleet)).get(FIRST_SCOPE, DEVICE)
    assert (DeviceState.QUARANTINED, HOME) == (kept.state, kept.address)


async def test_quarantine_is_bounded(fleet: Fleet) -> None:
    """So many unknown devices are remembered; the next is counted alone."""
    for number in range(QUARANTINE_LIMIT + 50):
        assert fleet.meet(number, None, HOME) is None

    assert QUARANTINE_LIMIT == len(fleet)
    assert 50 == fleet.counts["refused.quarantineFull"]
    assert QUARANTINE_LIMIT == len(await reloaded(fleet))


async def test_quarantine_makes_room(fleet: Fleet, clock: ManualClock) -> None:
    """Who has not polled for an hour makes room; who still polls stays."""
    for number in range(QUARANTINE_LIMIT):
        fleet.meet(number, None, HOME)
    clock.tick(QUARANTINE_IDLE + 1)
    for number in range(QUARANTINE_LIMIT - 1):
        fleet.meet(number, None, HOME)

    fleet.meet(5000, None, HOME)
    fleet.meet(5001, None, HOME)

    assert fleet.find(FIRST_SCOPE, 5000) is not None
    assert fleet.find(FIRST_SCOPE, QUARANTINE_LIMIT - 1) is None
    assert fleet.find(FIRST_SCOPE, 5001) is None
    assert QUARANTINE_LIMIT == len(fleet)


async def test_room_after_adopting(fleet: Fleet, clock: ManualClock) -> None:
    """Who is adopted or deleted makes room for others."""
    for number in range(QUARANTINE_LIMIT):
        fleet.meet(number, None, HOME)
    await fleet.adopt(FIRST_SCOPE, 0)
    await fleet.delete(FIRST_SCOPE, 1)
    clock.tick(2)

    for number in (5000, 5001, 5002):
        fleet.meet(number, None, HOME)

    assert [True, True, False] == [
        fleet.find(FIRST_SCOPE, n) is not None for n in (5000, 5001, 5002)
    ]


async def test_room_made_is_made_on_disk(fleet: Fleet, clock: ManualClock) -> None:
    """Who made room does not come back with the next start."""
    for number in range(QUARANTINE_LIMIT):
        fleet.meet(number, None, HOME)
    await reloaded(fleet)
    clock.tick(QUARANTINE_IDLE + 1)
    fleet.meet(5000, None, HOME)

    again = await reloaded(fleet)

    assert QUARANTINE_LIMIT == len(again)
    assert again.find(FIRST_SCOPE, 5000) is not None


async def test_quarantine_when_the_clock_goes_back(
    fleet: Fleet, clock: ManualClock
) -> None:
    """A wall clock that goes back does not close the quarantine for longer."""
    for number in range(QUARANTINE_LIMIT + 1):
        fleet.meet(number, None, HOME)
    clock.jump(-365 * 86_400)
    clock.catch_up()
    clock.tick(QUARANTINE_IDLE + 1)

    fleet.meet(5000, None, HOME)

    assert fleet.find(FIRST_SCOPE, 5000) is not None


async def test_adopted_is_served(fleet: Fleet) -> None:
    """A device that was adopted is served from then on."""
    fleet.meet(DEVICE, None, HOME)

    assert (True, False) == (
        (await fleet.adopt(FIRST_SCOPE, DEVICE))[1],
        (await fleet.adopt(FIRST_SCOPE, DEVICE))[1],
    )
    device = fleet.meet(DEVICE, None, HOME)

    assert device is fleet.get(FIRST_SCOPE, DEVICE)
    assert DeviceState.ADOPTED is (await reloaded(fleet)).get(FIRST_SCOPE, DEVICE).state


async def test_adopted_unseen(fleet: Fleet) -> None:
    """A device may be adopted before it ever polls."""
    device, new = await fleet.adopt(FIRST_SCOPE, DEVICE)

    assert (True, None) == (new, device.last_seen_at)
    assert fleet.meet(DEVICE, None, HOME) is device


async def test_seen_is_flushed(fleet: Fleet, clock: ManualClock) -> None:
    """What was seen is written in pieces, and each once."""
    for number in range(FLUSH + 10):
        await fleet.adopt(FIRST_SCOPE, number)
        fleet.meet(number, None, HOME)
    clock.tick(1)

    assert FLUSH == await fleet.flush()
    assert 10 == await fleet.flush()
    assert 0 == await fleet.flush()
    assert fleet.is_flushed
    assert {START} == {device.last_seen_at for device in await reloaded(fleet)}


async def test_flush_with_the_store_away(desk: Desk, fleet: Fleet) -> None:
    """What could not be written is written when the store is back."""
    await fleet.adopt(FIRST_SCOPE, DEVICE)
    key = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)
    fleet.get(FIRST_SCOPE, DEVICE).key_enforced = False
    fleet.meet(DEVICE, key, HOME)
    fleet.meet(5, None, HOME)
    fleet.note_stray(DEVICE, "GET", "/x", HOME, b"")
    async with desk.store_away():
        for _ in range(3):
            with pytest.raises(Unavailable):
                await fleet.flush()

    again = await reloaded(fleet)

    kept = again.get(FIRST_SCOPE, DEVICE)
    assert (True, START, 1) == (kept.key_enforced, kept.last_seen_at, kept.stray_count)
    assert again.find(FIRST_SCOPE, 5) is not None
    assert ["/x"] == [stray.path for stray in await again.strays(FIRST_SCOPE, DEVICE)]


async def test_strays(fleet: Fleet) -> None:
    """Of odd requests the last few are kept, cut to a size, written or not."""
    await fleet.adopt(FIRST_SCOPE, DEVICE)
    for number in range(15):
        fleet.note_stray(DEVICE, "POST", f"/{number}", HOME, b"x" * 9000)
    await fleet.flush()
    for number in range(15, 30):
        fleet.note_stray(DEVICE, "GET", f"/{number}", HOME, b"")

    shown = await fleet.strays(FIRST_SCOPE, DEVICE)

    assert [f"/{n}" for n in range(10, 30)] == [stray.path for stray in shown]
    assert STRAYS_KEPT == len(shown)
    assert STRAY_BYTES == len(shown[0].body)
    again = await reloaded(fleet)
    assert 30 == again.get(FIRST_SCOPE, DEVICE).stray_count
    assert shown == await again.strays(FIRST_SCOPE, DEVICE)


async def test_stray_of_nobody(fleet: Fleet) -> None:
    """An odd request of an unknown device is counted and not kept."""
    fleet.note_stray(DEVICE, "GET", "/x", HOME, b"")

    assert (1, 0) == (fleet.counts["stray"], len(fleet))
    await fleet.adopt(FIRST_SCOPE, DEVICE)
    assert [] == await fleet.strays(FIRST_SCOPE, DEVICE)


async def test_put(fleet: Fleet) -> None:
    """Putting a device creates it, or replaces all that is said of it."""
    device, created = await fleet.put(
        FIRST_SCOPE, DEVICE, {"name": "Porta", "tags": {"a": "b"}}
    )
    assert (True, "Porta", {"a": "b"}) == (created, device.name, device.tags)

    again, created = await fleet.put(FIRST_SCOPE, DEVICE, {"hold": 5})

    assert (False, None, {}, 5) == (created, again.name, again.tags, again.hold)
    kept = (await reloaded(fleet)).get(FIRST_SCOPE, DEVICE)
    assert (None, {}, 5) == (kept.name, kept.tags, kept.hold)


async def test_put_adopts(fleet: Fleet) -> None:
    """Putting a quarantined device adopts it, which counts as creating it."""
    fleet.meet(DEVICE, None, HOME)

    device, created = await fleet.put(FIRST_SCOPE, DEVICE, {})

    assert (True, True, START) == (created, device.is_adopted, device.last_seen_at)


async def test_patch(fleet: Fleet) -> None:
    """Patching changes what is named, and vouches for nobody."""
    await fleet.put(FIRST_SCOPE, DEVICE, {"name": "Porta", "hold": 5})
    await fleet.patch(FIRST_SCOPE, DEVICE, {"name": "Portão"})
    fleet.meet(5, None, HOME)
    await fleet.patch(FIRST_SCOPE, 5, {"name": "who?"})

    assert ("Portão", 5) == (
        fleet.get(FIRST_SCOPE, DEVICE).name,
        fleet.get(FIRST_SCOPE, DEVICE).hold,
    )
    assert DeviceState.QUARANTINED is fleet.get(FIRST_SCOPE, 5).state
    with pytest.raises(NotFound):
        await fleet.patch(FIRST_SCOPE, 6, {})


async def test_patches_at_once(fleet: Fleet) -> None:
    """Two changes at once are both kept."""
    await fleet.put(FIRST_SCOPE, DEVICE, {})

    await asyncio.gather(
        fleet.patch(FIRST_SCOPE, DEVICE, {"name": "Porta"}),
        fleet.patch(FIRST_SCOPE, DEVICE, {"tags": {"a": "b"}}),
        fleet.patch(FIRST_SCOPE, DEVICE, {"hold": 5}),
    )

    kept = (await reloaded(fleet)).get(FIRST_SCOPE, DEVICE)
    assert ("Porta", {"a": "b"}, 5) == (kept.name, kept.tags, kept.hold)


async def test_changing_with_the_store_away(desk: Desk, fleet: Fleet) -> None:
    """What could not be kept has not changed."""
    await fleet.put(FIRST_SCOPE, DEVICE, {"name": "Porta"})
    async with desk.store_away():
        for work in (
            fleet.patch(FIRST_SCOPE, DEVICE, {"name": "x"}),
            fleet.put(FIRST_SCOPE, 5, {}),
            fleet.adopt(FIRST_SCOPE, 6),
            fleet.make_key(FIRST_SCOPE, DEVICE, enforce=True),
            fleet.import_devices(FIRST_SCOPE, {7: {}, DEVICE: {"name": "y"}}),
            fleet.delete(FIRST_SCOPE, DEVICE),
        ):
            with pytest.raises(Unavailable):
                await work

    device = fleet.get(FIRST_SCOPE, DEVICE)
    assert ("Porta", None, 1) == (device.name, device.key_hash, len(fleet))
    assert 1 == len(await reloaded(fleet))


async def test_new_hold_forgives(fleet: Fleet) -> None:
    """A new hold starts without the hang-ups of the old one."""
    device, _ = await fleet.put(FIRST_SCOPE, DEVICE, {"hold": 25})
    for _ in range(3):
        device.hung_up(10)
    assert 0 == device.hold_for(0)

    await fleet.patch(FIRST_SCOPE, DEVICE, {"hold": 20})

    assert 20 == device.hold_for(0)


async def test_import(fleet: Fleet) -> None:
    """An import creates and changes many; what a row leaves out stays."""
    await fleet.put(FIRST_SCOPE, 1, {"name": "one", "hold": 5})
    await fleet.put(FIRST_SCOPE, 2, {"name": "two"})
    fleet.meet(3, None, HOME)

    done = await fleet.import_devices(
        FIRST_SCOPE,
        {
            1: {"name": "new"},
            2: {"name": "two"},
            3: {},
            **{n: {} for n in range(10, 3010)},
        },
    )

    assert Imported(created=3001, updated=1, unchanged=1) == done
    again = await reloaded(fleet)
    assert 3003 == len(again)
    assert ("new", 5) == (
        again.get(FIRST_SCOPE, 1).name,
        again.get(FIRST_SCOPE, 1).hold,
    )
    assert all(device.is_adopted for device in again)


async def test_pages(fleet: Fleet) -> None:
    """Devices are listed by their ids, filtered, page by page."""
    for number in range(1, 8):
        await fleet.put(FIRST_SCOPE, number, {"tags": {"site": "ab"[number % 2]}})
    fleet.meet(9, None, HOME)

    def ids(**given: object) -> list[int]:
        usual = {"after": -1, "limit": 99}
        return [d.device_id for d in fleet.page(FIRST_SCOPE, **{**usual, **given})]  # type: ignore[arg-type]

    assert [1, 2, 3, 4, 5, 6, 7, 9] == ids()
    assert [1, 2, 3] == ids(limit=3)
    assert [4, 5, 6] == ids(after=3, limit=3)
    assert [9] == ids(state=DeviceState.QUARANTINED)
    assert [1, 3, 5, 7] == ids(tag=("site", "b"))
    assert [5, 7] == ids(tag=("site", "b"), after=3, limit=2)
    assert [] == ids(tag=("site", "c"))
    assert [] == ids(after=9)


async def test_delete(desk: Desk, fleet: Fleet) -> None:
    """A device that is deleted is forgotten; what waits ends, what was stays."""
    await fleet.put(FIRST_SCOPE, DEVICE, {"name": "Porta"})
    again, fresh, flying = await desk.enqueue(
        "load_objects", "reboot", "system_information"
    )
    await desk.fly("u1")
    await desk.upkeep(180)
    flight = await desk.fly("u2")
    assert again.id == flight.command.id
    await desk.upkeep(180)

    await fleet.delete(FIRST_SCOPE, DEVICE)

    assert fleet.find(FIRST_SCOPE, DEVICE) is None
    assert State.TIMEOUT is await desk.state(again)
    assert State.CANCELED is await desk.state(fresh)
    assert State.CANCELED is await desk.state(flying)
    assert 0 == len(await reloaded(fleet))
    with pytest.raises(NotFound):
        await fleet.delete(FIRST_SCOPE, DEVICE)


async def test_deleted_comes_back(fleet: Fleet) -> None:
    """A device that was deleted and polls again is a stranger."""
    await fleet.put(FIRST_SCOPE, DEVICE, {})
    await fleet.delete(FIRST_SCOPE, DEVICE)

    assert fleet.meet(DEVICE, None, HOME) is None
    assert DeviceState.QUARANTINED is fleet.get(FIRST_SCOPE, DEVICE).state


def required(fleet: Fleet) -> Fleet:
    """Return the fleet of a server that demands keys."""
    fleet.policy = DeviceKeys.REQUIRED
    return fleet


async def test_keys_required(fleet: Fleet) -> None:
    """Where every device needs a key one without is refused, and counted."""
    await required(fleet).adopt(FIRST_SCOPE, DEVICE)

    assert fleet.meet(DEVICE, None, HOME) is None
    assert fleet.meet(DEVICE, "some", HOME) is None
    assert 2 == fleet.counts["refused.noKey"]

"""The fleet: who is served, who is remembered, what administrators do."""

import asyncio
from typing import Any

import pytest

from pushserver.errors import NotFound, Unavailable
from pushserver.model.device import (
    MAX_UNKNOWN_REQUEST_BYTES,
    MAX_UNKNOWN_REQUESTS,
    QUARANTINE_IDLE_SECONDS,
    QUARANTINE_LIMIT,
    DeviceKeys,
    DeviceState,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services.device_registry import BATCH_SIZE
from pushserver.services.fleet_admin import FleetAdmin, ImportSummary
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver

HOME = "192.0.2.7"


@pytest.fixture(name="registry")
def _registry(services: Services) -> FleetAdmin:
    """Return the fleet, in which nobody is yet."""
    return services.fleet


async def reloaded(registry: FleetAdmin) -> FleetAdmin:
    """Return the fleet as it is after a restart that wrote what was to write."""
    for _ in range(100):
        await registry.flush()
        if registry.is_flushed:
            break
    again = FleetAdmin(
        store=registry.store,
        clock=registry.clock,
        ids=registry.ids,
        key_policy=registry.key_policy,
        holds=registry.holds,
        lanes=registry.lanes,
    )
    await again.load()
    return again


async def test_unknown_is_quarantined(registry: FleetAdmin) -> None:
    """A device that nobody vouched for is remembered, counted and not served."""
    assert registry.admit(terminal(DEVICE), None, HOME) is None

    device = registry.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (DeviceState.QUARANTINED, START, HOME) == (
        device.state,
        device.last_seen_at,
        device.address,
    )
    assert 1 == registry.counts["refused.quarantined"]
    stored = (await reloaded(registry)).get(DEFAULT_SCOPE_ID, DEVICE)
    assert (DeviceState.QUARANTINED, HOME) == (stored.state, stored.address)


async def test_quarantine_is_bounded(registry: FleetAdmin) -> None:
    """A fixed number of unknown devices is remembered; the next one is only counted."""
    for number in range(QUARANTINE_LIMIT + 50):
        assert registry.admit(terminal(number), None, HOME) is None

    assert QUARANTINE_LIMIT == len(registry)
    assert 50 == registry.counts["refused.quarantineFull"]
    assert QUARANTINE_LIMIT == len(await reloaded(registry))


async def test_quarantine_makes_room(registry: FleetAdmin, clock: ManualClock) -> None:
    """
    A device that has not polled for an hour makes room; one that still polls stays.
    """
    for number in range(QUARANTINE_LIMIT):
        registry.admit(terminal(number), None, HOME)
    clock.tick(QUARANTINE_IDLE_SECONDS + 1)
    for number in range(QUARANTINE_LIMIT - 1):
        registry.admit(terminal(number), None, HOME)

    registry.admit(terminal(5000), None, HOME)
    registry.admit(terminal(5001), None, HOME)

    assert registry.find(DEFAULT_SCOPE_ID, 5000) is not None
    assert registry.find(DEFAULT_SCOPE_ID, QUARANTINE_LIMIT - 1) is None
    assert registry.find(DEFAULT_SCOPE_ID, 5001) is None
    assert QUARANTINE_LIMIT == len(registry)


async def test_room_after_adopting(registry: FleetAdmin, clock: ManualClock) -> None:
    """A device that is adopted or deleted makes room for others."""
    for number in range(QUARANTINE_LIMIT):
        registry.admit(terminal(number), None, HOME)
    await registry.adopt(DEFAULT_SCOPE_ID, terminal(0))
    await registry.delete(DEFAULT_SCOPE_ID, 1)
    clock.tick(2)

    for number in (5000, 5001, 5002):
        registry.admit(terminal(number), None, HOME)

    assert [True, True, False] == [
        registry.find(DEFAULT_SCOPE_ID, n) is not None for n in (5000, 5001, 5002)
    ]


async def test_room_made_is_made_on_disk(
    registry: FleetAdmin, clock: ManualClock
) -> None:
    """A device that made room does not come back with the next start."""
    for number in range(QUARANTINE_LIMIT):
        registry.admit(terminal(number), None, HOME)
    await reloaded(registry)
    clock.tick(QUARANTINE_IDLE_SECONDS + 1)
    registry.admit(terminal(5000), None, HOME)

    again = await reloaded(registry)

    assert QUARANTINE_LIMIT == len(again)
    assert again.find(DEFAULT_SCOPE_ID, 5000) is not None


async def test_quarantine_when_the_clock_goes_back(
    registry: FleetAdmin, clock: ManualClock
) -> None:
    """A wall clock that goes back does not close the quarantine for longer."""
    for number in range(QUARANTINE_LIMIT + 1):
        registry.admit(terminal(number), None, HOME)
    clock.jump(-365 * 86_400)
    clock.resync()
    clock.tick(QUARANTINE_IDLE_SECONDS + 1)

    registry.admit(terminal(5000), None, HOME)

    assert registry.find(DEFAULT_SCOPE_ID, 5000) is not None


async def test_adopted_is_served(registry: FleetAdmin) -> None:
    """A device that was adopted is served from then on."""
    registry.admit(terminal(DEVICE), None, HOME)

    assert (True, False) == (
        (await registry.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE)))[1],
        (await registry.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE)))[1],
    )
    device = registry.admit(terminal(DEVICE), None, HOME)

    assert device is registry.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (
        DeviceState.ADOPTED
        is (await reloaded(registry)).get(DEFAULT_SCOPE_ID, DEVICE).state
    )


async def test_adopted_unseen(registry: FleetAdmin) -> None:
    """A device may be adopted before it ever polls."""
    device, new = await registry.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))

    assert (True, None) == (new, device.last_seen_at)
    assert registry.admit(terminal(DEVICE), None, HOME) is device


async def test_seen_is_flushed(registry: FleetAdmin, clock: ManualClock) -> None:
    """What was seen of devices is written in batches, each once."""
    for number in range(BATCH_SIZE + 10):
        await registry.adopt(DEFAULT_SCOPE_ID, terminal(number))
        registry.admit(terminal(number), None, HOME)
    clock.tick(1)

    assert BATCH_SIZE == await registry.flush()
    assert 10 == await registry.flush()
    assert 0 == await registry.flush()
    assert registry.is_flushed
    assert {START} == {device.last_seen_at for device in await reloaded(registry)}


async def test_flush_with_the_store_away(
    driver: ServiceDriver, registry: FleetAdmin
) -> None:
    """Changes that could not be written are written when the store is back."""
    await registry.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    key = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    registry.get(DEFAULT_SCOPE_ID, DEVICE).key_enforced = False
    registry.admit(terminal(DEVICE), key, HOME)
    registry.admit(terminal(5), None, HOME)
    registry.record_unknown_request(DEVICE, "GET", "/x", HOME, b"")
    async with driver.failing_commits():
        for _ in range(3):
            with pytest.raises(Unavailable):
                await registry.flush()

    again = await reloaded(registry)

    device = again.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (True, START, 1) == (
        device.key_enforced,
        device.last_seen_at,
        device.unknown_request_count,
    )
    assert again.find(DEFAULT_SCOPE_ID, 5) is not None
    assert ["/x"] == [
        request.path
        for request in await again.unknown_requests(DEFAULT_SCOPE_ID, DEVICE)
    ]


async def test_unknown_requests(registry: FleetAdmin) -> None:
    """The last few unknown requests are kept, cut to a size, written or not."""
    await registry.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    for number in range(15):
        registry.record_unknown_request(DEVICE, "POST", f"/{number}", HOME, b"x" * 9000)
    await registry.flush()
    for number in range(15, 30):
        registry.record_unknown_request(DEVICE, "GET", f"/{number}", HOME, b"")

    shown = await registry.unknown_requests(DEFAULT_SCOPE_ID, DEVICE)

    assert [f"/{n}" for n in range(10, 30)] == [request.path for request in shown]
    assert MAX_UNKNOWN_REQUESTS == len(shown)
    assert MAX_UNKNOWN_REQUEST_BYTES == len(shown[0].body)
    again = await reloaded(registry)
    assert 30 == again.get(DEFAULT_SCOPE_ID, DEVICE).unknown_request_count
    assert shown == await again.unknown_requests(DEFAULT_SCOPE_ID, DEVICE)


async def test_unknown_request_of_nobody(registry: FleetAdmin) -> None:
    """An unknown request of an unknown device is counted and not stored."""
    registry.record_unknown_request(DEVICE, "GET", "/x", HOME, b"")

    assert (1, 0) == (registry.counts["stray"], len(registry))
    await registry.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    assert [] == await registry.unknown_requests(DEFAULT_SCOPE_ID, DEVICE)


async def test_put(registry: FleetAdmin) -> None:
    """Putting a device creates it, or replaces all that is said of it."""
    device, created = await registry.put(
        DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta", "tags": {"a": "b"}}
    )
    assert (True, "Porta", {"a": "b"}) == (created, device.name, device.tags)

    again, created = await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"hold": 5})

    assert (False, None, {}, 5) == (created, again.name, again.tags, again.hold)
    stored = (await reloaded(registry)).get(DEFAULT_SCOPE_ID, DEVICE)
    assert (None, {}, 5) == (stored.name, stored.tags, stored.hold)


async def test_put_adopts(registry: FleetAdmin) -> None:
    """Putting a quarantined device adopts it, which counts as creating it."""
    registry.admit(terminal(DEVICE), None, HOME)

    device, created = await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})

    assert (True, True, START) == (created, device.is_adopted, device.last_seen_at)


async def test_patch(registry: FleetAdmin) -> None:
    """Patching changes what is named, and vouches for nobody."""
    await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta", "hold": 5})
    await registry.patch(DEFAULT_SCOPE_ID, DEVICE, {"name": "Portão"})
    registry.admit(terminal(5), None, HOME)
    await registry.patch(DEFAULT_SCOPE_ID, 5, {"name": "who?"})

    assert ("Portão", 5) == (
        registry.get(DEFAULT_SCOPE_ID, DEVICE).name,
        registry.get(DEFAULT_SCOPE_ID, DEVICE).hold,
    )
    assert DeviceState.QUARANTINED is registry.get(DEFAULT_SCOPE_ID, 5).state
    with pytest.raises(NotFound):
        await registry.patch(DEFAULT_SCOPE_ID, 6, {})


async def test_patches_at_once(registry: FleetAdmin) -> None:
    """Two changes at once are both stored."""
    await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})

    await asyncio.gather(
        registry.patch(DEFAULT_SCOPE_ID, DEVICE, {"name": "Porta"}),
        registry.patch(DEFAULT_SCOPE_ID, DEVICE, {"tags": {"a": "b"}}),
        registry.patch(DEFAULT_SCOPE_ID, DEVICE, {"hold": 5}),
    )

    device = (await reloaded(registry)).get(DEFAULT_SCOPE_ID, DEVICE)
    assert ("Porta", {"a": "b"}, 5) == (device.name, device.tags, device.hold)


async def test_changing_with_the_store_away(
    driver: ServiceDriver, registry: FleetAdmin
) -> None:
    """A change that could not be stored does not take effect."""
    await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta"})
    async with driver.failing_commits():
        for call in (
            registry.patch(DEFAULT_SCOPE_ID, DEVICE, {"name": "x"}),
            registry.put(DEFAULT_SCOPE_ID, terminal(5), {}),
            registry.adopt(DEFAULT_SCOPE_ID, terminal(6)),
            registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True),
            registry.import_devices(
                DEFAULT_SCOPE_ID, {terminal(7): {}, terminal(DEVICE): {"name": "y"}}
            ),
            registry.delete(DEFAULT_SCOPE_ID, DEVICE),
        ):
            with pytest.raises(Unavailable):
                await call

    device = registry.get(DEFAULT_SCOPE_ID, DEVICE)
    assert ("Porta", None, 1) == (device.name, device.key_hash, len(registry))
    assert 1 == len(await reloaded(registry))


async def test_new_hold_forgives(registry: FleetAdmin) -> None:
    """A new hold starts without the hang-ups of the old one."""
    device, _ = await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"hold": 25})
    for _ in range(3):
        device.record_hang_up(10)
    assert 0 == device.effective_hold(0)

    await registry.patch(DEFAULT_SCOPE_ID, DEVICE, {"hold": 20})

    assert 20 == device.effective_hold(0)


async def test_import(registry: FleetAdmin) -> None:
    """An import creates and changes many; what a row leaves out stays."""
    await registry.put(DEFAULT_SCOPE_ID, terminal(1), {"name": "one", "hold": 5})
    await registry.put(DEFAULT_SCOPE_ID, terminal(2), {"name": "two"})
    registry.admit(terminal(3), None, HOME)

    done = await registry.import_devices(
        DEFAULT_SCOPE_ID,
        {
            terminal(1): {"name": "new"},
            terminal(2): {"name": "two"},
            terminal(3): {},
            **{terminal(n): {} for n in range(10, 3010)},
        },
    )

    assert ImportSummary(created=3001, updated=1, unchanged=1) == done
    again = await reloaded(registry)
    assert 3003 == len(again)
    assert ("new", 5) == (
        again.get(DEFAULT_SCOPE_ID, 1).name,
        again.get(DEFAULT_SCOPE_ID, 1).hold,
    )
    assert all(device.is_adopted for device in again)


async def test_pages(registry: FleetAdmin) -> None:
    """Devices are listed by their ids, filtered, page by page."""
    for number in range(1, 8):
        await registry.put(
            DEFAULT_SCOPE_ID, terminal(number), {"tags": {"site": "ab"[number % 2]}}
        )
    registry.admit(terminal(9), None, HOME)

    def ids(**fields: object) -> list[int]:
        arguments: dict[str, Any] = {"after": -1, "limit": 99, **fields}
        page = registry.list_page(DEFAULT_SCOPE_ID, **arguments)
        return [device.device_id for device in page]

    assert [1, 2, 3, 4, 5, 6, 7, 9] == ids()
    assert [1, 2, 3] == ids(limit=3)
    assert [4, 5, 6] == ids(after=3, limit=3)
    assert [9] == ids(state=DeviceState.QUARANTINED)
    assert [1, 3, 5, 7] == ids(tag=("site", "b"))
    assert [5, 7] == ids(tag=("site", "b"), after=3, limit=2)
    assert [] == ids(tag=("site", "c"))
    assert [] == ids(after=9)


async def test_delete(driver: ServiceDriver, registry: FleetAdmin) -> None:
    """A device that is deleted is forgotten; what waits ends, what was stays."""
    await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta"})
    again, fresh, handed_out = await driver.enqueue(
        "load_objects", "reboot", "system_information"
    )
    await driver.receive_command("u1")
    await driver.expire_overdue(180)
    in_flight = await driver.receive_command("u2")
    assert again.id == in_flight.command.id
    await driver.expire_overdue(180)

    await registry.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert registry.find(DEFAULT_SCOPE_ID, DEVICE) is None
    assert CommandState.TIMEOUT is await driver.command_state(again)
    assert CommandState.CANCELED is await driver.command_state(fresh)
    assert CommandState.CANCELED is await driver.command_state(handed_out)
    assert 0 == len(await reloaded(registry))
    with pytest.raises(NotFound):
        await registry.delete(DEFAULT_SCOPE_ID, DEVICE)


async def test_deleted_comes_back(registry: FleetAdmin) -> None:
    """A device that was deleted and polls again is a stranger."""
    await registry.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})
    await registry.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert registry.admit(terminal(DEVICE), None, HOME) is None
    assert DeviceState.QUARANTINED is registry.get(DEFAULT_SCOPE_ID, DEVICE).state


def required(registry: FleetAdmin) -> FleetAdmin:
    """Return the fleet of a server that demands keys."""
    registry.key_policy = DeviceKeys.REQUIRED
    return registry


async def test_keys_required(registry: FleetAdmin) -> None:
    """If keys are required, a device without one is refused, and counted."""
    await required(registry).adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))

    assert registry.admit(terminal(DEVICE), None, HOME) is None
    assert registry.admit(terminal(DEVICE), "some", HOME) is None
    assert 2 == registry.counts["refused.noKey"]

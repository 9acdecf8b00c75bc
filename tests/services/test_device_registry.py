"""The fleet: who is served, who is remembered, what administrators do."""

import asyncio
from typing import Any

import pytest

from pushserver.errors import Invalid, NotFound, Unavailable
from pushserver.model.actor import SERVER
from pushserver.model.device import (
    QUARANTINE_IDLE_SECONDS,
    QUARANTINE_LIMIT,
    DeviceKeys,
    DeviceState,
)
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.import_summary import ImportSummary
from pushserver.model.labels import MAX_LABELS
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.target import TargetSelector
from pushserver.model.unknown_request import (
    MAX_UNKNOWN_REQUEST_BYTES,
    MAX_UNKNOWN_REQUESTS,
)
from pushserver.services import device_registry, off_loop
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.device_registry import DeviceRegistry
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver
from tests.web.local_server import wait_until

HOME = "192.0.2.7"


async def reloaded(services: Services) -> DeviceRegistry:
    """Return the devices as they are after a restart that wrote what was to write."""
    for _ in range(100):
        await services.write_behind.flush()
        if services.write_behind.is_flushed:
            break
    again = DeviceRegistry(services.store)
    await again.load()
    return again


async def test_unknown_is_quarantined(services: Services) -> None:
    """A device that nobody vouched for is remembered, counted and not served."""
    assert services.admission.admit(terminal(DEVICE), None, HOME) is None

    device = services.devices.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (DeviceState.QUARANTINED, START, HOME) == (
        device.state,
        device.last_seen_at,
        device.address,
    )
    assert 1 == services.counts["refused.quarantined"]
    stored = (await reloaded(services)).get(DEFAULT_SCOPE_ID, DEVICE)
    assert (DeviceState.QUARANTINED, HOME) == (stored.state, stored.address)


async def test_quarantine_is_bounded(services: Services) -> None:
    """A fixed number of unknown devices is remembered; the next one is only counted."""
    for number in range(QUARANTINE_LIMIT + 50):
        assert services.admission.admit(terminal(number), None, HOME) is None

    assert QUARANTINE_LIMIT == len(services.devices)
    assert 50 == services.counts["refused.quarantineFull"]
    assert QUARANTINE_LIMIT == len(await reloaded(services))


async def test_quarantine_makes_room(services: Services, clock: ManualClock) -> None:
    """
    A device that has not polled for an hour makes room; one that still polls stays.
    """
    for number in range(QUARANTINE_LIMIT):
        services.admission.admit(terminal(number), None, HOME)
    clock.tick(QUARANTINE_IDLE_SECONDS + 1)
    for number in range(QUARANTINE_LIMIT - 1):
        services.admission.admit(terminal(number), None, HOME)

    services.admission.admit(terminal(5000), None, HOME)
    services.admission.admit(terminal(5001), None, HOME)

    assert services.devices.find(DEFAULT_SCOPE_ID, 5000) is not None
    assert services.devices.find(DEFAULT_SCOPE_ID, QUARANTINE_LIMIT - 1) is None
    assert services.devices.find(DEFAULT_SCOPE_ID, 5001) is None
    assert QUARANTINE_LIMIT == len(services.devices)


async def test_room_after_adopting(services: Services, clock: ManualClock) -> None:
    """A device that is adopted or deleted makes room for others."""
    for number in range(QUARANTINE_LIMIT):
        services.admission.admit(terminal(number), None, HOME)
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(0))
    await services.device_removal.delete(DEFAULT_SCOPE_ID, 1)
    clock.tick(2)

    for number in (5000, 5001, 5002):
        services.admission.admit(terminal(number), None, HOME)

    assert [True, True, False] == [
        services.devices.find(DEFAULT_SCOPE_ID, n) is not None
        for n in (5000, 5001, 5002)
    ]


async def test_room_made_is_made_on_disk(
    services: Services, clock: ManualClock
) -> None:
    """A device that made room does not come back with the next start."""
    for number in range(QUARANTINE_LIMIT):
        services.admission.admit(terminal(number), None, HOME)
    await reloaded(services)
    clock.tick(QUARANTINE_IDLE_SECONDS + 1)
    services.admission.admit(terminal(5000), None, HOME)

    again = await reloaded(services)

    assert QUARANTINE_LIMIT == len(again)
    assert again.find(DEFAULT_SCOPE_ID, 5000) is not None


async def test_adopted_is_served(services: Services) -> None:
    """A device that was adopted is served from then on."""
    services.admission.admit(terminal(DEVICE), None, HOME)

    assert (True, False) == (
        (await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE)))[1],
        (await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE)))[1],
    )
    device = services.admission.admit(terminal(DEVICE), None, HOME)

    assert device is services.devices.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (
        DeviceState.ADOPTED
        is (await reloaded(services)).get(DEFAULT_SCOPE_ID, DEVICE).state
    )


async def test_adopted_unseen(services: Services) -> None:
    """A device may be adopted before it ever polls."""
    device, new = await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))

    assert (True, None) == (new, device.last_seen_at)
    assert services.admission.admit(terminal(DEVICE), None, HOME) is device


async def test_seen_is_flushed(services: Services, clock: ManualClock) -> None:
    """What was seen of devices is written in batches, each once."""
    for number in range(BATCH_SIZE + 10):
        await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(number))
        services.admission.admit(terminal(number), None, HOME)
    clock.tick(1)

    assert BATCH_SIZE == await services.write_behind.flush()
    assert 10 == await services.write_behind.flush()
    assert 0 == await services.write_behind.flush()
    assert services.write_behind.is_flushed
    assert {START} == {device.last_seen_at for device in await reloaded(services)}


async def test_flush_with_the_store_away(
    driver: ServiceDriver, services: Services
) -> None:
    """Changes that could not be written are written when the store is back."""
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    key, _ = await services.key_issuer.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    services.devices.get(DEFAULT_SCOPE_ID, DEVICE).key_enforced = False
    services.admission.admit(terminal(DEVICE), key, HOME)
    services.admission.admit(terminal(5), None, HOME)
    services.unknown_requests.record(DEVICE, "GET", "/x", HOME, b"")
    async with driver.failing_commits():
        for _ in range(3):
            with pytest.raises(Unavailable):
                await services.write_behind.flush()

    again = await reloaded(services)

    device = again.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (True, START, 1) == (
        device.key_enforced,
        device.last_seen_at,
        device.unknown_request_count,
    )
    assert again.find(DEFAULT_SCOPE_ID, 5) is not None
    assert ["/x"] == [
        request.path for request in await services.store.unknown_requests(DEVICE)
    ]


async def test_unknown_requests(services: Services) -> None:
    """The last few unknown requests are kept, cut to a size, written or not."""
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    for number in range(15):
        services.unknown_requests.record(
            DEVICE, "POST", f"/{number}", HOME, b"x" * 9000
        )
    await services.write_behind.flush()
    for number in range(15, 30):
        services.unknown_requests.record(DEVICE, "GET", f"/{number}", HOME, b"")

    shown = await services.unknown_requests.list_newest(DEFAULT_SCOPE_ID, DEVICE)

    assert [f"/{n}" for n in range(10, 30)] == [request.path for request in shown]
    assert MAX_UNKNOWN_REQUESTS == len(shown)
    assert MAX_UNKNOWN_REQUEST_BYTES == len(shown[0].body)
    again = await reloaded(services)
    assert 30 == again.get(DEFAULT_SCOPE_ID, DEVICE).unknown_request_count
    assert shown == await services.store.unknown_requests(DEVICE)


async def test_unknown_request_of_nobody(services: Services) -> None:
    """An unknown request of an unknown device is counted and not stored."""
    services.unknown_requests.record(DEVICE, "GET", "/x", HOME, b"")

    assert (1, 0) == (services.counts["stray"], len(services.devices))
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    assert [] == await services.unknown_requests.list_newest(DEFAULT_SCOPE_ID, DEVICE)


async def test_put(services: Services) -> None:
    """Putting a device creates it, or replaces all that is said of it."""
    device, created = await services.fleet.put(
        DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta", "tags": {"a": "b"}}
    )
    assert (True, "Porta", {"a": "b"}) == (created, device.name, device.tags)

    again, created = await services.fleet.put(
        DEFAULT_SCOPE_ID, terminal(DEVICE), {"hold": 5}
    )

    assert (False, None, {}, 5) == (created, again.name, again.tags, again.hold)
    stored = (await reloaded(services)).get(DEFAULT_SCOPE_ID, DEVICE)
    assert (None, {}, 5) == (stored.name, stored.tags, stored.hold)


async def test_put_adopts(services: Services) -> None:
    """Putting a quarantined device adopts it, which counts as creating it."""
    services.admission.admit(terminal(DEVICE), None, HOME)

    device, created = await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})

    assert (True, True, START) == (created, device.is_adopted, device.last_seen_at)


async def test_patch(services: Services) -> None:
    """Patching changes what is named, and vouches for nobody."""
    await services.fleet.put(
        DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta", "hold": 5}
    )
    await services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"name": "Portão"})
    services.admission.admit(terminal(5), None, HOME)
    await services.fleet.patch(DEFAULT_SCOPE_ID, 5, {"name": "who?"})

    assert ("Portão", 5) == (
        services.devices.get(DEFAULT_SCOPE_ID, DEVICE).name,
        services.devices.get(DEFAULT_SCOPE_ID, DEVICE).hold,
    )
    assert DeviceState.QUARANTINED is services.devices.get(DEFAULT_SCOPE_ID, 5).state
    with pytest.raises(NotFound):
        await services.fleet.patch(DEFAULT_SCOPE_ID, 6, {})


async def test_patches_at_once(services: Services) -> None:
    """Two changes at once are both stored."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})

    await asyncio.gather(
        services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"name": "Porta"}),
        services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"tags": {"a": "b"}}),
        services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"hold": 5}),
    )

    device = (await reloaded(services)).get(DEFAULT_SCOPE_ID, DEVICE)
    assert ("Porta", {"a": "b"}, 5) == (device.name, device.tags, device.hold)


async def test_tags_beyond_their_bounds(services: Services) -> None:
    """Whichever way tags are changed, no device gets more than a device may have."""
    fleet, scope_id = services.fleet, DEFAULT_SCOPE_ID
    await fleet.put(scope_id, terminal(DEVICE), {})
    wrong: dict[str, Any] = {"tags": {str(i): "" for i in range(MAX_LABELS + 1)}}
    settings = {terminal(5): {"tags": {}}, terminal(DEVICE): wrong}
    for change in (
        fleet.patch(scope_id, DEVICE, wrong),
        fleet.put(scope_id, terminal(DEVICE), wrong),
        fleet.adopt_all(scope_id, settings, SERVER),
        services.device_import.run(scope_id, {**settings}),
        services.device_import.run(scope_id, {**settings}, dry_run=True),
    ):
        with pytest.raises(Invalid, match=f"^Device {DEVICE}: ") as refused:
            await change
        assert "/tags" == refused.value.pointer

    devices = [(d.device_id, d.tags) for d in services.devices]
    assert [(DEVICE, {})] == devices


async def test_changing_with_the_store_away(
    driver: ServiceDriver, services: Services
) -> None:
    """A change that could not be stored does not take effect."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta"})
    async with driver.failing_commits():
        for call in (
            services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"name": "x"}),
            services.fleet.put(DEFAULT_SCOPE_ID, terminal(5), {}),
            services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(6)),
            services.key_issuer.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True),
            services.device_import.run(
                DEFAULT_SCOPE_ID, {terminal(7): {}, terminal(DEVICE): {"name": "y"}}
            ),
            services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE),
        ):
            with pytest.raises(Unavailable):
                await call

    device = services.devices.get(DEFAULT_SCOPE_ID, DEVICE)
    assert ("Porta", None, 1) == (device.name, device.key_hash, len(services.devices))
    assert 1 == len(await reloaded(services))


async def test_new_hold_forgives(services: Services) -> None:
    """A new hold starts without the hang-ups of the old one."""
    device, _ = await services.fleet.put(
        DEFAULT_SCOPE_ID, terminal(DEVICE), {"hold": 25}
    )
    for _ in range(3):
        device.record_hang_up(10)
    assert 0 == device.effective_hold(0)

    await services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"hold": 20})

    assert 20 == device.effective_hold(0)


async def test_import(services: Services) -> None:
    """An import creates and changes many; what a row leaves out stays."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(1), {"name": "one", "hold": 5})
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(2), {"name": "two"})
    services.admission.admit(terminal(3), None, HOME)

    done = await services.device_import.run(
        DEFAULT_SCOPE_ID,
        {
            terminal(1): {"name": "new"},
            terminal(2): {"name": "two"},
            terminal(3): {},
            **{terminal(n): {} for n in range(10, 3010)},
        },
    )

    assert ImportSummary(created=3001, updated=1, unchanged=1) == done
    again = await reloaded(services)
    assert 3003 == len(again)
    assert ("new", 5) == (
        again.get(DEFAULT_SCOPE_ID, 1).name,
        again.get(DEFAULT_SCOPE_ID, 1).hold,
    )
    assert all(device.is_adopted for device in again)


async def test_delete(driver: ServiceDriver, services: Services) -> None:
    """A device that is deleted is forgotten; what waits ends, what was stays."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"name": "Porta"})
    again, fresh, handed_out = await driver.enqueue(
        "load_objects", "create_objects", "system_information"
    )
    await driver.receive_command("u1")
    await driver.expire_overdue(180)
    in_flight = await driver.receive_command("u2")
    assert again.id == in_flight.command.id
    await driver.expire_overdue(180)

    await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert services.devices.find(DEFAULT_SCOPE_ID, DEVICE) is None
    assert CommandState.TIMEOUT is await driver.command_state(again)
    assert CommandState.CANCELED is await driver.command_state(fresh)
    assert CommandState.CANCELED is await driver.command_state(handed_out)
    assert 0 == len(await reloaded(services))
    with pytest.raises(NotFound):
        await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)


async def test_deleted_comes_back(services: Services) -> None:
    """A device that was deleted and polls again is a stranger."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})
    await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert services.admission.admit(terminal(DEVICE), None, HOME) is None
    assert (
        DeviceState.QUARANTINED is services.devices.get(DEFAULT_SCOPE_ID, DEVICE).state
    )


async def test_keys_required(services: Services) -> None:
    """If keys are required, a device without one is refused, and counted."""
    services.admission.key_policy = DeviceKeys.REQUIRED
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))

    assert services.admission.admit(terminal(DEVICE), None, HOME) is None
    assert services.admission.admit(terminal(DEVICE), "some", HOME) is None
    assert 2 == services.counts["refused.noKey"]


async def test_many_targets(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Few calls have very many targets at once; those with fewer do not wait for them.
    """
    monkeypatch.setattr(device_registry, "MANY_TARGETS", 3)
    for number in (1, 2, 3):
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {})
    resolve, counts, end = services.devices.resolve_targets, [0], asyncio.Event()

    async def hold(targets: TargetSelector) -> None:
        async with resolve(DEFAULT_SCOPE_ID, targets) as found:
            counts.append(len(found))
            await end.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(hold(TargetSelector()))
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(4), {})
        few = group.create_task(hold(TargetSelector(device_ids=[1, 2])))
        await wait_until(lambda: counts[-1] == 2)
        assert 4 == sum(each > 2 for each in counts)
        end.set()
        await few

    assert 10 == sum(each > 2 for each in counts)


async def test_others_have_their_turns(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While devices are looked for, others have their turns, though none is meant."""
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    for number in range(20):
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {})
    devices, nothing = services.devices, {"site": "none"}

    async def find(scope_id: int) -> None:
        criteria = DeviceFilter(tags={"site": ["none"]})
        assert [] == [d async for d in devices.iter_matching(scope_id, criteria)]

    async def resolve() -> None:
        with pytest.raises(Invalid):
            async with devices.resolve_targets(1, TargetSelector(tags=nothing)):
                pass

    async def agree() -> None:
        assert "controlid" == (await services.protocols.common(devices)).name

    for looking in (find(DEFAULT_SCOPE_ID), find(7), resolve(), agree()):
        task = asyncio.create_task(looking)
        for _ in range(20):
            await asyncio.sleep(0)
            assert not task.done()
        await task


async def test_all_while_others_come_and_go(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes through all devices in pieces meets those that stay, each once."""
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    devices, met = services.devices, list[int]()
    for number in range(0, 40, 2):
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {})

    async for device in off_loop.in_pieces(devices):
        met.append(device.device_id)
        services.admission.admit(terminal(41 - device.device_id), None, HOME)
        devices.forget((device.device_id + 4) // 8 * 8 + 8)

    assert len(set(met)) == len(met)
    assert {n for n in range(0, 40, 2) if n % 8} <= set(met)

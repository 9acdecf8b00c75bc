"""Devices that come online or go offline: one event each, and none while at work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from pushserver.clock import SECOND
from pushserver.composition import build_services
from pushserver.errors import Unavailable
from pushserver.model.change_notice import DeviceSeen
from pushserver.model.device import Device, DeviceKeys, IdentityConflict
from pushserver.model.event import EventType
from pushserver.model.event_payload import DevicePayload
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.secret import hash_secret
from pushserver.services.online_monitor import OnlineMonitor
from pushserver.services.online_rule import OnlineRule
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver

HOME = "192.0.2.7"
ONLINE, OFFLINE = EventType.DEVICE_ONLINE, EventType.DEVICE_OFFLINE


def online_monitor(services: Services, hold: int = 0) -> OnlineMonitor:
    """Return the online monitor, as the program makes it."""
    monitor = OnlineMonitor(
        store=services.store,
        clock=services.clock,
        lanes=services.lanes,
        devices=services.devices,
        device_events=services.device_events,
        holds=services.holds,
        online_rule=OnlineRule(hold),
    )
    monitor.restore()
    services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
    return monitor


@pytest.fixture(name="monitor")
async def _monitor(services: Services) -> OnlineMonitor:
    """Return the online monitor, with one device that has never been seen."""
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    return online_monitor(services)


def poll_as(services: Services, device_id: int = DEVICE) -> Device:
    """Let a device poll, and be idle after it."""
    services.admission.admit(terminal(device_id), None, HOME)
    device = services.devices.get(DEFAULT_SCOPE_ID, device_id)
    device.was_last_poll_idle = True
    return device


async def event_types(services: Services) -> list[EventType]:
    """Return the types of the device events."""
    return [kind for kind, _ in await device_events(services)]


async def device_events(services: Services) -> list[tuple[EventType, DevicePayload]]:
    """Return the device events, with their payloads."""
    read = msgspec.json.Decoder(DevicePayload).decode
    found = await services.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=0, limit=100
    )
    return [(e.type, read(e.data)) for e in found if e.type.startswith("device.")]


async def test_comes(services: Services, monitor: OnlineMonitor) -> None:
    """
    A device that polls for the first time comes online; further polls emit nothing.
    """
    poll_as(services)
    await monitor.publish_changes()
    poll_as(services)
    await monitor.publish_changes()

    expected = DevicePayload(last_seen_at=START, address=HOME)
    assert [(ONLINE, expected)] == await device_events(services)


@pytest.mark.parametrize(("period", "patience"), [(None, 30), (5, 30), (60, 180)])
async def test_goes(
    services: Services,
    monitor: OnlineMonitor,
    clock: ManualClock,
    period: int | None,
    patience: int,
) -> None:
    """A device is gone after three of its periods, and after 30 s at the least."""
    poll_as(services).poll_period = None if period is None else period * SECOND
    await monitor.publish_changes()
    clock.tick(2)
    await monitor.publish_changes()
    clock.tick(patience - 2.001)
    await monitor.publish_changes()
    before = await event_types(services)
    clock.tick(0.002)
    await monitor.publish_changes()
    clock.tick(3600)
    await monitor.publish_changes()

    expected = DevicePayload(last_seen_at=START, address=HOME)
    assert [ONLINE] == before
    assert [(OFFLINE, expected)] == (await device_events(services))[1:]


async def test_polls_on(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """A device that polls now and then is not offline."""
    for _ in range(20):
        poll_as(services)
        await monitor.publish_changes()
        clock.tick(29)

    assert [ONLINE] == await event_types(services)


async def test_comes_back(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """A device that was offline comes online again."""
    for _ in range(2):
        for _ in range(10):
            poll_as(services)
            await monitor.publish_changes()
            clock.tick(5)
        clock.tick(60)
        await monitor.publish_changes()

    assert [ONLINE, OFFLINE, ONLINE, OFFLINE] == await event_types(services)


async def test_held(
    services: Services,
    monitor: OnlineMonitor,
    driver: ServiceDriver,
    clock: ManualClock,
) -> None:
    """
    A device whose poll is held is online, however long; some time after, it is offline.
    """
    poll_as(services)
    await monitor.publish_changes()
    async with driver.held_poll():
        for _ in range(10):
            clock.tick(60)
            await monitor.publish_changes()
        while_held = await event_types(services)
    clock.tick(60)
    await monitor.publish_changes()

    assert [ONLINE] == while_held
    assert [ONLINE, OFFLINE] == await event_types(services)


async def test_at_work(
    services: Services,
    monitor: OnlineMonitor,
    driver: ServiceDriver,
    clock: ManualClock,
) -> None:
    """A device with a command in flight is there; it is gone some time after."""
    await driver.enqueue("load_objects", max_attempts=1)
    poll_as(services)
    await driver.receive_command()
    await monitor.publish_changes()
    for _ in range(4):
        clock.tick(40)
        await monitor.publish_changes()
    at_work = await event_types(services)
    await driver.expire_overdue(40)
    await monitor.publish_changes()

    assert [ONLINE] == at_work
    assert [ONLINE, OFFLINE] == await event_types(services)


@pytest.mark.only_on("postgres")
async def test_at_work_elsewhere(
    services: Services, monitor: OnlineMonitor, database: str, clock: ManualClock
) -> None:
    """A device to which another server gave a command is at work, too."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    there = ServiceDriver(build_services(settings, store, clock), clock)
    await there.services.devices.load()
    poll_as(services)
    await monitor.publish_changes()
    await there.enqueue("load_objects")
    await there.receive_command()
    for _ in range(4):
        clock.tick(40)
        await monitor.publish_changes()
    at_work = await event_types(services)
    await there.post_result()
    clock.tick(2)
    await monitor.publish_changes()
    await store.close()

    assert [ONLINE] == at_work
    assert [ONLINE, OFFLINE] == await event_types(services)


async def test_own_hold(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """A device whose polls are held is given that time on top."""
    await services.fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"hold": 60 * SECOND})
    poll_as(services)
    await monitor.publish_changes()
    clock.tick(89)
    await monitor.publish_changes()
    before = await event_types(services)
    clock.tick(1)
    await monitor.publish_changes()

    assert [ONLINE] == before
    assert [ONLINE, OFFLINE] == await event_types(services)


async def test_nobody_listens(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """Events that nobody wanted are not emitted later, either."""
    services.store.event_interest.clear()
    poll_as(services)
    await monitor.publish_changes()
    services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
    clock.tick(31)
    await monitor.publish_changes()

    assert [OFFLINE] == await event_types(services)


async def test_quarantined(services: Services, monitor: OnlineMonitor) -> None:
    """
    A quarantined device is reported as such, and comes neither online nor offline.
    """
    for _ in range(2):
        services.admission.admit(terminal(77), None, HOME)
        await monitor.publish_changes()

    assert [EventType.DEVICE_QUARANTINED] == await event_types(services)


async def test_adopted_later(services: Services, monitor: OnlineMonitor) -> None:
    """A device that is adopted after it polled comes online with its next poll."""
    services.admission.admit(terminal(77), None, HOME)
    await monitor.publish_changes()
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(77))
    poll_as(services, 77)
    await monitor.publish_changes()

    assert [EventType.DEVICE_QUARANTINED, ONLINE] == await event_types(services)


async def test_wrong_key(services: Services, monitor: OnlineMonitor) -> None:
    """A device with a wrong key is reported as such, and does not come online."""
    services.admission.key_policy = DeviceKeys.REQUIRED
    await services.key_issuer.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True)
    services.admission.admit(terminal(DEVICE), "wrong", HOME)
    services.admission.admit(terminal(DEVICE), "wrong", HOME)
    await monitor.publish_changes()

    ((kind, data),) = await device_events(services)
    assert EventType.DEVICE_IDENTITY_MISMATCH is kind
    assert "wrongKey" == data.reason


async def test_two_addresses(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """Two addresses in turn are reported with both, once an hour, and counted."""
    found = []
    for _ in range(2):
        for address in (HOME, "192.0.2.8") * 3:
            clock.tick(2)
            services.admission.admit(terminal(DEVICE), None, address)
        await monitor.publish_changes()
        found = [
            {data.address, data.other_address}
            for kind, data in await device_events(services)
            if kind is EventType.DEVICE_IDENTITY_CONFLICT
        ]
        assert [{HOME, "192.0.2.8"}] == found
    clock.tick(3600)
    for address in (HOME, "192.0.2.8", HOME):
        services.admission.admit(terminal(DEVICE), None, address)
    await monitor.publish_changes()

    kinds = await event_types(services)
    assert 2 == kinds.count(EventType.DEVICE_IDENTITY_CONFLICT)
    device = services.devices.get(DEFAULT_SCOPE_ID, DEVICE)
    assert clock.now() == device.identity_conflict_at


async def test_shut_out(services: Services, monitor: OnlineMonitor) -> None:
    """The event names the address that is shut out; one with a key never is."""
    services.admission.conflict_policy = IdentityConflict.QUARANTINE
    device = poll_as(services)
    for address in ("192.0.2.8", HOME):
        services.admission.admit(terminal(DEVICE), None, address)
    assert services.admission.admit(terminal(DEVICE), None, "192.0.2.8") is None
    await monitor.publish_changes()

    (data,) = [
        data
        for kind, data in await device_events(services)
        if kind is EventType.DEVICE_IDENTITY_CONFLICT
    ]
    assert "192.0.2.8" == data.shut_out_address
    device.key_hash = hash_secret("key")
    assert services.admission.admit(terminal(DEVICE), "key", "192.0.2.8") is device


@pytest.mark.usefixtures("monitor")
async def test_other_server_saw_it(services: Services) -> None:
    """An address that another server saw in between counts, too."""
    device = poll_as(services)
    now = services.clock.now()
    seen = DeviceSeen(DEVICE, now + 1, "192.0.2.8", None, polled_without_key=True)
    services.device_sync.on_devices_seen([seen])
    poll_as(services)

    assert (HOME, "192.0.2.8", 1) == (
        device.address,
        device.other_address,
        device.identity_conflicts,
    )


async def test_forgotten(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """A device that was deleted does not go any more."""
    poll_as(services)
    await monitor.publish_changes()
    await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    clock.tick(60)
    await monitor.publish_changes()

    assert [ONLINE] == await event_types(services)


async def test_store_away(
    services: Services,
    monitor: OnlineMonitor,
    driver: ServiceDriver,
    clock: ManualClock,
) -> None:
    """Changes while the store was unavailable are emitted when it is back."""
    async with driver.failing_commits():
        poll_as(services)
        with pytest.raises(Unavailable):
            await monitor.publish_changes()
    await monitor.publish_changes()
    clock.tick(31)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await monitor.publish_changes()
        with pytest.raises(Unavailable):
            await monitor.publish_changes()
    await monitor.publish_changes()
    await monitor.publish_changes()

    assert [ONLINE, OFFLINE] == await event_types(services)


@asynccontextmanager
async def running_services(
    database: str, clock: ManualClock
) -> AsyncIterator[Services]:
    """Have the services at work for the length of the block: once more, a restart."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    services = build_services(settings, store, clock)
    await services.devices.load()
    yield services
    await services.write_behind.flush()
    await store.close()


@pytest.fixture(name="restarted")
async def _restarted(database: str, clock: ManualClock) -> AsyncIterator[Services]:
    """Return the services after an hour's stop, before which two devices had come."""
    async with running_services(database, clock) as before:
        for device_id in (DEVICE, 77):
            await before.fleet.adopt(DEFAULT_SCOPE_ID, terminal(device_id))
        poll_as(before, 77)
        clock.tick(600)
        poll_as(before)
    clock.tick(3600)
    async with running_services(database, clock) as again:
        yield again


async def test_restart(restarted: Services, clock: ManualClock) -> None:
    """
    A device that was online when the server stopped and does not poll again goes
    offline.
    """
    monitor = online_monitor(restarted)
    await monitor.publish_changes()
    clock.tick(29)
    await monitor.publish_changes()
    before = await event_types(restarted)
    clock.tick(1)
    await monitor.publish_changes()

    assert [] == before
    assert [OFFLINE] == await event_types(restarted)


async def test_restart_and_back(restarted: Services, clock: ManualClock) -> None:
    """
    A device that polls again after a restart never went offline; one that was offline
    comes online.
    """
    monitor = online_monitor(restarted)
    poll_as(restarted)
    poll_as(restarted, 77)
    await monitor.publish_changes()
    clock.tick(20)

    found = await restarted.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=0, limit=9
    )
    assert [(ONLINE, 77)] == [(event.type, event.device_id) for event in found]

"""Devices that come online or go offline: one event each, and none while at work."""

import pytest

from pushserver.clock import SECOND
from pushserver.composition import build_services
from pushserver.errors import Unavailable
from pushserver.model.change_notice import DeviceSeen
from pushserver.model.event import EventType
from pushserver.model.event_payload import DevicePayload
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.online_monitor import OnlineMonitor
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver
from tests.services.online_devices import HOME, device_events, event_types, poll_as

ONLINE, OFFLINE = EventType.DEVICE_ONLINE, EventType.DEVICE_OFFLINE


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

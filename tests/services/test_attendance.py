"""Who comes and who goes, told as events: once each, and not while at work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from pushserver.clock import SECOND
from pushserver.composition import build_services, open_store
from pushserver.errors import Unavailable
from pushserver.model.device import Device, DeviceKeys
from pushserver.model.event import DeviceTold, EventType
from pushserver.model.scope import FIRST_SCOPE
from pushserver.services.attendance import Attendance
from pushserver.settings import Settings
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.values import DEVICE
from tests.services.desk import Desk

HOME = "192.0.2.7"
ONLINE, OFFLINE = EventType.DEVICE_ONLINE, EventType.DEVICE_OFFLINE


def attendance_of(services: Services, hold: int = 0) -> Attendance:
    """Return what tells who comes and goes, as the program makes it."""
    made = Attendance(
        store=services.store, clock=services.clock, fleet=services.fleet, hold=hold
    )
    made.load()
    services.store.interest[FIRST_SCOPE] = frozenset(EventType)
    return made


@pytest.fixture(name="attendance")
async def _attendance(services: Services) -> Attendance:
    """Return what tells who comes and goes, with one device that nobody met."""
    await services.fleet.adopt(FIRST_SCOPE, DEVICE)
    return attendance_of(services)


def meet(services: Services, device_id: int = DEVICE) -> Device:
    """Let a device poll, and be idle after it."""
    services.fleet.meet(device_id, None, HOME)
    device = services.fleet.get(FIRST_SCOPE, device_id)
    device.was_idle = True
    return device


async def told(services: Services) -> list[EventType]:
    """Return what was told of devices."""
    return [kind for kind, _ in await told_of(services)]


async def told_of(services: Services) -> list[tuple[EventType, DeviceTold]]:
    """Return what was told of devices, with what is known of them."""
    read = msgspec.json.Decoder(DeviceTold).decode
    found = await services.store.subscriptions.events(FIRST_SCOPE, after=0, limit=100)
    return [(e.type, read(e.data)) for e in found if e.type.startswith("device.")]


async def test_comes(services: Services, attendance: Attendance) -> None:
    """A device that polls for the first time came; polling on is no news."""
    meet(services)
    await attendance.round()
    meet(services)
    await attendance.round()

    expected = DeviceTold(last_seen_at=START, address=HOME)
    assert [(ONLINE, expected)] == await told_of(services)


@pytest.mark.parametrize(("period", "patience"), [(None, 30), (5, 30), (60, 180)])
async def test_goes(
    services: Services,
    attendance: Attendance,
    clock: ManualClock,
    period: int | None,
    patience: int,
) -> None:
    """A device is gone after three of its periods, and after 30 s at the least."""
    meet(services).period = None if period is None else period * SECOND
    await attendance.round()
    clock.tick(2)
    await attendance.round()
    clock.tick(patience - 2.001)
    await attendance.round()
    before = await told(services)
    clock.tick(0.002)
    await attendance.round()
    clock.tick(3600)
    await attendance.round()

    expected = DeviceTold(last_seen_at=START, address=HOME)
    assert [ONLINE] == before
    assert [(OFFLINE, expected)] == (await told_of(services))[1:]


async def test_polls_on(
    services: Services, attendance: Attendance, clock: ManualClock
) -> None:
    """Who polls now and then is not gone."""
    for _ in range(20):
        meet(services)
        await attendance.round()
        clock.tick(29)

    assert [ONLINE] == await told(services)


async def test_comes_back(
    services: Services, attendance: Attendance, clock: ManualClock
) -> None:
    """Who was gone comes again."""
    for _ in range(2):
        for _ in range(10):
            meet(services)
            await attendance.round()
            clock.tick(5)
        clock.tick(60)
        await attendance.round()

    assert [ONLINE, OFFLINE, ONLINE, OFFLINE] == await told(services)


async def test_held(
    services: Services, attendance: Attendance, desk: Desk, clock: ManualClock
) -> None:
    """Whose poll is held is there, however long; it is gone some time after."""
    meet(services)
    await attendance.round()
    async with desk.held():
        for _ in range(10):
            clock.tick(60)
            await attendance.round()
        while_held = await told(services)
    clock.tick(60)
    await attendance.round()

    assert [ONLINE] == while_held
    assert [ONLINE, OFFLINE] == await told(services)


async def test_at_work(
    services: Services, attendance: Attendance, desk: Desk, clock: ManualClock
) -> None:
    """A device with a command in flight is there; it is gone some time after."""
    await desk.enqueue("load_objects", max_attempts=1)
    meet(services)
    await desk.fly()
    await attendance.round()
    for _ in range(4):
        clock.tick(40)
        await attendance.round()
    at_work = await told(services)
    await desk.upkeep(40)
    await attendance.round()

    assert [ONLINE] == at_work
    assert [ONLINE, OFFLINE] == await told(services)


@pytest.mark.only_on("postgres")
async def test_at_work_elsewhere(
    services: Services, attendance: Attendance, database: str, clock: ManualClock
) -> None:
    """So is one to which another server gave the command."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    there = Desk(build_services(settings, store, clock), clock)
    await there.services.fleet.load()
    meet(services)
    await attendance.round()
    await there.enqueue("load_objects")
    await there.fly()
    for _ in range(4):
        clock.tick(40)
        await attendance.round()
    at_work = await told(services)
    await there.report()
    clock.tick(2)
    await attendance.round()
    await store.close()

    assert [ONLINE] == at_work
    assert [ONLINE, OFFLINE] == await told(services)


async def test_own_hold(
    services: Services, attendance: Attendance, clock: ManualClock
) -> None:
    """A device whose polls are held is given that time on top."""
    await services.fleet.patch(FIRST_SCOPE, DEVICE, {"hold": 60 * SECOND})
    meet(services)
    await attendance.round()
    clock.tick(89)
    await attendance.round()
    before = await told(services)
    clock.tick(1)
    await attendance.round()

    assert [ONLINE] == before
    assert [ONLINE, OFFLINE] == await told(services)


async def test_nobody_listens(
    services: Services, attendance: Attendance, clock: ManualClock
) -> None:
    """What nobody wants to hear of is not told later, either."""
    services.store.interest.clear()
    meet(services)
    await attendance.round()
    services.store.interest[FIRST_SCOPE] = frozenset(EventType)
    clock.tick(31)
    await attendance.round()

    assert [OFFLINE] == await told(services)


async def test_quarantined(services: Services, attendance: Attendance) -> None:
    """Who nobody vouched for is told as such, and neither comes nor goes."""
    for _ in range(2):
        services.fleet.meet(77, None, HOME)
        await attendance.round()

    assert [EventType.DEVICE_QUARANTINED] == await told(services)


async def test_adopted_later(services: Services, attendance: Attendance) -> None:
    """Who is adopted after it came, comes when it polls next."""
    services.fleet.meet(77, None, HOME)
    await attendance.round()
    await services.fleet.adopt(FIRST_SCOPE, 77)
    meet(services, 77)
    await attendance.round()

    assert [EventType.DEVICE_QUARANTINED, ONLINE] == await told(services)


async def test_wrong_key(services: Services, attendance: Attendance) -> None:
    """Who comes with a wrong key is told as such, and does not come online."""
    services.fleet.policy = DeviceKeys.REQUIRED
    await services.fleet.make_key(FIRST_SCOPE, DEVICE, enforce=True)
    services.fleet.meet(DEVICE, "wrong", HOME)
    services.fleet.meet(DEVICE, "wrong", HOME)
    await attendance.round()

    ((kind, told),) = await told_of(services)
    assert EventType.DEVICE_IDENTITY_MISMATCH is kind
    assert "wrongKey" == told.reason


async def test_forgotten(
    services: Services, attendance: Attendance, clock: ManualClock
) -> None:
    """A device that was deleted does not go any more."""
    meet(services)
    await attendance.round()
    await services.fleet.delete(FIRST_SCOPE, DEVICE)
    clock.tick(60)
    await attendance.round()

    assert [ONLINE] == await told(services)


async def test_store_away(
    services: Services, attendance: Attendance, desk: Desk, clock: ManualClock
) -> None:
    """Who came or went while the store was away is told when it is back."""
    async with desk.store_away():
        meet(services)
        with pytest.raises(Unavailable):
            await attendance.round()
    await attendance.round()
    clock.tick(31)
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await attendance.round()
        with pytest.raises(Unavailable):
            await attendance.round()
    await attendance.round()
    await attendance.round()

    assert [ONLINE, OFFLINE] == await told(services)


@asynccontextmanager
async def running(database: str, clock: ManualClock) -> AsyncIterator[Services]:
    """Have the services at work for the length of the block: once more, a restart."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    services = build_services(settings, store, clock)
    await services.fleet.load()
    yield services
    await services.fleet.flush()
    await store.close()


@pytest.fixture(name="again")
async def _again(database: str, clock: ManualClock) -> AsyncIterator[Services]:
    """Return the services after an hour's stop, before which two devices had come."""
    async with running(database, clock) as before:
        for device_id in (DEVICE, 77):
            await before.fleet.adopt(FIRST_SCOPE, device_id)
        meet(before, 77)
        clock.tick(600)
        meet(before)
    clock.tick(3600)
    async with running(database, clock) as again:
        yield again


async def test_restart(again: Services, clock: ManualClock) -> None:
    """Who was there when the server stopped and does not come back is missed."""
    attendance = attendance_of(again)
    await attendance.round()
    clock.tick(29)
    await attendance.round()
    before = await told(again)
    clock.tick(1)
    await attendance.round()

    assert [] == before
    assert [OFFLINE] == await told(again)


async def test_restart_and_back(again: Services, clock: ManualClock) -> None:
    """Who comes back after a restart never went; who had been away comes."""
    attendance = attendance_of(again)
    meet(again)
    meet(again, 77)
    await attendance.round()
    clock.tick(20)

    found = await again.store.subscriptions.events(FIRST_SCOPE, after=0, limit=9)
    assert [(ONLINE, 77)] == [(event.type, event.device_id) for event in found]

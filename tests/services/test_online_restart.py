"""What counts as online when the server starts again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pushserver.composition import build_services
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.online_devices import (
    event_types,
    online_monitor,
    poll_as,
)

ONLINE, OFFLINE = EventType.DEVICE_ONLINE, EventType.DEVICE_OFFLINE


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

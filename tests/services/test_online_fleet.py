"""A whole fleet comes and goes at once, as after a network was down."""

import asyncio
from collections import Counter

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.device import Device
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services import off_loop
from pushserver.services.online_rule import OnlineRule
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.services.driver import ServiceDriver
from tests.services.online_devices import online_monitor, poll_as

FLEET = range(1, 251)


async def coming_fleet(services: Services) -> None:
    """Let devices be adopted, and poll."""
    for device_id in FLEET:
        await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(device_id))
        poll_as(services, device_id)


async def of_type(services: Services, event_type: EventType) -> list[int]:
    """Return the devices that have events of a type, sorted."""
    found = await services.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=0, limit=1000
    )
    return sorted(e.device_id or 0 for e in found if e.type is event_type)


async def test_store_away(
    services: Services, driver: ServiceDriver, clock: ManualClock
) -> None:
    """What could not be stored is published once, when the store is back."""
    monitor = online_monitor(services)
    await coming_fleet(services)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await monitor.publish_changes()
    await monitor.publish_changes()
    clock.tick(31)
    await monitor.publish_changes()
    await monitor.publish_changes()

    assert list(FLEET) == await of_type(services, EventType.DEVICE_ONLINE)
    assert list(FLEET) == await of_type(services, EventType.DEVICE_OFFLINE)


@attrs.frozen
class _CountedRule(OnlineRule):
    """Counts how many devices were looked at since others had a turn."""

    counted: Counter[str] = attrs.field(factory=Counter)

    def is_online(self, device: Device, now: int, *, is_busy: bool = False) -> bool:
        self._count()
        return super().is_online(device, now, is_busy=is_busy)

    def offline_at(self, device: Device, now: int) -> int:
        self._count()
        return super().offline_at(device, now)

    def _count(self) -> None:
        self.counted["turn"] += 1
        self.counted["most"] = max(self.counted["most"], self.counted["turn"])

    async def take_turns(self) -> None:
        """Be the others."""
        while True:
            self.counted["turn"] = 0
            await asyncio.sleep(0)


async def test_others_have_turns(
    services: Services, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come or go, others have their turns in between."""
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    rule = _CountedRule(0)
    monitor = online_monitor(services, rule=rule)
    await coming_fleet(services)
    others = asyncio.create_task(rule.take_turns())
    await monitor.publish_changes()
    clock.tick(15)
    for device_id in FLEET[:100]:
        poll_as(services, device_id)
    clock.tick(16)
    await monitor.publish_changes()
    others.cancel()

    assert list(FLEET[100:]) == await of_type(services, EventType.DEVICE_OFFLINE)
    assert 3 >= rule.counted["most"]

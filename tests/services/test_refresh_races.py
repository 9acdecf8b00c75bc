"""What is saved here while it is read what other servers did."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import attrs
import pytest

from pushserver.model.device_filter import DeviceFilter
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.batches import BATCH_SIZE
from pushserver.web.services import Services
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver
from tests.services.test_device_list import BLANK


@attrs.define(eq=False)
class PausedReadStore:
    """A store whose `method` reads, once, and returns only after `may_return`."""

    store: Any
    method: str
    has_read: asyncio.Event = attrs.Factory(asyncio.Event)
    may_return: asyncio.Event = attrs.Factory(asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        return self._late(found) if name == self.method else found

    def _late(self, ask: Callable[[], Any]) -> Callable[[], Any]:
        async def late() -> Any:
            found = await ask()
            if not self.has_read.is_set():
                self.has_read.set()
                await self.may_return.wait()
            return found

        return late


async def test_device(services: Services, driver: ServiceDriver) -> None:
    """A device that is adopted here meanwhile is not forgotten."""
    slow = PausedReadStore(services.store, "device_ids")
    device_sync = attrs.evolve(services.device_sync, store=cast("Any", slow))
    refreshing = asyncio.create_task(device_sync.refresh(None))
    await slow.has_read.wait()
    adopting = asyncio.create_task(
        services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})
    )
    for _ in range(5):
        await driver.run_until_idle()
    slow.may_return.set()
    await asyncio.gather(refreshing, adopting)

    assert services.devices.get(DEFAULT_SCOPE_ID, DEVICE).is_adopted


async def test_very_many(services: Services) -> None:
    """
    Of very many devices that others made, or deleted, few are taken over in one turn.
    """
    made = [attrs.evolve(BLANK, device_id=n, external_id=str(n)) for n in range(1200)]
    deleted = [attrs.evolve(BLANK, device_id=n) for n in range(2000, 3200)]
    for device in deleted:
        services.devices.add(device)
    await services.store.save_devices(made)

    refreshing, sizes = asyncio.create_task(services.device_sync.refresh(None)), [1200]
    while not refreshing.done():
        await asyncio.sleep(0)
        sizes.append(len(services.devices))
    await refreshing

    assert BATCH_SIZE >= max(abs(a - b) for a, b in pairwise(sizes))
    assert 2400 == max(sizes)
    assert set(range(1200)) == {each.device_id for each in services.devices}
    found = await services.device_list.ids(DEFAULT_SCOPE_ID, DeviceFilter())
    assert list(range(1200)) == found


@pytest.mark.only_on("postgres")
async def test_more_than_a_statement_takes(services: Services) -> None:
    """So it is when they are more than a statement of PostgreSQL may name."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(39_999), {})
    services.devices.forget(39_999)

    await services.device_sync.refresh(set(range(40_000)))

    assert services.devices.get(DEFAULT_SCOPE_ID, 39_999).is_adopted

"""What is saved here while it is read what other servers did."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import attrs

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.web.services import Services
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver


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
    slow = PausedReadStore(services.store, "all_devices")
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

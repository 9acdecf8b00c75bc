"""What is saved here while it is read what other servers did."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import attrs

from pushserver.model.scope import FIRST_SCOPE
from pushserver.web.services import Services
from tests.model.values import DEVICE
from tests.services.desk import Desk


@attrs.define(eq=False)
class Slow:
    """What `reads` of a store, once, and tells only when it may `go`."""

    store: Any
    reads: str
    read: asyncio.Event = attrs.Factory(asyncio.Event)
    go: asyncio.Event = attrs.Factory(asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        return self._late(found) if name == self.reads else found

    def _late(self, ask: Callable[[], Any]) -> Callable[[], Any]:
        async def late() -> Any:
            found = await ask()
            if not self.read.is_set():
                self.read.set()
                await self.go.wait()
            return found

        return late


async def test_device(services: Services, desk: Desk) -> None:
    """A device that is adopted here meanwhile is not forgotten."""
    fleet, slow = services.fleet, Slow(services.store, "all_devices")
    fleet.store = cast("Any", slow)
    reading = asyncio.create_task(fleet.refresh(None))
    await slow.read.wait()
    adopting = asyncio.create_task(fleet.put(FIRST_SCOPE, DEVICE, {}))
    for _ in range(5):
        await desk.rest()
    slow.go.set()
    await asyncio.gather(reading, adopting)

    assert fleet.get(FIRST_SCOPE, DEVICE).is_adopted

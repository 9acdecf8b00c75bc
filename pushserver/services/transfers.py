"""Tells other servers of answers and results that take long to transfer.

This process has them in memory. The leader, and the server that the device polls next,
read `Delivery.busy_until` from the store.
"""

import asyncio
from collections.abc import Callable

import attrs

from pushserver.model.changes import Changes
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.transfers import VOUCH_FOR, keep_busy
from pushserver.services.lanes import Lanes
from pushserver.storage.commands import PriorState

#: Seconds after which a transfer is vouched for, and how often then.
VOUCH_AFTER, VOUCH_EVERY = 0.5, 10.0


@attrs.define(eq=False)
class Voucher:
    """Vouches for the deliveries that are meant, as long as the block takes."""

    lanes: Lanes
    device_id: int
    is_meant: Callable[[InFlight], bool]
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    def __enter__(self) -> None:
        self._call_later(VOUCH_AFTER)

    def __exit__(self, *_raised: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call_later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._vouch)

    def _vouch(self) -> None:
        self._call_later(VOUCH_EVERY)
        self.lanes.background_tasks.start(self._store())

    async def _store(self) -> None:
        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
            # A transfer that has ended meanwhile stored its end itself.
            if self._timer is not None:
                keep_busy(lane, self.is_meant, changes.now + VOUCH_FOR, changes)

        await self.lanes.change(self.device_id, decide)

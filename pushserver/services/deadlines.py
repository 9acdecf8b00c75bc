"""Deadlines: expired commands, overdue answers, old idempotency keys."""

import asyncio

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.changes import Changes
from pushserver.model.idempotency import KEY_TTL_SECONDS
from pushserver.model.lane import Lane
from pushserver.model.transitions import apply_deadlines
from pushserver.services.batches import batches
from pushserver.services.lanes import Lanes
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState


@attrs.frozen
class Deadlines:
    """Expires overdue commands, and forgets old idempotency keys."""

    store: Store
    clock: Clock
    lanes: Lanes

    async def expire_overdue(self) -> int:
        """
        Expire overdue commands and give up unanswered ones; return how many.

        The leader does so for all servers.
        """
        if not self.store.is_leader:
            return 0
        devices = await self.store.overdue_devices(self.clock.now())
        moved = 0
        for batch in batches(devices):
            if self.store.is_closing_soon:
                break
            moved += sum(await asyncio.gather(*map(self._expire_lane, batch)))
        return moved

    async def _expire_lane(self, device_id: int) -> int:
        def decide(
            lane: Lane, changes: Changes, _prior: PriorState
        ) -> tuple[int, bool]:
            before = len(changes.transitions)
            has_more = apply_deadlines(lane, changes, now=changes.now)
            return len(changes.transitions) - before, has_more

        total, has_more = 0, True
        while has_more:
            moved, has_more = await self.lanes.change(device_id, decide)
            total += moved
        return total

    async def purge_idempotency_keys(self) -> int:
        """Delete expired idempotency keys; return how many."""
        return await self.store.purge_idempotency_keys(
            before=self.clock.now() - KEY_TTL_SECONDS * SECOND
        )

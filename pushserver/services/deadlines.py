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


@attrs.define(eq=False)
class Deadlines:
    """Expires overdue commands, and moves deadlines when the clock jumps."""

    store: Store
    clock: Clock
    lanes: Lanes
    _pending_jump: int = attrs.field(default=0, init=False)
    _pending_task_jump: int = attrs.field(default=0, init=False)

    async def expire_overdue(self) -> int:
        """
        Expire overdue commands and give up unanswered ones; return how many.

        The leader does so for all servers; each server follows its own clock.
        """
        await self.follow_clock()
        if not self.store.is_leader:
            return 0
        devices = await self.store.overdue_devices(self.clock.now())
        moved = 0
        for batch in batches(devices):
            moved += sum(await asyncio.gather(*map(self._expire_lane, batch)))
        return moved

    async def follow_clock(self) -> None:
        """
        Move deadlines by as much as the wall clock has jumped.

        Raises:
            Unavailable: the store is away; the next call moves them.
        """
        jump = self.clock.resync()
        self._pending_jump += jump
        self._pending_task_jump += jump
        if self._pending_jump:
            await self.store.shift_deadlines(self._pending_jump)
            self._pending_jump = 0
        if self._pending_task_jump and self.store.is_leader:
            now = self.clock.now()
            await self.store.tasks.shift_task_deadlines(
                self._pending_task_jump, now=now
            )
        self._pending_task_jump = 0

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

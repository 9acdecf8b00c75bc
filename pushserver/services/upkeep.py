"""What time itself demands: expiry, answers that never came, old keys."""

import asyncio

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.changes import Changes
from pushserver.model.idempotency import KEPT
from pushserver.model.lane import Lane
from pushserver.model.turns import look_after
from pushserver.storage.base import Past, Store


@attrs.define(eq=False)
class Upkeep:
    """Looks after lanes whose time has come."""

    store: Store
    clock: Clock

    async def deadlines(self) -> int:
        """
        End what has expired and give up what was not answered; return how many.

        Of several servers one does, for all; each follows its own clock.
        """
        await self.follow_clock()
        if not self.store.leads:
            return 0
        devices = await self.store.overdue(self.clock.now())
        moved = await asyncio.gather(*map(self._look_after, devices))
        return sum(moved)

    async def follow_clock(self) -> None:
        """Move deadlines along when the wall clock has jumped."""
        jump = self.clock.catch_up()
        if jump:
            await self.store.shift(jump)
            if self.store.leads:
                await self.store.tasks.shift_tasks(jump, now=self.clock.now())

    async def _look_after(self, device_id: int) -> int:
        def decide(lane: Lane, changes: Changes, _past: Past) -> int:
            before = len(changes.moves)
            look_after(lane, changes, now=self.clock.now())
            return len(changes.moves) - before

        return await self.store.change(device_id, decide)

    async def old_keys(self) -> int:
        """Forget idempotency keys that are over their time; return how many."""
        return await self.store.purge_keys(before=self.clock.now() - KEPT * SECOND)

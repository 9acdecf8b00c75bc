"""What time itself demands: expiry, answers that never came, old keys."""

import asyncio

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.changes import Changes
from pushserver.model.idempotency import KEPT
from pushserver.model.lane import Lane
from pushserver.model.turns import look_after
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past


@attrs.define(eq=False)
class Upkeep:
    """Looks after lanes whose time has come."""

    store: Store
    clock: Clock
    _jump: int = attrs.field(default=0, init=False)
    _jump_of_tasks: int = attrs.field(default=0, init=False)

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
        """
        Move deadlines along when the wall clock has jumped.

        Raises:
            Unavailable: the store is away; they will be moved the next time.
        """
        jump = self.clock.catch_up()
        self._jump += jump
        self._jump_of_tasks += jump
        if self._jump:
            await self.store.shift(self._jump)
            self._jump = 0
        if self._jump_of_tasks and self.store.leads:
            now = self.clock.now()
            await self.store.tasks.shift_tasks(self._jump_of_tasks, now=now)
        self._jump_of_tasks = 0

    async def _look_after(self, device_id: int) -> int:
        def decide(lane: Lane, changes: Changes, _past: Past) -> int:
            before = len(changes.moves)
            look_after(lane, changes, now=self.clock.now())
            return len(changes.moves) - before

        return await self.store.change(device_id, decide)

    async def old_keys(self) -> int:
        """Forget idempotency keys that are over their time; return how many."""
        return await self.store.purge_keys(before=self.clock.now() - KEPT * SECOND)

"""Carries tasks out: who begins next, when to pause, and when it is over."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.task import Counts, Task, TaskState
from pushserver.services.operations import BATCH, Operations
from pushserver.storage.base import Store
from pushserver.storage.deciding import NO_DEVICE, Past

#: Of one task so many batches are moved before the next task has its turn.
TURN = 10
#: How long between two looks for devices that are gone.
LOOK = 10 * SECOND
#: Nobody takes so long to write a task's operations.
PREPARING = 600 * SECOND
_LATE = "The device did not come in time, or is gone."


@attrs.define(eq=False)
class Rollout:
    """
    Looks after every task that has not ended. `hold` is the server's, microseconds.

    An operation begins when its device is there: a device that is away holds no place
    of those that may run at once. `wanted` is set when there may be something to do.
    Whoever changes a task's course does it while nobody else moves one: no batch is
    under way then.
    """

    store: Store
    operations: Operations
    clock: Clock
    hold: int
    wanted: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _preparing: set[int] = attrs.field(factory=set, init=False)
    _looked_at: dict[int, int] = attrs.field(factory=dict, init=False)

    @contextmanager
    def preparing(self, task_id: int) -> Iterator[None]:
        """Let a task be while its operations are being written."""
        self._preparing.add(task_id)
        try:
            yield
        finally:
            self._preparing.discard(task_id)

    def look(self, changes: Changes) -> None:
        """Notice in what was written that an operation of a task has ended."""
        for operation in changes.operations.values():
            if operation.task_id is not None and not operation.is_running:
                self.wanted.set()

    async def advance(self) -> int:
        """Move every task on; return how many operations began or ended by that."""
        self.wanted.clear()
        done = 0
        for task in await self.store.tasks.active_tasks():
            if task.state is TaskState.CANCELED:
                done += await self.cancel(task)
            elif task.state is TaskState.RUNNING:
                done += await self._advance(task)
            elif task.state is TaskState.PREPARING:
                done += await self._drop(task)
            await self._finish(task)
        return done

    async def _drop(self, task: Task) -> int:
        """Drop a task that was left half written: nobody was told of it."""
        done = 0
        if self.store.is_shared and task.created_at + PREPARING > self.clock.now():
            # Another server may be at it.
            return done
        while task.id not in self._preparing:
            done += 1
            if await self.store.tasks.drop_task(task.id, limit=BATCH):
                break
        return done

    async def _finish(self, task: Task) -> None:
        """End the task when all of its operations have."""
        counts = await self.store.tasks.count_task(task.id)
        if counts.over < counts.total:
            return

        def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
            changes.finish(task, counts, self.clock.now())

        await self.store.change(NO_DEVICE, decide)
        self._looked_at.pop(task.id, None)

    async def _advance(self, task: Task) -> int:
        done = 0
        for _ in range(TURN):
            async with self.store.tasks.moving():
                moved = await self._move(task)
            if not moved:
                return done
            done += moved
        self.wanted.set()
        return done

    async def _move(self, known: Task) -> int:
        """Move one batch, by how the task stands now; return how many were moved."""
        task = await self.store.tasks.find_task(known.scope_id, known.id)
        if task is None or task.state is not TaskState.RUNNING:
            return 0
        ended = await self._give_up(task)
        if ended:
            return ended
        counts = await self.store.tasks.count_task(task.id)
        if self._has_failed(task, counts):
            await self._pause(task)
            return 0
        return await self._begin(task, counts)

    def _has_failed(self, task: Task, counts: Counts) -> bool:
        failures = counts.failures - task.forgiven
        limit = task.stop_after
        return limit is not None and limit.reached(failures, counts.total)

    async def _pause(self, task: Task) -> None:
        paused = attrs.evolve(task, state=TaskState.PAUSED)
        await self.store.tasks.move_task(task, paused)

    async def _begin(self, task: Task, counts: Counts) -> int:
        """Queue the first step on devices that are there, as far as there is room."""
        room = BATCH
        if task.concurrency is not None:
            room = min(room, task.concurrency - counts.running)
        if room <= 0 or not counts.waiting:
            return 0
        first = await self.store.tasks.startable(
            task.id, now=self.clock.now(), hold=self.hold, limit=room
        )
        return await self.operations.queue_steps(first)

    async def _give_up(self, task: Task) -> int:
        """End a batch of what has waited for too long, or now and then of the gone."""
        now = self.clock.now()
        late = task.expires_at <= now
        if not late and abs(now - self._looked_at.get(task.id, 0)) < LOOK:
            return 0
        hopeless = await self.store.tasks.hopeless(
            task.id, late=late, now=now, hold=self.hold, limit=BATCH
        )
        if not hopeless:
            self._looked_at[task.id] = now
        return await self._end(hopeless, _LATE, late=True)

    async def cancel(self, task: Task) -> int:
        """Cancel every operation of *task* that has not ended; return how many."""
        done = 0
        while unended := await self.store.tasks.unended(task.id, limit=BATCH):
            done += await self._end(unended, "The task was canceled.")
        return done

    async def _end(
        self, operations: Sequence[Operation], why: str, *, late: bool = False
    ) -> int:
        end = self.operations.end
        await asyncio.gather(*(end(each, why, late=late) for each in operations))
        return len(operations)

"""Runs tasks: starts their operations, pauses and finishes them."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count, zip_longest

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.actor import SERVER, Actor
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.services.lanes import Lanes
from pushserver.services.next_steps import BATCH_SIZE, NextSteps
from pushserver.services.operations import Operations
from pushserver.storage.base import Store
from pushserver.storage.commands import NO_DEVICE, PriorState

#: The most batches of one task before the next task.
MAX_BATCHES = 10
#: Seconds after which tasks that were made meanwhile have their turn, too.
ROUND_TIME = 1.0
#: Microseconds between two checks for devices that are gone.
GONE_CHECK_INTERVAL = 10 * SECOND
#: Microseconds after which a task that is still PREPARING counts as abandoned.
PREPARE_TIMEOUT = 600 * SECOND
_LATE_REASON = "The device did not come in time, or is gone."


@attrs.define(eq=False)
class TaskScheduler:
    """
    Advances every task that has not ended. `default_hold` is the server's, in
    microseconds.

    An operation starts when its device is online, so an absent device takes no slot of
    the task's concurrency. `wakeup` is set when there may be something to do. Canceling
    and retrying a task takes the same lock as advancing it, so no batch is under way.
    """

    store: Store
    lanes: Lanes
    operations: Operations
    next_steps: NextSteps
    clock: Clock
    default_hold: int
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _preparing_ids: set[int] = attrs.field(factory=set, init=False)
    _checked_at: dict[int, int] = attrs.field(factory=dict, init=False)
    #: When each task had its last turn: the number of that.
    _turns: dict[int, int] = attrs.field(factory=dict, init=False)
    _next_turn: Callable[[], int] = attrs.field(
        factory=lambda: count(1).__next__, init=False
    )

    @contextmanager
    def preparing(self, task_id: int) -> Iterator[None]:
        """Leave the task alone during the block, which writes its operations."""
        self._preparing_ids.add(task_id)
        try:
            yield
        finally:
            self._preparing_ids.discard(task_id)

    def on_tasks_due(self, _notice: ChangeNotice) -> None:
        """Advance tasks soon."""
        self.wakeup.set()

    async def advance(self) -> int:
        """Advance every task; return how many operations were started or ended."""
        self.wakeup.clear()
        done = 0
        ends_at = time.monotonic() + ROUND_TIME
        for task in self._in_turn(await self.store.tasks.active_tasks()):
            if self.store.is_closing_soon:
                break
            self._turns[task.id] = self._next_turn()
            moved = await self._take_turn(task)
            await self._finish(task)
            done += moved
            if moved and time.monotonic() >= ends_at:
                # Those who have made a task since have their turn, too.
                self.wakeup.set()
                break
        return done

    def _in_turn(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Return *tasks* as scopes, and the tasks of each, take turns."""
        self._turns = {each.id: self._turns.get(each.id, 0) for each in tasks}
        by_scope: dict[int, list[Task]] = {}
        for task in sorted(tasks, key=lambda each: self._turns[each.id]):
            by_scope.setdefault(task.scope_id, []).append(task)
        scopes = sorted(by_scope.values(), key=lambda of: self._turns[of[-1].id])
        for each in zip_longest(*scopes):
            yield from filter(None, each)

    async def _take_turn(self, task: Task) -> int:
        """Advance a task by some batches; return how many operations that moved."""
        if task.state is TaskState.CANCELED:
            moved = await self.cancel(task, up_to=MAX_BATCHES * BATCH_SIZE)
            if moved:
                self.wakeup.set()
            return moved
        if task.state is TaskState.RUNNING:
            return await self._advance(task)
        if task.state is TaskState.PREPARING:
            return await self._drop_unfinished(task)
        return 0

    async def _drop_unfinished(self, task: Task) -> int:
        """Delete a task that was only half written; its program got no answer."""
        done = 0
        if (
            self.store.is_shared
            and task.created_at + PREPARE_TIMEOUT > self.clock.now()
        ):
            # Another server may be writing its operations.
            return done
        while task.id not in self._preparing_ids and not self.store.is_closing_soon:
            done += 1
            if await self.store.tasks.delete_preparing_task(task.id, limit=BATCH_SIZE):
                break
        return done

    async def _finish(self, task: Task) -> None:
        """End the task when all of its operations have."""
        counts = await self.store.tasks.operation_counts(task.id)
        if counts.finished < counts.total:
            return

        def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
            changes.finish_task(task, counts, changes.now)

        await self.lanes.change(NO_DEVICE, decide)
        self._checked_at.pop(task.id, None)

    async def _advance(self, task: Task) -> int:
        done = 0
        for _ in range(MAX_BATCHES):
            if self.store.is_closing_soon:
                break
            async with self.store.tasks.lock():
                moved = await self._advance_batch(task)
            if not moved:
                return done
            done += moved
        self.wakeup.set()
        return done

    async def _advance_batch(self, stale_task: Task) -> int:
        """Advance one batch, by the task's stored state; return how many operations."""
        task = await self.store.tasks.find_task(stale_task.scope_id, stale_task.id)
        if task is None or task.state is not TaskState.RUNNING:
            return 0
        ended = await self._end_unreachable(task)
        if ended:
            return ended
        counts = await self.store.tasks.operation_counts(task.id)
        if self._is_over_failure_limit(task, counts):
            await self._pause(task)
            return 0
        return await self._start_operations(task, counts)

    def _is_over_failure_limit(self, task: Task, counts: OperationCounts) -> bool:
        failures = counts.failures - task.ignored_failures
        limit = task.stop_after
        return limit is not None and limit.reached(failures, counts.total)

    async def _pause(self, task: Task) -> None:
        paused = attrs.evolve(task, state=TaskState.PAUSED)
        await self.store.tasks.update_task_if_unchanged(task, paused)

    async def _start_operations(self, task: Task, counts: OperationCounts) -> int:
        """Queue the first step on online devices, within the task's concurrency."""
        free_slots = BATCH_SIZE
        if task.concurrency is not None:
            free_slots = min(free_slots, task.concurrency - counts.running)
        if free_slots <= 0 or not counts.waiting:
            return 0
        first_steps = await self.store.tasks.startable_steps(
            task.id, now=self.clock.now(), hold=self.default_hold, limit=free_slots
        )
        return await self.next_steps.queue_steps(first_steps)

    async def _end_unreachable(self, task: Task) -> int:
        """End a batch of operations that expired, or whose devices are gone."""
        now = self.clock.now()
        has_expired = task.expires_at <= now
        if (
            not has_expired
            and abs(now - self._checked_at.get(task.id, 0)) < GONE_CHECK_INTERVAL
        ):
            return 0
        unreachable = await self.store.tasks.unreachable_operations(
            task.id,
            include_offline=has_expired,
            now=now,
            hold=self.default_hold,
            limit=BATCH_SIZE,
        )
        if not unreachable:
            self._checked_at[task.id] = now
        return await self._end_operations(unreachable, _LATE_REASON, late=True)

    async def cancel(self, task: Task, *, up_to: int | None = None) -> int:
        """
        Cancel every operation of *task* that has not ended; return how many.

        With *up_to*, no more than about so many; the others when tasks are advanced.
        When the server stops, the next start cancels the rest.
        """
        done = 0
        while (up_to is None or done < up_to) and not self.store.is_closing_soon:
            # Of those who cancel it at the same time, one has a batch.
            async with self.store.tasks.lock():
                ended = await self._cancel_batch(task)
            if not ended:
                break
            done += ended
        return done

    async def _cancel_batch(self, task: Task) -> int:
        find = self.store.tasks.unfinished_operations
        unended = await find(task.id, limit=BATCH_SIZE)
        reason = "The task was canceled."
        return await self._end_operations(unended, reason, by=task.canceled_by)

    async def _end_operations(
        self,
        operations: Sequence[Operation],
        reason: str,
        *,
        late: bool = False,
        by: Actor = SERVER,
    ) -> int:
        end = partial(
            self.operations.end, reason=reason, late=late, by=by, is_of_task=True
        )
        await asyncio.gather(*map(end, operations))
        return len(operations)

"""Tasks as programs see them: show, pause, resume, cancel, retry."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import attrs

from pushserver.clock import Clock
from pushserver.errors import BodyDeleted, Conflict, NotFound, Unavailable
from pushserver.model.actor import NOBODY, SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry
from pushserver.model.ids import IdGenerator
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.open_bounds import OpenBounds
from pushserver.services.task_audit import task_entry
from pushserver.services.task_scheduler import TaskScheduler
from pushserver.storage.base import Store

#: Operations that a call ends which cancels their task; the scheduler ends the others.
MAX_CANCELED_AT_ONCE = 10_000
_ACTIVE_STATES = (TaskState.RUNNING, TaskState.PAUSED)


@attrs.frozen
class _Failed:
    """The operations of a task with these statuses that were there before an id."""

    task_id: int
    statuses: frozenset[OperationStatus]
    before_id: int


@attrs.define(eq=False)
class Tasks:
    """Changes the state of tasks; `scheduler` carries them out."""

    store: Store
    clock: Clock
    ids: IdGenerator
    scheduler: TaskScheduler
    open_bounds: OpenBounds

    async def get(self, scope_id: int, task_id: int) -> tuple[Task, OperationCounts]:
        """
        Return one task and the counts of its operations.

        Raises:
            NotFound: there is none.
        """
        task = await self.store.tasks.find_task(scope_id, task_id)
        if task is None:
            raise NotFound(f"There is no task {task_id}.")
        return task, await self.store.tasks.operation_counts(task_id)

    async def pause(
        self, scope_id: int, task_id: int, actor: Actor = SERVER
    ) -> tuple[Task, OperationCounts]:
        """
        Start no further operation until `resume`; running ones continue.

        Raises:
            NotFound: there is none.
            Conflict: it is not running.
        """
        task, _ = await self.get(scope_id, task_id)
        paused = attrs.evolve(task, state=TaskState.PAUSED)
        entry = task_entry(task, actor, AuditAction.TASK_PAUSE)
        await self._change_state(task, paused, entry, TaskState.RUNNING)
        return await self.get(scope_id, task_id)

    async def resume(
        self, scope_id: int, task_id: int, actor: Actor = SERVER
    ) -> tuple[Task, OperationCounts]:
        """
        Continue; earlier failures no longer count, and the expiry starts again.

        Raises:
            NotFound: there is none.
            Conflict: it is not paused.
        """
        task, counts = await self.get(scope_id, task_id)
        resumed = self._resumed(task, counts.failures)
        entry = task_entry(task, actor, AuditAction.TASK_RESUME)
        await self._change_state(task, resumed, entry, TaskState.PAUSED)
        return await self.get(scope_id, task_id)

    def _resumed(self, task: Task, failures: int) -> Task:
        return attrs.evolve(
            task,
            state=TaskState.RUNNING,
            ignored_failures=failures,
            expires_at=self.clock.now() + task.expires_in,
            ended_at=None,
            canceled_by=NOBODY,
        )

    async def cancel(
        self, scope_id: int, task_id: int, actor: Actor = SERVER
    ) -> tuple[Task, OperationCounts]:
        """
        Cancel all waiting operations; steps in flight run to their end.

        Of very many, those that are left are canceled soon after. A task that is
        canceled already stays as it is.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        task, counts = await self.get(scope_id, task_id)
        if task.state is TaskState.CANCELED:
            return task, counts
        canceled = attrs.evolve(task, state=TaskState.CANCELED, canceled_by=actor)
        entry = task_entry(task, actor, AuditAction.TASK_CANCEL)
        await self._change_state(task, canceled, entry, *_ACTIVE_STATES)
        # It is canceled now: if the store goes away, the scheduler does the rest.
        with suppress(Unavailable):
            await self.scheduler.cancel(canceled, up_to=MAX_CANCELED_AT_ONCE)
        return await self.get(scope_id, task_id)

    async def _change_state(
        self, before: Task, after: Task, entry: AuditEntry, *states: TaskState
    ) -> None:
        async with self.store.tasks.lock():
            moved = (
                before.state in states
                and await self.store.tasks.update_task_if_unchanged(
                    before, after, audit=[entry]
                )
            )
        if not moved:
            current, _ = await self.get(before.scope_id, before.id)
            raise Conflict(
                f"Task {current.id} is {current.state}; it must be"
                f" {' or '.join(states)}."
            )
        self.scheduler.wakeup.set()

    async def retry(
        self,
        scope_id: int,
        task_id: int,
        actor: Actor = SERVER,
        *,
        include_unknown: bool,
    ) -> tuple[Task, OperationCounts]:
        """
        Retry failed operations, with *include_unknown* also those of unknown outcome.

        A new operation replaces each of them in the task; the old one stays unchanged.
        Afterwards the task is running, even if it was paused. Of very many, a batch is
        retried at a time: other tasks have their turn.

        Raises:
            NotFound: there is none.
            Conflict: it is being canceled.
            BodyDeleted: the body of one of its steps is gone.
            LimitReached: it has ended, and too many others have not.
        """
        statuses = {OperationStatus.FAILED}
        if include_unknown:
            statuses.add(OperationStatus.STALE)
        # What is retried here, and fails meanwhile, is not retried again.
        failed = _Failed(task_id, frozenset(statuses), before_id=self.ids())
        async with self.store.tasks.lock():
            task, counts = await self.get(scope_id, task_id)
            await self._require_retryable(task)
            async with self._reopening(task):
                has_more = await self._retry_batch(
                    self._resumed(task, counts.failures),
                    failed,
                    actor,
                    [task_entry(task, actor, AuditAction.TASK_RETRY)],
                )
        if has_more:
            while await self._retry_more(scope_id, failed, actor):
                pass
            forgiven = 0 if include_unknown else counts.stale
            await self._forgive(scope_id, task_id, forgiven)
        self.scheduler.wakeup.set()
        return await self.get(scope_id, task_id)

    async def _require_retryable(self, task: Task) -> None:
        if task.state is TaskState.CANCELED and task.ended_at is None:
            raise Conflict(f"Task {task.id} is being canceled.")
        if await self.store.bodies.has_deleted_step(task.id):
            raise BodyDeleted(f"The bodies of task {task.id} were deleted.")

    @asynccontextmanager
    async def _reopening(self, task: Task) -> AsyncIterator[None]:
        """Require room for *task* if it has ended; the block lets it run again."""
        if task.ended_at is None:
            yield
            return
        async with self.open_bounds.adding_task(task.scope_id) as room:
            room.require()
            yield

    async def _retry_more(self, scope_id: int, failed: _Failed, actor: Actor) -> bool:
        """Retry a batch, in its turn, unless the task was canceled meanwhile."""
        async with self.store.tasks.lock():
            task, counts = await self.get(scope_id, failed.task_id)
            if task.state is TaskState.CANCELED:
                return False
            if task.state not in _ACTIVE_STATES:
                # All that was retried before has ended already.
                task = self._resumed(task, counts.failures)
            return await self._retry_batch(task, failed, actor, [])

    async def _retry_batch(
        self, task: Task, failed: _Failed, actor: Actor, audit: Sequence[AuditEntry]
    ) -> bool:
        """Retry some of what *failed*, and save *task*; tell whether there was any."""
        find = self.store.tasks.retryable_operations
        found = await find(task.id, failed.statuses, limit=BATCH_SIZE)
        old = [each for each in found if each.id < failed.before_id]
        if old:
            new = [(operation, self._retry_of(operation, actor)) for operation in old]
            await self.store.tasks.replace_operations(task, new, audit)
        return bool(old)

    async def _forgive(self, scope_id: int, task_id: int, failures: int) -> None:
        """Count no more than so many failures as known before; while retrying, all."""
        async with self.store.tasks.lock():
            task, _ = await self.get(scope_id, task_id)
            forgiving = attrs.evolve(task, ignored_failures=failures)
            await self.store.tasks.update_task_if_unchanged(task, forgiving)

    def _retry_of(self, old: Operation, actor: Actor) -> Operation:
        now = self.clock.now()
        return Operation(
            id=self.ids(),
            scope_id=old.scope_id,
            device_id=old.device_id,
            task_id=old.task_id,
            created_at=now,
            created_by=old.created_by if actor is SERVER else actor,
            modified_at=now,
            descriptor=old.descriptor,
            on_failure=old.on_failure,
            step_count=old.step_count,
        )

"""Tasks; each device of a task has an operation."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.command import Command, Result
from pushserver.model.command_request import Step
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.model.upgrade import Upgrade
from pushserver.storage.operations import DueStep


@attrs.frozen
class TaskFilter:
    """Which tasks or upgrades; None, or no states, means any."""

    states: frozenset[TaskState] = frozenset()
    name: str | None = None
    created_by: int | None = None


ANY_TASK = TaskFilter()


@attrs.frozen(kw_only=True)
class TaskOperation:
    """
    An operation of a task, and what tells why it did not succeed.

    `command` is that of the step which decided it, without its order, and `result` what
    the device answered, if that is short; without such a step, `message` is what was
    notified last.
    """

    operation: Operation
    command: Command | None = None
    result: Result | None = None
    message: str | None = None


class TaskStore(Protocol):
    """Tasks, and which of their operations can start."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return the lock that lets one caller, on one server, advance tasks."""

    async def add_task(
        self, task: Task, steps: Sequence[Step], upgrade: Upgrade | None = None
    ) -> None:
        """
        Add a task and its steps, and the terms that make it an *upgrade*.

        Raises:
            NotFound: its scope was deleted meanwhile.
        """

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        """Add operations that have not started."""

    async def replace_operations(
        self,
        task: Task,
        replacements: Sequence[tuple[Operation, Operation]],
        audit: Sequence[AuditEntry] = (),
    ) -> None:
        """
        Replace operations that have not changed since, given as (old, new).

        Write the state of their *task* and *audit*, too.
        """

    async def update_task_if_unchanged(
        self,
        before: Task,
        after: Task,
        *,
        key_use: IdempotencyRecord | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        """
        Compare and set: write the state *after* if the task still equals *before*.

        Store *key_use* with it; if that key is in use by then, the task is not written.
        Return whether it was.
        """

    async def delete_preparing_task(self, task_id: int, *, limit: int) -> bool:
        """
        Delete at most *limit* operations of a PREPARING task; then the task itself.

        Return whether no such task is left.
        """

    async def find_task(self, scope_id: int, task_id: int) -> Task | None:
        """Return one task that is not PREPARING."""

    async def tasks(
        self,
        scope_id: int,
        task_filter: TaskFilter = ANY_TASK,
        *,
        before: int | None,
        limit: int,
    ) -> Sequence[Task]:
        """List tasks that are not PREPARING, newest first, with ids below *before*."""

    async def active_tasks(self) -> Sequence[Task]:
        """Return every task that has not ended, also PREPARING ones."""

    async def count_active(self, scope_id: int) -> int:
        """Count the scope's tasks that have not ended, also PREPARING ones."""

    async def operation_counts(self, task_id: int) -> OperationCounts:
        """Count a task's operations by status, without retried ones."""

    async def task_operations(
        self,
        task_id: int,
        statuses: frozenset[OperationStatus] = frozenset(),
        *,
        after: int,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[TaskOperation]:
        """
        List the operations of a task with one of *statuses*, none given: any.

        Oldest first, with ids above *after*; retried ones are left out. *device_ids*
        are the devices of which they may be; None means any.
        """

    async def startable_steps(
        self, task_id: int, *, now: int, hold: int, limit: int
    ) -> Sequence[DueStep]:
        """
        Return the first steps of operations whose devices are online.

        For `Device.is_online`; *hold* is the server's default.
        """

    async def unreachable_operations(
        self, task_id: int, *, include_offline: bool, now: int, hold: int, limit: int
    ) -> Sequence[Operation]:
        """
        Return operations that have not started and whose device is no longer in the
        scope, or with *include_offline* also those whose device is offline.
        """

    async def unfinished_operations(
        self, task_id: int, *, limit: int
    ) -> Sequence[Operation]:
        """Return operations that have not ended and are not canceled."""

    async def retryable_operations(
        self, task_id: int, statuses: frozenset[OperationStatus], *, limit: int
    ) -> Sequence[Operation]:
        """Return ended operations with these statuses that are not retried yet."""

    async def find_idempotency_key(
        self, key: IdempotencyKey
    ) -> IdempotencyRecord | None:
        """Return how an idempotency key was used."""

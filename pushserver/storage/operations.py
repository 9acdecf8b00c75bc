"""The promise of every store for operations, their notifications, and tasks."""

import enum
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from pushserver.model.command_request import Step
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.operation import Notification, Operation, OperationStatus
from pushserver.model.state import CommandState
from pushserver.model.task import OperationCounts, Task
from pushserver.model.upgrade import Upgrade


class SortField(enum.StrEnum):
    """
    By what a page is sorted: operations then by id, notifications by time and id.

    What is absent comes first. An operation that waits counts as STARTED when created.
    """

    ID = "id"
    CREATED = "created_at"
    CREATED_BY = "created_by"
    SENT = "sent_at"
    STATUS = "status"
    RESOURCE = "resource"
    PROGRESS = "progress"
    MESSAGE = "message"
    MODIFIED = "modified_at"
    STARTED = "started_at"
    ENDED = "ended_at"
    ACTION = "action"
    APP = "app_id"
    VERSION = "version"


@attrs.frozen(kw_only=True)
class PageRequest:
    """Which part of a sorted list is wanted."""

    offset: int = 0
    limit: int = 50
    sort: SortField = SortField.SENT
    descending: bool = False


@attrs.frozen(kw_only=True)
class OperationFilter:
    """Which operations to list; None means any."""

    device_id: int | None = None
    task_id: int | None = None
    status: OperationStatus | None = None
    resource: str | None = None
    exclude_retried: bool = False  # only those whose place no other took


@attrs.frozen
class StepRecord:
    """A step, and the command that it became."""

    step: Step
    command_id: int | None = None
    state: CommandState | None = None


@attrs.frozen
class DueStep:
    """A step whose command is to be made."""

    operation_id: int
    device_id: int
    owner_id: int
    number: int


class OperationStore(Protocol):
    """
    Operations, read. They are written by decisions on their devices' lanes.

    A list under an operation that does not exist is empty.
    """

    async def find_operation(
        self, scope_id: int, operation_id: int
    ) -> Operation | None:
        """Return one operation."""

    async def operations(
        self,
        scope_id: int,
        criteria: OperationFilter,
        *,
        before: int | None,
        limit: int,
    ) -> Sequence[Operation]:
        """List operations, newest first, with ids below *before*."""

    async def operations_page(
        self, scope_id: int, criteria: OperationFilter, page: PageRequest
    ) -> Sequence[Operation]:
        """List operations by place."""

    async def count_operations(self, scope_id: int, criteria: OperationFilter) -> int:
        """Count operations."""

    async def step_records(self, operation: Operation) -> Sequence[StepRecord]:
        """Return an operation's steps with what became of them, without bodies."""

    async def steps(self, keys: Sequence[tuple[int, int]]) -> Sequence[Step]:
        """Return steps by (owner, number), those that are there."""

    async def due_steps(self, *, limit: int) -> Sequence[DueStep]:
        """Return steps whose operation goes on with them, oldest operations first."""

    async def find_notification(
        self, scope_id: int, operation_id: int, notification_id: int
    ) -> Notification | None:
        """Return one notification of the operation."""

    async def notifications(
        self, scope_id: int, operation_id: int, *, after: int, limit: int
    ) -> Sequence[Notification]:
        """List notifications in the order they were made, with ids above *after*."""

    async def notifications_page(
        self, scope_id: int, operation_id: int, resource: str | None, page: PageRequest
    ) -> Sequence[Notification]:
        """List notifications by place; the thousandth page costs little more."""

    async def count_notifications(
        self, scope_id: int, operation_id: int, resource: str | None
    ) -> int:
        """Count notifications."""

    async def delete_notifications(
        self, scope_id: int, operation_id: int, ids: Sequence[int] | None, *, limit: int
    ) -> int:
        """Delete those with *ids*, or any if None, at most *limit*; return how many."""


class TaskStore(Protocol):
    """Tasks, kept; each device's part is an operation."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else, on any server, moves tasks on; keep it so."""

    async def add_task(
        self, task: Task, steps: Sequence[Step], upgrade: Upgrade | None = None
    ) -> None:
        """Keep a task and its steps, and what makes it an *upgrade*."""

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        """Keep operations that have not begun."""

    async def replace_operations(
        self, task: Task, replacements: Sequence[tuple[Operation, Operation]]
    ) -> None:
        """
        Keep operations in the place of others that still stand as they did.

        Each comes after the one it replaces. Write where their *task* stands, too.
        """

    async def update_task_if_unchanged(
        self, before: Task, after: Task, *, key_use: IdempotencyRecord | None = None
    ) -> bool:
        """
        Write where the task stands *after*, if it still stood as *before*.

        Tell whether it did. *key_use* is kept along with it; if it is in use by then,
        the task stays as it is.
        """

    async def shift_task_deadlines(self, jump: int, *, now: int) -> None:
        """
        Move the deadlines of tasks along with a wall clock that jumped to *now*.

        What is planned for an instant that has not come stays planned for it.
        """

    async def delete_preparing_task(self, task_id: int, *, limit: int) -> bool:
        """
        Delete a task that is PREPARING: at most *limit* of its operations, then it.

        Tell whether no such task is left.
        """

    async def find_task(self, scope_id: int, task_id: int) -> Task | None:
        """Return one task that is prepared."""

    async def tasks(
        self, scope_id: int, *, before: int | None, limit: int
    ) -> Sequence[Task]:
        """List prepared tasks, newest first, with ids below *before*."""

    async def active_tasks(self) -> Sequence[Task]:
        """Return every task that has not ended, also those being prepared."""

    async def operation_counts(self, task_id: int) -> OperationCounts:
        """Count a task's operations by how they stand, without retried ones."""

    async def startable_steps(
        self, task_id: int, *, now: int, hold: int, limit: int
    ) -> Sequence[DueStep]:
        """
        Return first steps on devices that are there.

        A device is there when it polled within three of its periods, or half a minute,
        and the time for which its polls are held (the server's *hold* unless it has its
        own).
        """

    async def unreachable_operations(
        self, task_id: int, *, include_offline: bool, now: int, hold: int, limit: int
    ) -> Sequence[Operation]:
        """
        Return what has not begun and whose device is gone, or away if
        *include_offline*.
        """

    async def unfinished_operations(
        self, task_id: int, *, limit: int
    ) -> Sequence[Operation]:
        """Return operations that run, or wait, and were not canceled."""

    async def retryable_operations(
        self, task_id: int, statuses: frozenset[OperationStatus], *, limit: int
    ) -> Sequence[Operation]:
        """Return ended operations with these statuses whose place nobody took."""

    async def find_idempotency_key(
        self, key: IdempotencyKey
    ) -> IdempotencyRecord | None:
        """Return how an idempotency key was used."""

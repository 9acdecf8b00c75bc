"""Operations and their steps."""

import enum
from collections.abc import Sequence
from typing import Protocol

import attrs

from pushserver.model.command_request import Step
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.state import CommandState


class SortField(enum.StrEnum):
    """
    What a page is sorted by: then operations by id, notifications by time and id.

    NULL comes first. A waiting operation is sorted as if it started when created.
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
    """A page of a sorted list."""

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
    created_by: int | None = None
    exclude_retried: bool = False  # only those that no retry replaced


@attrs.frozen
class StepRecord:
    """A step, and its command."""

    step: Step
    command_id: int | None = None
    state: CommandState | None = None


@attrs.frozen
class DueStep:
    """A step whose command can be enqueued now; a token's id made its operation."""

    operation_id: int
    device_id: int
    owner_id: int
    number: int
    created_by: int


class OperationStore(Protocol):
    """Reading operations; decisions on their devices' lanes write them."""

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
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[Operation]:
        """
        List operations, newest first, with ids below *before*.

        *device_ids* are the devices of which they may be; None means any.
        """

    async def operations_page(
        self, scope_id: int, criteria: OperationFilter, page: PageRequest
    ) -> Sequence[Operation]:
        """List a page of sorted operations."""

    async def count_operations(self, scope_id: int, criteria: OperationFilter) -> int:
        """Count operations."""

    async def count_without_steps(self, scope_id: int, up_to: int) -> int:
        """Count the scope's operations without steps that run, at most *up_to*."""

    async def step_records(self, operation: Operation) -> Sequence[StepRecord]:
        """Return an operation's steps with their commands, without bodies."""

    async def steps(self, keys: Sequence[tuple[int, int]]) -> Sequence[Step]:
        """Return the steps with these (owner, number) that exist."""

    async def due_steps(self, *, limit: int) -> Sequence[DueStep]:
        """Return the next steps of running operations, oldest operations first."""

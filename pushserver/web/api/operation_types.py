"""The JSON of operations, their notifications and tasks, as types."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pushserver.model.operation import (
    MAX_STEPS,
    OnFailure,
    OperationAction,
    OperationStatus,
)
from pushserver.model.state import CommandState
from pushserver.model.task import TaskState
from pushserver.web.api.command_types import CommandSpecIn
from pushserver.web.api.device_types import DisplayName
from pushserver.web.api.types import (
    ActorOut,
    DeviceIdText,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
    Seconds,
)

Resource = Annotated[str, Meta(min_length=1, max_length=200)]
Progress = Annotated[int, Meta(ge=0, le=100)]
Properties = dict[
    Annotated[str, Meta(max_length=100)], Annotated[str, Meta(max_length=2000)]
]
#: Targets may be as many as the devices of a large installation.
MAX_DEVICES = 1_000_000


class StepIn(CommandSpecIn, kw_only=True):
    """One step: a command as an enqueue takes it, and what it is called."""

    resource: Resource | None = None


class _OperationSpecIn(In, kw_only=True):
    """What an operation and a task have in common."""

    steps: Annotated[list[StepIn], Meta(max_length=MAX_STEPS)] = msgspec.field(
        default_factory=list
    )
    on_failure: OnFailure = OnFailure.STOP
    resource: Resource | None = None
    action: OperationAction = OperationAction.EXECUTE
    app_id: Resource = "pushserver"
    properties: Properties | None = None


class OperationIn(_OperationSpecIn, kw_only=True):
    """An operation to begin. Without steps it is told of from outside alone."""

    device_id: int | str


class StepOut(Out, kw_only=True):
    """A step, and the command that it became."""

    resource: str | None = None
    verb: str
    endpoint: str
    query_string: str | None = None
    command_id: str | None = None
    state: CommandState | None = None


class OperationOut(Out, kw_only=True):
    """An operation; `steps` are shown where one is asked for."""

    id: str
    device_id: str
    task_id: str | None = None
    status: OperationStatus
    progress: int
    on_failure: OnFailure
    resource: str
    action: OperationAction
    app_id: str
    properties: dict[str, str] | UnsetType = UNSET
    created_at: Instant
    started_at: Instant | None = None
    ended_at: Instant | None = None
    modified_at: Instant
    created_by: ActorOut | None = None
    canceled_by: ActorOut | None = None
    step_count: int
    steps_done: int
    canceled: bool | UnsetType = UNSET
    retried: bool | UnsetType = UNSET
    steps: list[StepOut] | UnsetType = UNSET


class OperationsOut(PageOut[OperationOut], kw_only=True):
    """A page of operations, newest first."""


class OperationsQuery(In, kw_only=True):
    """Filters of a list of operations."""

    device_id: DeviceIdText | None = None
    task_id: Int64Text | None = None
    status: OperationStatus | None = None
    resource: str | None = None
    created_by: Int64Text | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None


class NotificationIn(In, kw_only=True):
    """Progress, as somebody outside the queue tells it."""

    progress: Progress
    status: OperationStatus = OperationStatus.RUNNING
    resource: Resource | None = None
    message: Annotated[str, Meta(max_length=2000)] | None = None
    sent_on: Annotated[datetime, Meta(tz=True)] | None = None


class NotificationOut(Out, kw_only=True):
    """Progress of an operation."""

    id: str
    operation_id: str
    created_on: Instant
    created_by: str
    sent_on: Instant
    status: OperationStatus
    resource: str | None = None
    progress: int
    message: str | None = None


class NotificationsOut(PageOut[NotificationOut], kw_only=True):
    """Notifications in the order they were made."""


class PageQuery(In, kw_only=True):
    """Where to go on."""

    limit: Limit = 50
    cursor: Int64Text | None = None


class TasksQuery(PageQuery, kw_only=True):
    """Filters of a list of tasks or upgrades."""

    created_by: Int64Text | None = None


class TargetsIn(In, kw_only=True):
    """Which devices are meant; exactly one of the three."""

    device_ids: Annotated[list[int | str], Meta(max_length=MAX_DEVICES)] | None = None
    tags: dict[str, str] | None = None
    all: bool | None = None


class TaskIn(_OperationSpecIn, kw_only=True):
    """The same operation on many devices; with `dryRun` only who would be hit."""

    targets: TargetsIn
    name: DisplayName | None = None
    concurrency: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] | None = None
    stop_after_failures: int | str | None = None
    expires_in: Seconds | None = None
    dry_run: bool = False


class OperationCountsOut(msgspec.Struct):
    """How many operations of a task stand how."""

    RUNNING: int
    COMPLETED: int
    FAILED: int
    STALE: int


class TaskOut(Out, kw_only=True):
    """
    A task and how far it is; `done` is the share of its devices, 0 to 1.

    `waiting` are those of the running ones that have not begun.
    """

    id: str
    name: str | None = None
    state: TaskState
    devices: int
    waiting: int
    counts: OperationCountsOut
    done: float
    on_failure: OnFailure
    resource: str
    action: OperationAction
    app_id: str
    properties: dict[str, str] | UnsetType = UNSET
    step_count: int
    concurrency: int | None = None
    stop_after_failures: int | str | None = None
    created_by: ActorOut | None = None
    canceled_by: ActorOut | None = None
    created_at: Instant
    expires_at: Instant
    ended_at: Instant | None = None


class TasksOut(PageOut[TaskOut], kw_only=True):
    """A page of tasks, newest first."""


class DryRunDeviceOut(Out, kw_only=True):
    """A device that would be hit, and when it should poll next."""

    device_id: str
    name: str | None = None
    online: bool
    last_seen_at: Instant | None = None
    expected_at: Instant | None = None


class DryRunOut(Out, kw_only=True):
    """Who would be hit; `items` are the first thousand of them."""

    dry_run: bool
    devices: int
    online: int
    device_ids: list[str]
    items: list[DryRunDeviceOut]


class RetryIn(In):
    """Whether to take also those of which nobody knows."""

    include_unknown: bool = False

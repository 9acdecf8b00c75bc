"""The JSON of operations and their notifications, as types."""

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
from pushserver.web.api.command_requests import CommandSpecIn
from pushserver.web.api.types import (
    MAX_ITEMS,
    ActorOut,
    CreatedBy,
    Cursor,
    DeviceIdIn,
    DeviceIdText,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
)

Resource = Annotated[str, Meta(min_length=1, max_length=200)]


Progress = Annotated[int, Meta(ge=0, le=100)]


Properties = Annotated[
    dict[Annotated[str, Meta(max_length=100)], Annotated[str, Meta(max_length=2000)]],
    Meta(max_length=MAX_ITEMS),
]


class StepIn(CommandSpecIn, kw_only=True):
    """One step: a command as an enqueue takes it, and what it is called."""

    resource: Resource | None = None
    """What the step is called in notifications."""


class OperationSpecIn(In, kw_only=True):
    """What an operation and a task have in common."""

    steps: Annotated[list[StepIn], Meta(max_length=MAX_STEPS)] = msgspec.field(
        default_factory=list
    )
    """What is to be done, one after the other."""
    on_failure: OnFailure = OnFailure.STOP
    """What follows on a step that failed."""
    resource: Resource | None = None
    """What the operation is called; left out, as its first step."""
    action: OperationAction = OperationAction.EXECUTE
    """A label for programs that read it."""
    app_id: Resource = "pushserver"
    """The program that asks; a label."""
    properties: Properties | None = None
    """Labels, by name."""


class OperationIn(OperationSpecIn, kw_only=True):
    """An operation to begin. Without steps, programs report its progress."""

    device_id: DeviceIdIn
    """The device."""


class StepOut(Out, kw_only=True):
    """A step, and the command that it became."""

    resource: str | None = None
    """What the step is called."""
    verb: str
    """The verb of its command."""
    endpoint: str
    """The endpoint of its command."""
    query_string: str | None = None
    """What is sent beside its body."""
    command_id: str | None = None
    """The command that it became."""
    state: CommandState | None = None
    """How far that command is."""


class OperationOut(Out, kw_only=True):
    """An operation; `steps` are shown where one is asked for."""

    id: str
    """The operation's id."""
    device_id: str
    """The device."""
    task_id: str | None = None
    """The task that it is a part of."""
    status: OperationStatus
    """How it stands."""
    progress: int
    """How far it is, in percent."""
    on_failure: OnFailure
    """What follows on a step that failed."""
    resource: str
    """What it is called."""
    action: OperationAction
    """A label."""
    app_id: str
    """The program that asked; a label."""
    properties: dict[str, str] | UnsetType = UNSET
    """Labels, by name."""
    created_at: Instant
    """When it was asked for."""
    started_at: Instant | None = None
    """When its first step was enqueued."""
    ended_at: Instant | None = None
    """When it ended."""
    modified_at: Instant
    """When it changed last."""
    created_by: ActorOut | None = None
    """Who asked for it."""
    canceled_by: ActorOut | None = None
    """Who canceled it."""
    step_count: int
    """How many steps it has."""
    steps_done: int
    """How many of them were successful."""
    canceled: bool | UnsetType = UNSET
    """Whether somebody canceled it."""
    retried: bool | UnsetType = UNSET
    """Whether another one was begun in its place."""
    steps: list[StepOut] | UnsetType = UNSET
    """Its steps; where one operation is shown."""


class OperationsOut(PageOut[OperationOut], kw_only=True):
    """A page of operations, newest first."""


class OperationsQuery(In, kw_only=True):
    """Filters of a list of operations."""

    device_id: DeviceIdText | None = None
    """Those on this device."""
    task_id: Int64Text | None = None
    """The parts of this task."""
    status: OperationStatus | None = None
    """Those that stand so."""
    resource: str | None = None
    """Those that are called so."""
    created_by: CreatedBy | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class NotificationIn(In, kw_only=True):
    """Progress, as a program reports it."""

    progress: Progress
    """How far the operation is, in percent."""
    status: OperationStatus = OperationStatus.RUNNING
    """How it stands."""
    resource: Resource | None = None
    """What this is about."""
    message: Annotated[str, Meta(max_length=2000)] | None = None
    """What is to be told."""
    sent_on: Annotated[datetime, Meta(tz=True)] | None = None
    """When it was so; left out, now."""


class NotificationOut(Out, kw_only=True):
    """Progress of an operation."""

    id: str
    """The notification's id."""
    operation_id: str
    """The operation."""
    created_on: Instant
    """When it was made."""
    created_by: str
    """Who told it."""
    sent_on: Instant
    """When it was so."""
    status: OperationStatus
    """How the operation stood."""
    resource: str | None = None
    """What it is about."""
    progress: int
    """How far the operation was, in percent."""
    message: str | None = None
    """What was told."""


class NotificationsOut(PageOut[NotificationOut], kw_only=True):
    """Notifications in the order they were made."""


class PageQuery(In, kw_only=True):
    """Where to go on."""

    limit: Limit = 50
    cursor: Cursor | None = None

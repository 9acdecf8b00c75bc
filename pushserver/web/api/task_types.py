"""The JSON of tasks, as types."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pushserver.model.operation import (
    MAX_STEPS,
    OnFailure,
    OperationAction,
    OperationStatus,
)
from pushserver.model.task import TaskState
from pushserver.web.api.device_types import DisplayName
from pushserver.web.api.operation_types import OperationSpecIn, PageQuery, StepIn
from pushserver.web.api.types import (
    ActorOut,
    CreatedBy,
    DeviceIdIn,
    In,
    Instant,
    Out,
    PageOut,
    Seconds,
    Tags,
)

#: The states in which programs see a task.
ShownTaskState = Literal["RUNNING", "PAUSED", "CANCELED", "COMPLETED"]
#: Targets may be as many as the devices of a large installation.
MAX_DEVICES = 1_000_000
#: A number from 1, or a percentage above 0 and up to 100.
_FAILURE_LIMIT = (
    "^([1-9][0-9]{0,6}"
    r"|([1-9][0-9]?(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9]|100)%)$"
)
FailureLimit = Annotated[
    int | str,
    Meta(extra_json_schema={"type": "string", "pattern": _FAILURE_LIMIT}),
]


class TasksQuery(PageQuery, kw_only=True):
    """Filters of a list of tasks or upgrades."""

    state: list[ShownTaskState] = msgspec.field(default_factory=list)
    """Those in one of these states."""
    name: DisplayName | None = None
    """Those that are called just this."""
    created_by: CreatedBy | None = None


class TargetsIn(In, kw_only=True):
    """Which devices are meant; exactly one of the three."""

    device_ids: Annotated[list[DeviceIdIn], Meta(max_length=MAX_DEVICES)] | None = None
    """These devices."""
    tags: Tags | None = None
    """The devices that have all of these tags."""
    all: bool | None = None
    """True: all devices."""


class TaskIn(OperationSpecIn, kw_only=True):
    """The same operation on many devices; with `dryRun` only which ones."""

    steps: Annotated[list[StepIn], Meta(min_length=1, max_length=MAX_STEPS)]
    """What is to be done, one after the other."""
    targets: TargetsIn
    """The devices."""
    name: DisplayName | None = None
    """What people call it."""
    concurrency: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] | None = None
    """How many devices work at once; left out, any number."""
    stop_after_failures: FailureLimit | None = None
    """The failures after which it pauses: `5`, or `5%` of the devices."""
    expires_in: Seconds | None = None
    """How many seconds to wait for devices that are away."""
    dry_run: bool = False
    """Whether only to tell which devices it would be."""


class OperationCountsOut(msgspec.Struct):
    """How many operations of a task are in each state."""

    RUNNING: int
    """Those that have not ended."""
    COMPLETED: int
    """Those that succeeded."""
    FAILED: int
    """Those that failed."""
    STALE: int
    """Those of which nobody knows."""


class DeviceFailureOut(Out, kw_only=True):
    """Why a task, or an upgrade, failed on one device."""

    device_id: str
    """The device."""
    sub_operation_id: str
    """Its operation."""
    error_code: str | None = None
    """The error's code."""
    error: str | None = None
    """What went wrong; for tokens that may read results."""


class TaskOut(Out, kw_only=True):
    """
    A task and how far it is; `done` is the share of its devices, 0 to 1.

    `waiting` are those of the running ones that have not begun. `failures` are shown
    where one is asked for, the first hundred of them; where there are more,
    `failuresCursor` tells where to go on in the list of its devices.
    """

    id: str
    """The task's id."""
    name: str | None = None
    """What people call it."""
    state: TaskState
    """Whether it goes on."""
    devices: int
    """How many devices it is for."""
    waiting: int
    """How many have not begun."""
    counts: OperationCountsOut
    """How many of its operations stand how."""
    done: float
    """The share of its devices that have ended."""
    on_failure: OnFailure
    """What follows on a step that failed."""
    resource: str
    """What its operations are called."""
    action: OperationAction
    """A label."""
    app_id: str
    """The program that asked; a label."""
    properties: dict[str, str] | UnsetType = UNSET
    """Labels, by name."""
    step_count: int
    """How many steps each device has."""
    concurrency: int | None = None
    """How many devices work at once."""
    stop_after_failures: int | str | None = None
    """The failures after which it pauses: a number, or `5%`."""
    created_by: ActorOut | None = None
    """Who asked for it."""
    canceled_by: ActorOut | None = None
    """Who canceled it."""
    created_at: Instant
    """When it was asked for."""
    expires_at: Instant
    """When devices that were away are given up."""
    ended_at: Instant | None = None
    """When it ended."""
    failures: list[DeviceFailureOut] | UnsetType = UNSET
    """The first hundred that are `FAILED` or `STALE`; where one task is shown."""
    failures_cursor: str | None = None
    """Where the list of its failed devices goes on, if there are more."""


class TasksOut(PageOut[TaskOut], kw_only=True):
    """A page of tasks, newest first."""


class DeviceTaskOut(Out, kw_only=True):
    """How far a task is on one device."""

    device_id: str
    """The device."""
    sub_operation_id: str
    """Its operation."""
    status: OperationStatus
    """How that stands."""
    progress: int
    """How far it is, in percent."""
    steps_done: int
    """How many of its steps have ended."""
    error_code: str | None = None
    """The error's code."""
    error: str | None = None
    """What went wrong; for tokens that may read results."""
    started_at: Instant | None = None
    """When it began; left out while it waits."""
    ended_at: Instant | None = None
    """When it ended."""


class DeviceTasksOut(PageOut[DeviceTaskOut], kw_only=True):
    """A page of a task's devices, in the order in which they were taken up."""


class DeviceTasksQuery(PageQuery, kw_only=True):
    """Filters of a task's devices."""

    status: list[OperationStatus] = msgspec.field(default_factory=list)
    """Those whose operation stands in one of these ways."""


class DryRunDeviceOut(Out, kw_only=True):
    """A device that it would be for, and when that should poll next."""

    device_id: str
    """The device."""
    name: str | None = None
    """What people call it, for who has `devices:read`."""
    online: bool
    """Whether it polls."""
    last_seen_at: Instant | None = None
    """When it polled last, for who has `devices:read`."""
    expected_at: Instant | None = None
    """When it should poll next."""


class DryRunOut(Out, kw_only=True):
    """Which devices it would be for; `items` are the first thousand of them."""

    dry_run: bool
    """True: nothing was done."""
    devices: int
    """How many devices it would be."""
    online: int
    """How many of them poll."""
    device_ids: list[str]
    """All of them."""
    items: list[DryRunDeviceOut]
    """The first thousand of them."""


class RetryIn(In):
    """Whether to retry also those whose outcome is unknown."""

    include_unknown: bool = False
    """Whether also what nobody knows the outcome of is done again."""

"""Types of the API: tasks.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from pushserver.client.types.commands import Actor
from pushserver.client.types.devices import TargetsInput
from pushserver.client.types.operations import (
    OnFailure,
    OperationAction,
    OperationStatus,
    StepInput,
)


class TaskOptions(TypedDict):
    """The fields of `TaskInput` that are no arguments."""

    onFailure: NotRequired[OnFailure]
    """What follows on a step that failed. Left out, it is `stop`."""
    resource: NotRequired[str]
    """What the operation is called; left out, as its first step."""
    action: NotRequired[OperationAction]
    """A label for programs that read it. Left out, it is `EXECUTE`."""
    appId: NotRequired[str]
    """The program that asks; a label. Left out, it is `pushserver`."""
    properties: NotRequired[Mapping[str, str]]
    """Labels, by name."""
    name: NotRequired[str]
    """What people call it."""
    concurrency: NotRequired[int]
    """How many devices work at once; left out, any number."""
    stopAfterFailures: NotRequired[str]
    """The failures after which it pauses: `5`, or `5%` of the devices."""
    expiresIn: NotRequired[float]
    """How many seconds to wait for devices that are away."""


class TaskInput(TaskOptions):
    """The same operation on many devices; with `dryRun` only which ones."""

    steps: Sequence[StepInput]
    """What is to be done, one after the other."""
    targets: TargetsInput
    """The devices."""
    dryRun: NotRequired[bool]
    """Whether only to tell which devices it would be. Left out, it is `false`."""


class DryRunDevice(TypedDict):
    """A device that it would be for, and when that should poll next."""

    deviceId: str
    """The device."""
    name: NotRequired[str]
    """What people call it, for who has `devices:read`."""
    online: bool
    """Whether it polls."""
    lastSeenAt: NotRequired[str]
    """When it polled last, for who has `devices:read`."""
    expectedAt: NotRequired[str]
    """When it should poll next."""


class DryRun(TypedDict):
    """Which devices it would be for; `items` are the first thousand of them."""

    dryRun: bool
    """True: nothing was done."""
    devices: int
    """How many devices it would be."""
    online: int
    """How many of them poll."""
    deviceIds: list[str]
    """All of them."""
    items: list[DryRunDevice]
    """The first thousand of them."""


TaskState = Literal["PREPARING", "RUNNING", "PAUSED", "CANCELED", "COMPLETED"]
"""
The state of a task. PREPARING: its operations are being written, and no program
knows its id yet. PAUSED and CANCELED start no operation; running ones continue, or
are canceled.
"""


class OperationCounts(TypedDict):
    """How many operations of a task are in each state."""

    RUNNING: int
    """Those that have not ended."""
    COMPLETED: int
    """Those that succeeded."""
    FAILED: int
    """Those that failed."""
    STALE: int
    """Those of which nobody knows."""


class DeviceFailure(TypedDict):
    """Why a task, or an upgrade, failed on one device."""

    deviceId: str
    """The device."""
    subOperationId: str
    """Its operation."""
    errorCode: NotRequired[str]
    """The error's code."""
    error: NotRequired[str]
    """What went wrong; for tokens that may read results."""


class Task(TypedDict):
    """
    A task and how far it is; `done` is the share of its devices, 0 to 1. `waiting` are
    those of the running ones that have not begun. `failures` are shown where one is
    asked for, the first hundred of them; where there are more, `failuresCursor` tells
    where to go on in the list of its devices.
    """

    id: str
    """The task's id."""
    name: NotRequired[str]
    """What people call it."""
    state: TaskState
    """Whether it goes on."""
    devices: int
    """How many devices it is for."""
    waiting: int
    """How many have not begun."""
    counts: OperationCounts
    """How many of its operations stand how."""
    done: float
    """The share of its devices that have ended."""
    onFailure: OnFailure
    """What follows on a step that failed."""
    resource: str
    """What its operations are called."""
    action: OperationAction
    """A label."""
    appId: str
    """The program that asked; a label."""
    properties: NotRequired[dict[str, str]]
    """Labels, by name."""
    stepCount: int
    """How many steps each device has."""
    concurrency: NotRequired[int]
    """How many devices work at once."""
    stopAfterFailures: NotRequired[Any]
    """The failures after which it pauses: a number, or `5%`."""
    createdBy: NotRequired[Actor]
    """Who asked for it."""
    canceledBy: NotRequired[Actor]
    """Who canceled it."""
    createdAt: str
    """When it was asked for."""
    expiresAt: str
    """When devices that were away are given up."""
    endedAt: NotRequired[str]
    """When it ended."""
    failures: NotRequired[list[DeviceFailure]]
    """The first hundred that are `FAILED` or `STALE`; where one task is shown."""
    failuresCursor: NotRequired[str]
    """Where the list of its failed devices goes on, if there are more."""


class Tasks(TypedDict):
    """A page of tasks, newest first."""

    items: list[Task]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListTasksQuery(TypedDict):
    """The query of `listTasks`."""

    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""
    state: NotRequired[
        Literal["CANCELED", "COMPLETED", "PAUSED", "RUNNING"]
        | Sequence[Literal["CANCELED", "COMPLETED", "PAUSED", "RUNNING"]]
        | None
    ]
    """Those in one of these states."""
    name: NotRequired[str | None]
    """Those that are called just this."""
    createdBy: NotRequired[str | None]
    """What was made with the token that has this id."""


class DeviceTask(TypedDict):
    """How far a task is on one device."""

    deviceId: str
    """The device."""
    subOperationId: str
    """Its operation."""
    status: OperationStatus
    """How that stands."""
    progress: int
    """How far it is, in percent."""
    stepsDone: int
    """How many of its steps have ended."""
    errorCode: NotRequired[str]
    """The error's code."""
    error: NotRequired[str]
    """What went wrong; for tokens that may read results."""
    startedAt: NotRequired[str]
    """When it began; left out while it waits."""
    endedAt: NotRequired[str]
    """When it ended."""


class DeviceTasks(TypedDict):
    """A page of a task's devices, in the order in which they were taken up."""

    items: list[DeviceTask]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListDevicesOfTaskQuery(TypedDict):
    """The query of `listDevicesOfTask`."""

    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""
    status: NotRequired[OperationStatus | Sequence[OperationStatus] | None]
    """Those whose operation stands in one of these ways."""


class RetryInput(TypedDict):
    """Whether to retry also those whose outcome is unknown."""

    includeUnknown: NotRequired[bool]
    """
    Whether also what nobody knows the outcome of is done again. Left out, it is
    `false`.
    """

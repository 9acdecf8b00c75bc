"""Types of the API: operations.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from pushserver.client.types.commands import Actor, CommandState, DeliveryGuarantee


class StepInput(TypedDict):
    """One step: a command as an enqueue takes it, and what it is called."""

    endpoint: str
    """The device's own command, such as `load_objects`."""
    verb: NotRequired[str]
    """`GET` or `POST`. Left out, it is `POST`."""
    queryString: NotRequired[str]
    """`a=1&b=2`; an object of its names and values is taken, too."""
    expiresIn: NotRequired[float]
    """After how many seconds it is not handed out any more; else by its endpoint."""
    notBefore: NotRequired[str]
    """The instant before which it is not handed out."""
    priority: NotRequired[int]
    """Higher goes first. Left out, it is `0`."""
    delivery: NotRequired[DeliveryGuarantee]
    """Whether it may be handed out again; left out, its endpoint decides."""
    maxAttempts: NotRequired[int]
    """How often it is handed out at most; left out, 5 times."""
    responseTimeout: NotRequired[float]
    """How many seconds the device has to answer; else the server's setting."""
    body: NotRequired[Any]
    """An object or array, sent as JSON; a string, sent as it is; bytes, in base64."""
    bodyBlob: NotRequired[str]
    """In place of a body: the id of uploaded bytes, which are sent as they are."""
    contentType: NotRequired[str]
    """
    The body's type; with `application/octet-stream` it is base64. Left out, it is
    `application/json`.
    """
    metadata: NotRequired[Any]
    """
    Any JSON of yours, of 16 KiB at most: it comes back with the command, and never
    reaches the device.
    """
    resource: NotRequired[str]
    """What the step is called in notifications."""


OnFailure = Literal["stop", "continue"]
"""Whether steps after one that did not succeed are run."""
OperationAction = Literal[
    "READ",
    "CREATE",
    "WRITE",
    "DELETE",
    "OPTIONS",
    "EXECUTE",
    "SUBMIT",
    "CANCEL",
    "SENT",
]
"""What an operation does, in Kapua's words."""


class OperationOptions(TypedDict):
    """The fields of `OperationInput` that are no arguments."""

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


class OperationInput(OperationOptions):
    """An operation to begin. Without steps, programs report its progress."""

    steps: NotRequired[Sequence[StepInput]]
    """What is to be done, one after the other."""
    deviceId: str
    """The device."""


OperationStatus = Literal["RUNNING", "COMPLETED", "FAILED", "STALE"]
"""The status of an operation; STALE means that its outcome is unknown."""


class Step(TypedDict):
    """A step, and the command that it became."""

    resource: NotRequired[str]
    """What the step is called."""
    verb: str
    """The verb of its command."""
    endpoint: str
    """The endpoint of its command."""
    queryString: NotRequired[str]
    """What is sent beside its body."""
    commandId: NotRequired[str]
    """The command that it became."""
    state: NotRequired[CommandState]
    """How far that command is."""


class Operation(TypedDict):
    """An operation; `steps` are shown where one is asked for."""

    id: str
    """The operation's id."""
    deviceId: str
    """The device."""
    taskId: NotRequired[str]
    """The task that it is a part of."""
    status: OperationStatus
    """How it stands."""
    progress: int
    """How far it is, in percent."""
    onFailure: OnFailure
    """What follows on a step that failed."""
    resource: str
    """What it is called."""
    action: OperationAction
    """A label."""
    appId: str
    """The program that asked; a label."""
    properties: NotRequired[dict[str, str]]
    """Labels, by name."""
    createdAt: str
    """When it was asked for."""
    startedAt: NotRequired[str]
    """When its first step was enqueued."""
    endedAt: NotRequired[str]
    """When it ended."""
    modifiedAt: str
    """When it changed last."""
    createdBy: NotRequired[Actor]
    """Who asked for it."""
    canceledBy: NotRequired[Actor]
    """Who canceled it."""
    stepCount: int
    """How many steps it has."""
    stepsDone: int
    """How many of them were successful."""
    canceled: NotRequired[bool]
    """Whether somebody canceled it."""
    retried: NotRequired[bool]
    """Whether another one was begun in its place."""
    steps: NotRequired[list[Step]]
    """Its steps; where one operation is shown."""


class Operations(TypedDict):
    """A page of operations, newest first."""

    items: list[Operation]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListOperationsQuery(TypedDict):
    """The query of `listOperations`."""

    deviceId: NotRequired[str | None]
    """Those on this device."""
    taskId: NotRequired[str | None]
    """The parts of this task."""
    status: NotRequired[OperationStatus | None]
    """Those that stand so."""
    resource: NotRequired[str | None]
    """Those that are called so."""
    createdBy: NotRequired[str | None]
    """What was made with the token that has this id."""
    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""


class NotificationOptions(TypedDict):
    """The fields of `NotificationInput` that are no arguments."""

    status: NotRequired[OperationStatus]
    """How it stands. Left out, it is `RUNNING`."""
    resource: NotRequired[str]
    """What this is about."""
    message: NotRequired[str]
    """What is to be told."""
    sentOn: NotRequired[str]
    """When it was so; left out, now."""


class NotificationInput(NotificationOptions):
    """Progress, as a program reports it."""

    progress: int
    """How far the operation is, in percent."""


class Notification(TypedDict):
    """Progress of an operation."""

    id: str
    """The notification's id."""
    operationId: str
    """The operation."""
    createdOn: str
    """When it was made."""
    createdBy: str
    """Who told it."""
    sentOn: str
    """When it was so."""
    status: OperationStatus
    """How the operation stood."""
    resource: NotRequired[str]
    """What it is about."""
    progress: int
    """How far the operation was, in percent."""
    message: NotRequired[str]
    """What was told."""


class Notifications(TypedDict):
    """Notifications in the order they were made."""

    items: list[Notification]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListNotificationsQuery(TypedDict):
    """The query of `listNotifications`."""

    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""

"""Types of the API: commands.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

DeliveryGuarantee = Literal["atLeastOnce", "atMostOnce"]
"""How often a command may be handed out."""


class CommandInput(TypedDict):
    """A command to be enqueued; `supersede` is the key of those that it replaces."""

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
    supersede: NotRequired[str]
    """A key of yours: waiting commands with the same key make room for this one."""


CommandState = Literal[
    "PENDING",
    "SENT",
    "DELIVERED",
    "SUCCESSFUL",
    "FAILED",
    "TIMEOUT",
    "EXPIRED",
    "CANCELED",
]
"""The state of a command."""
MatchedBy = Literal["uuid", "inFlight", "lastGivenUp"]
"""How a result was matched to its delivery."""


class CommandResult(TypedDict):
    """What a device answered, inside its command."""

    id: str
    """The result's id."""
    response: NotRequired[Any]
    """What the device answered: any JSON."""
    error: NotRequired[Any]
    """The device's error: any JSON."""
    code: NotRequired[Any]
    """The device's code of the error: any JSON."""
    receivedAt: str
    """When it came."""
    matchedBy: NotRequired[MatchedBy]
    """How it was found out to belong to this command."""
    refused: NotRequired[bool]
    """Whether the device said no in its response. Left out, it is `false`."""
    unreadable: NotRequired[bool]
    """Whether nobody can tell what it says. Left out, it is `false`."""
    rejected: NotRequired[bool]
    """Whether it was over the limit and was not kept. Left out, it is `false`."""
    bodyDeletedAt: NotRequired[str]
    """When what the device answered was deleted."""


DeliveryOutcome = Literal[
    "successful", "failed", "unreadable", "noAnswer", "notWritten", "closed"
]
"""The outcome of one delivery."""


class Delivery(TypedDict):
    """One handing-out of a command."""

    uuid: NotRequired[str]
    """What the device called its poll, if it did."""
    sentAt: str
    """When the device polled for it."""
    deliveredAt: NotRequired[str]
    """When its last byte was written."""
    endedAt: NotRequired[str]
    """When it was answered or given up."""
    address: NotRequired[str]
    """From where the device polled."""
    outcome: NotRequired[DeliveryOutcome]
    """What came of it; left out while that is open."""


class Actor(TypedDict):
    """The token with which somebody did something."""

    tokenId: str
    """The token's id."""
    name: NotRequired[str]
    """What the token was called then."""


class Command(TypedDict):
    """A command and all that is known of it."""

    id: str
    """The command's id."""
    deviceId: str
    """The device that it is for."""
    verb: str
    """`GET` or `POST`."""
    endpoint: str
    """The device's own command."""
    body: NotRequired[Any]
    """What is sent to the device: any JSON; bytes are in base64. Lists leave it out."""
    bodyBlob: NotRequired[str]
    """The blob with the bytes that are sent to the device."""
    bodyDeletedAt: NotRequired[str]
    """When its body was deleted; it cannot be retried since."""
    contentType: str
    """The body's type."""
    queryString: NotRequired[str]
    """What is sent beside the body."""
    state: CommandState
    """How far it is."""
    delivery: DeliveryGuarantee
    """Whether it may be handed out again."""
    priority: int
    """Higher goes first."""
    maxAttempts: int
    """How often it is handed out at most."""
    responseTimeout: float
    """How many seconds the device has to answer."""
    createdAt: str
    """When it was enqueued."""
    expiresAt: str
    """When it is not handed out any more."""
    notBefore: NotRequired[str]
    """Before this instant it is not handed out."""
    sentAt: NotRequired[str]
    """When it was handed out last."""
    deliveredAt: NotRequired[str]
    """When its last byte was written, the last time."""
    finishedAt: NotRequired[str]
    """When it ended."""
    attempts: int
    """How often it was handed out."""
    withdrawn: NotRequired[bool]
    """
    Whether it was taken back after it had been handed out. Left out, it is `false`.
    """
    supersede: NotRequired[str]
    """The key of those that make room for each other."""
    replacedBy: NotRequired[str]
    """The command that took its place."""
    superseded: NotRequired[list[str]]
    """The commands whose place it took; where it is created alone."""
    result: NotRequired[CommandResult]
    """What the device answered; for tokens that may read results."""
    deliveries: list[Delivery]
    """Each time it was handed out."""
    metadata: NotRequired[Any]
    """The JSON that came with it."""
    operationId: NotRequired[str]
    """The operation that it is a step of."""
    createdBy: NotRequired[Actor]
    """Who enqueued it."""
    canceledBy: NotRequired[Actor]
    """Who took it back."""
    requestId: NotRequired[str]
    """The `X-Request-Id` of the call that enqueued it, or its operation or task."""
    traceId: NotRequired[str]
    """The trace of that call, as W3C Trace Context writes it."""
    held: NotRequired[bool]
    """
    Whether it waits for somebody's decision after a restore. Left out, it is `false`.
    """
    warnings: NotRequired[list[str]]
    """What its sender should know; where it is created alone."""
    deviceSeen: NotRequired[bool]
    """False if the device has never polled; where it is created alone."""


class Commands(TypedDict):
    """A page of commands, newest first."""

    items: list[Command]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


LiveState = Literal["DELIVERED", "PENDING", "SENT"]
"""The state of a command that has not ended."""


class Cancel(TypedDict):
    """
    How many commands were taken back, or would be. By their state before, and by
    whether they had been handed out. `over` and `unknown` count `ids`.
    """

    dryRun: bool
    """Whether they were only counted."""
    states: dict[str, int]
    """How many were taken back, by the state they were in."""
    canceled: int
    """How many of them had never been handed out."""
    withdrawn: int
    """How many of them had been handed out."""
    over: NotRequired[int]
    """How many of `ids` had ended, or been taken back, before."""
    unknown: NotRequired[int]
    """How many of `ids` there are none."""


class CancelCommandsOfDeviceQuery(TypedDict):
    """The query of `cancelCommandsOfDevice`."""

    state: NotRequired[LiveState | Sequence[LiveState] | None]
    """Those in one of these states."""
    endpoint: NotRequired[str | None]
    """Those for this endpoint."""
    createdBefore: NotRequired[str | None]
    """Those enqueued before this instant."""
    supersede: NotRequired[str | None]
    """Those enqueued with this key."""


class EnqueueBytesQuery(TypedDict):
    """The query of `enqueueBytes`."""

    endpoint: str | None
    """The device's own command, such as `user_set_image`."""
    verb: NotRequired[str | None]
    """`GET` or `POST`. Left out, it is `POST`."""
    queryString: NotRequired[str | None]
    """`a=1&b=2`, sent to the device beside the body."""
    expiresIn: NotRequired[float | None]
    """After how many seconds it is not handed out any more; else by its endpoint."""
    notBefore: NotRequired[str | None]
    """The instant before which it is not handed out."""
    priority: NotRequired[int | None]
    """Higher goes first. Left out, it is `0`."""
    delivery: NotRequired[DeliveryGuarantee | None]
    """Whether it may be handed out again; left out, its endpoint decides."""
    maxAttempts: NotRequired[int | None]
    """How often it is handed out at most; left out, 5 times."""
    responseTimeout: NotRequired[float | None]
    """How many seconds the device has to answer; else the server's setting."""
    metadata: NotRequired[str | None]
    """JSON of yours: it comes back with the command, and never reaches the device."""
    supersede: NotRequired[str | None]
    """A key of yours: waiting commands with the same key make room for this one."""


class ListCommandsQuery(TypedDict):
    """The query of `listCommands`."""

    state: NotRequired[CommandState | Sequence[CommandState] | None]
    """Those in one of these states."""
    endpoint: NotRequired[str | None]
    """Those for this endpoint."""
    createdAfter: NotRequired[str | None]
    """Those enqueued after this instant."""
    createdBefore: NotRequired[str | None]
    """Those enqueued before this instant, which is later than `createdAfter`."""
    operationId: NotRequired[str | None]
    """The steps of this operation."""
    held: NotRequired[bool | None]
    """Whether they wait for somebody's decision after a restore."""
    supersede: NotRequired[str | None]
    """Those enqueued with this key."""
    createdBy: NotRequired[str | None]
    """What was made with the token that has this id."""
    include: NotRequired[Literal["body"] | Sequence[Literal["body"]] | None]
    """`body`: with their bodies, which may be large; otherwise those are left out."""
    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""
    deviceId: NotRequired[str | None]
    """Those of this device."""


class CancelInput(TypedDict):
    """Which commands to take back: `ids` alone, or at least one of the other fields."""

    ids: NotRequired[Sequence[str]]
    """The ids of commands; no other field goes with it."""
    state: NotRequired[Sequence[LiveState]]
    """Those in one of these states."""
    deviceId: NotRequired[str]
    """Those of this device."""
    endpoint: NotRequired[str]
    """Those for this endpoint."""
    createdBefore: NotRequired[str]
    """Those enqueued before this instant."""
    operationId: NotRequired[str]
    """The steps of this operation."""
    supersede: NotRequired[str]
    """Those enqueued with this key."""

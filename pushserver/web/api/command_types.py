"""Commands and results as programs get them."""

from msgspec import UNSET, Raw, UnsetType

from pushserver.model.command import DeliveryOutcome, MatchedBy
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.state import CommandState
from pushserver.web.api.types import (
    ActorOut,
    Instant,
    Out,
    PageOut,
)


class DeliveryOut(Out, kw_only=True):
    """One handing-out of a command."""

    uuid: str | None = None
    """What the device called its poll, if it did."""
    sent_at: Instant
    """When the device polled for it."""
    delivered_at: Instant | None = None
    """When its last byte was written."""
    ended_at: Instant | None = None
    """When it was answered or given up."""
    address: str | None = None
    """From where the device polled."""
    outcome: DeliveryOutcome | None = None
    """What came of it; left out while that is open."""


class CommandResultOut(Out, kw_only=True):
    """What a device answered, inside its command."""

    id: str
    """The result's id."""
    response: Raw | UnsetType = UNSET
    """What the device answered: any JSON."""
    error: Raw | UnsetType = UNSET
    """The device's error: any JSON."""
    code: Raw | UnsetType = UNSET
    """The device's code of the error: any JSON."""
    received_at: Instant
    """When it came."""
    matched_by: MatchedBy | None = None
    """How it was found out to belong to this command."""
    refused: bool = False
    """Whether the device said no in its response."""
    unreadable: bool = False
    """Whether nobody can tell what it says."""
    rejected: bool = False
    """Whether it was over the limit and was not kept."""
    body_deleted_at: Instant | None = None
    """When what the device answered was deleted."""


class CommandOut(Out, kw_only=True):
    """A command and all that is known of it."""

    id: str
    """The command's id."""
    device_id: str
    """The device that it is for."""
    verb: str
    """`GET` or `POST`."""
    endpoint: str
    """The device's own command."""
    body: Raw | UnsetType = UNSET
    """What is sent to the device: any JSON; bytes are in base64. Lists leave it out."""
    body_blob: str | None = None
    """The blob with the bytes that are sent to the device."""
    body_deleted_at: Instant | None = None
    """When its body was deleted; it cannot be retried since."""
    content_type: str
    """The body's type."""
    query_string: str | None = None
    """What is sent beside the body."""
    state: CommandState
    """How far it is."""
    delivery: DeliveryGuarantee
    """Whether it may be handed out again."""
    priority: int
    """Higher goes first."""
    max_attempts: int
    """How often it is handed out at most."""
    response_timeout: float
    """How many seconds the device has to answer."""
    created_at: Instant
    """When it was enqueued."""
    expires_at: Instant
    """When it is not handed out any more."""
    not_before: Instant | None = None
    """Before this instant it is not handed out."""
    sent_at: Instant | None = None
    """When it was handed out last."""
    delivered_at: Instant | None = None
    """When its last byte was written, the last time."""
    finished_at: Instant | None = None
    """When it ended."""
    attempts: int
    """How often it was handed out."""
    withdrawn: bool = False
    """Whether it was taken back after it had been handed out."""
    supersede: str | None = None
    """The key of those that make room for each other."""
    replaced_by: str | None = None
    """The command that took its place."""
    superseded: list[str] | None = None
    """The commands whose place it took; where it is created alone."""
    result: CommandResultOut | None = None
    """What the device answered; for tokens that may read results."""
    deliveries: list[DeliveryOut]
    """Each time it was handed out."""
    metadata: Raw | UnsetType = UNSET
    """The JSON that came with it."""
    operation_id: str | None = None
    """The operation that it is a step of."""
    created_by: ActorOut | None = None
    """Who enqueued it."""
    canceled_by: ActorOut | None = None
    """Who took it back."""
    request_id: str | None = None
    """The `X-Request-Id` of the call that enqueued it, or its operation or task."""
    trace_id: str | None = None
    """The trace of that call, as W3C Trace Context writes it."""
    held: bool = False
    """Whether it waits for somebody's decision after a restore."""
    warnings: list[str] | None = None
    """What its sender should know; where it is created alone."""
    device_seen: bool | UnsetType = UNSET
    """False if the device has never polled; where it is created alone."""


class CommandsOut(PageOut[CommandOut], kw_only=True):
    """A page of commands, newest first."""


class ResultOut(Out, kw_only=True):
    """What a device posted, as `/results` lists it."""

    id: str
    """The result's id."""
    device_id: str
    """The device that posted it."""
    device_name: str | None = None
    """What people call the device; for who may read devices."""
    command_id: str | None = None
    """The command that it belongs to; an orphan has none."""
    uuid: str | None = None
    """What the device called the poll that it answers."""
    endpoint: str | None = None
    """The command's endpoint; of an orphan, as the device says."""
    metadata: Raw | UnsetType = UNSET
    """What came with the command: any JSON; for who may read commands."""
    received_at: Instant
    """When it came."""
    response: Raw | UnsetType = UNSET
    """What the device answered: any JSON."""
    error: Raw | UnsetType = UNSET
    """The device's error: any JSON."""
    code: Raw | UnsetType = UNSET
    """The device's code of the error: any JSON."""
    refused: bool = False
    """Whether the device said no in its response."""
    unreadable: bool = False
    """Whether nobody can tell what it says."""
    incomplete: bool = False
    """Whether its body was cut off."""
    rejected: bool = False
    """Whether it was over the limit and was not kept."""
    body_deleted_at: Instant | None = None
    """When what the device answered was deleted."""
    matched_by: MatchedBy | None = None
    """How it was found out to belong to its command."""
    orphan: bool
    """Whether it belongs to no command."""


class ResultsOut(Out, kw_only=True):
    """Results in the order they came; `nextCursor` is there on an empty page, too."""

    items: list[ResultOut]
    """The results."""
    next_cursor: str
    """Where to go on, now or later."""


class CancelOut(Out, kw_only=True):
    """
    How many commands were taken back, or would be.

    By their state before, and by whether they had been handed out. `over` and `unknown`
    count `ids`.
    """

    dry_run: bool
    """Whether they were only counted."""
    states: dict[str, int]
    """How many were taken back, by the state they were in."""
    canceled: int
    """How many of them had never been handed out."""
    withdrawn: int
    """How many of them had been handed out."""
    over: int | UnsetType = UNSET
    """How many of `ids` had ended, or been taken back, before."""
    unknown: int | UnsetType = UNSET
    """How many of `ids` there are none."""

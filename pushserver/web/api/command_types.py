"""Commands and results on the wire."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from pushserver.model.command import DeliveryOutcome, MatchedBy
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.state import CommandState
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

Priority = Annotated[int, Meta(ge=-100, le=100)]
MaxAttempts = Annotated[int, Meta(ge=1, le=1000)]
WaitSeconds = Annotated[float, Meta(ge=0)]


SupersedeKey = Annotated[str, Meta(min_length=1, max_length=100)]


class CommandSpecIn(In, kw_only=True):
    """A command, in the vendor's words, and how it is delivered."""

    endpoint: str
    verb: str = "POST"
    body: Raw | UnsetType = UNSET
    content_type: str = "application/json"
    query_string: str | dict[str, str | int | float | bool] | None = None
    expires_in: Seconds | None = None
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Priority = 0
    delivery: DeliveryGuarantee | None = None
    max_attempts: MaxAttempts | None = None
    response_timeout: Seconds | None = None
    metadata: Raw | UnsetType = UNSET


class CommandIn(CommandSpecIn, kw_only=True):
    """A command to be enqueued; `supersede` is the key of those that it replaces."""

    supersede: SupersedeKey | None = None


class RawCommandQuery(In, kw_only=True):
    """The same for a raw body: the body is the bytes, the rest is the query."""

    endpoint: str
    verb: str = "POST"
    query_string: str | None = None
    expires_in: Seconds | None = None
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Priority = 0
    delivery: DeliveryGuarantee | None = None
    max_attempts: MaxAttempts | None = None
    response_timeout: Seconds | None = None
    metadata: Annotated[str, Meta(description="JSON.")] | None = None
    supersede: SupersedeKey | None = None


class DeliveryOut(Out, kw_only=True):
    """One handing-out of a command."""

    uuid: str | None = None
    sent_at: Instant
    delivered_at: Instant | None = None
    ended_at: Instant | None = None
    address: str | None = None
    outcome: DeliveryOutcome | None = None


class CommandResultOut(Out, kw_only=True):
    """What a device answered, inside its command."""

    id: str
    response: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    received_at: Instant
    matched_by: MatchedBy | None = None
    refused: bool = False
    unreadable: bool = False
    rejected: bool = False


class CommandOut(Out, kw_only=True):
    """A command and all that is known of it."""

    id: str
    device_id: str
    verb: str
    endpoint: str
    body: Raw | UnsetType = UNSET
    content_type: str
    query_string: str | None = None
    state: CommandState
    delivery: DeliveryGuarantee
    priority: int
    max_attempts: int
    response_timeout: float
    created_at: Instant
    expires_at: Instant
    not_before: Instant | None = None
    sent_at: Instant | None = None
    delivered_at: Instant | None = None
    finished_at: Instant | None = None
    attempts: int
    withdrawn: bool = False
    supersede: str | None = None
    replaced_by: str | None = None
    superseded: list[str] | None = None
    result: CommandResultOut | None = None
    deliveries: list[DeliveryOut]
    metadata: Raw | UnsetType = UNSET
    operation_id: str | None = None
    created_by: ActorOut | None = None
    canceled_by: ActorOut | None = None
    held: bool = False
    warnings: list[str] | None = None
    device_seen: bool | UnsetType = UNSET


class CommandsOut(PageOut[CommandOut], kw_only=True):
    """A page of commands, newest first."""


class ResultOut(Out, kw_only=True):
    """What a device posted, as `/results` lists it."""

    id: str
    device_id: str
    command_id: str | None = None
    uuid: str | None = None
    endpoint: str | None = None
    received_at: Instant
    response: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    refused: bool = False
    unreadable: bool = False
    incomplete: bool = False
    rejected: bool = False
    matched_by: MatchedBy | None = None
    orphan: bool


class ResultsOut(Out, kw_only=True):
    """Results in the order they came; `nextCursor` is there on an empty page, too."""

    items: list[ResultOut]
    next_cursor: str


class DeviceCommandsQuery(In, kw_only=True):
    """Filters of a list of commands; whose they are, the path says."""

    state: list[CommandState] = msgspec.field(default_factory=list)
    endpoint: str | None = None
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    operation_id: Int64Text | None = None
    held: bool | None = None
    supersede: str | None = None
    created_by: Int64Text | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None


class CommandsQuery(DeviceCommandsQuery, kw_only=True):
    """Filters of a list of the commands of all devices."""

    device_id: DeviceIdText | None = None


LiveState = Literal["PENDING", "SENT", "DELIVERED"]


class DryRunQuery(In, kw_only=True):
    """Whether only to count."""

    dry_run: bool = False


class CancelQuery(DryRunQuery, kw_only=True):
    """Which commands of a device to take back; without a filter, all of them."""

    state: list[LiveState] = msgspec.field(default_factory=list)
    endpoint: str | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    supersede: str | None = None


class CancelIn(In, kw_only=True):
    """Which commands to take back: `ids` alone, or at least one of the other fields."""

    ids: Annotated[list[Int64Text], Meta(min_length=1, max_length=1000)] | None = None
    state: list[LiveState] = msgspec.field(default_factory=list)
    device_id: int | str | None = None
    endpoint: str | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    operation_id: Int64Text | None = None
    supersede: str | None = None


class CancelOut(Out, kw_only=True):
    """
    How many commands were taken back, or would be.

    By their state before, and by whether they had been handed out. `over` and `unknown`
    count `ids`.
    """

    dry_run: bool
    states: dict[str, int]
    canceled: int
    withdrawn: int
    over: int | UnsetType = UNSET
    unknown: int | UnsetType = UNSET


class WaitQuery(In):
    """How long to wait for the outcome, in seconds; 60 at the most."""

    wait: WaitSeconds = 0


class ResultsQuery(In, kw_only=True):
    """Where to go on, and how long to wait for something new."""

    limit: Limit = 50
    cursor: Int64Text = "0"
    device_id: DeviceIdText | None = None
    orphan: bool | None = None
    wait: WaitSeconds = 0

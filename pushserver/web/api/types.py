"""The API's JSON, as types: they read requests, write answers and make the OpenAPI.

Fields are camelCase on the wire. Absent values are left out, never null.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from pushserver.model.catalogue import Delivery
from pushserver.model.command import MatchedBy, Outcome
from pushserver.model.device import DeviceState
from pushserver.model.state import State
from pushserver.model.token import Permission

_DAYS_366 = 366 * 86_400
Seconds = Annotated[float, Meta(gt=0, le=_DAYS_366, description="Seconds.")]
Priority = Annotated[int, Meta(ge=-100, le=100)]
Attempts = Annotated[int, Meta(ge=1, le=1000)]
Limit = Annotated[int, Meta(ge=1)]
Wait = Annotated[float, Meta(ge=0)]
Int64Text = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Name = Annotated[str, Meta(max_length=200)]
Tags = dict[Annotated[str, Meta(max_length=100)], Annotated[str, Meta(max_length=200)]]
Hold = Annotated[float, Meta(ge=0, le=300, description="Seconds a poll is held.")]


class In(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """What programs send: a field that is not known is refused."""


class Out(msgspec.Struct, rename="camel", omit_defaults=True):
    """What programs get."""


class CommandIn(In, kw_only=True):
    """A command to be enqueued, in the vendor's words, and how it is delivered."""

    endpoint: str
    verb: str = "POST"
    body: Raw | UnsetType = UNSET
    content_type: str = "application/json"
    query_string: str | dict[str, str | int | float | bool] | None = None
    expires_in: Seconds | None = None
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Priority = 0
    delivery: Delivery | None = None
    max_attempts: Attempts | None = None
    response_timeout: Seconds | None = None
    metadata: Raw | UnsetType = UNSET


class OctetQuery(In, kw_only=True):
    """The same for a raw body: the body is the bytes, the rest is the query."""

    endpoint: str
    verb: str = "POST"
    query_string: str | None = None
    expires_in: Seconds | None = None
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Priority = 0
    delivery: Delivery | None = None
    max_attempts: Attempts | None = None
    response_timeout: Seconds | None = None
    metadata: Annotated[str, Meta(description="JSON.")] | None = None


class DeliveryOut(Out, kw_only=True):
    """One handing-out of a command."""

    uuid: str | None = None
    sent_at: Instant
    delivered_at: Instant | None = None
    ended_at: Instant | None = None
    address: str | None = None
    outcome: Outcome | None = None


class OutcomeOut(Out, kw_only=True):
    """What a device answered, inside its command."""

    id: str
    response: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    received_at: Instant
    matched_by: MatchedBy | None = None
    unreadable: bool = False


class CommandOut(Out, kw_only=True):
    """A command and all that is known of it."""

    id: str
    device_id: str
    verb: str
    endpoint: str
    body: Raw | UnsetType = UNSET
    content_type: str
    query_string: str | None = None
    state: State
    delivery: Delivery
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
    result: OutcomeOut | None = None
    deliveries: list[DeliveryOut]
    metadata: Raw | UnsetType = UNSET
    operation_id: str | None = None
    warnings: list[str] | None = None
    device_seen: bool | UnsetType = UNSET


class CommandsOut(Out, kw_only=True):
    """A page of commands, newest first."""

    items: list[CommandOut]
    next_cursor: str | None = None


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
    unreadable: bool = False
    matched_by: MatchedBy | None = None
    orphan: bool


class ResultsOut(Out, kw_only=True):
    """Results in the order they came; `nextCursor` is there on an empty page, too."""

    items: list[ResultOut]
    next_cursor: str


class DeviceIn(In):
    """What an administrator decides on a device."""

    name: Name | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    hold: Hold | UnsetType | None = UNSET


class ImportRow(In, kw_only=True):
    """One device of an import."""

    device_id: int | str
    name: Name | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    hold: Hold | UnsetType | None = UNSET


class ImportOut(Out):
    """What an import did, in devices."""

    created: int
    updated: int
    unchanged: int


class InFlightOut(Out, kw_only=True):
    """The command that is with the device."""

    command_id: str
    endpoint: str
    sent_at: Instant
    delivered_at: Instant | None = None


class StrayOut(Out, kw_only=True):
    """A request of the device that was no poll and no result."""

    at: Instant
    method: str
    path: str
    address: str | None = None
    body: str | None = None


class StraysOut(Out):
    """How many of them there were, and the last few."""

    count: int
    last: list[StrayOut]


class DeviceOut(Out, kw_only=True):
    """A device: what was decided, and what was seen."""

    device_id: str
    name: str | None = None
    tags: dict[str, str]
    state: DeviceState
    hold: float | None = None
    created_at: Instant
    last_seen_at: Instant | None = None
    address: str | None = None
    poll_period: float | None = None
    queue_depth: int
    in_flight: InFlightOut | None = None
    keyed: bool
    key_enforced: bool
    device_seen: bool
    unknown_calls: StraysOut | None = None


class DevicesOut(Out, kw_only=True):
    """A page of devices, by their ids."""

    items: list[DeviceOut]
    next_cursor: str | None = None


class KeyIn(In):
    """Whether the key is demanded from now on, whatever the device did before."""

    enforce: bool = False


class KeyOut(Out):
    """A device's new key: shown once."""

    key: str
    path: str
    url: str


class TokenIn(In):
    """A token to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    permissions: Annotated[list[Permission], Meta(min_length=1)]


class TokenOut(Out, kw_only=True):
    """A token; `token` is there once, when it is made."""

    id: str
    scope_id: str
    name: str
    permissions: list[Permission]
    created_at: Instant
    token: str | None = None


class TokensOut(Out):
    """Every valid token."""

    items: list[TokenOut]


class ScopeIn(In):
    """A scope to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class ScopeOut(Out, kw_only=True):
    """A scope; `token`, its first one, is there once, when it is made."""

    id: str
    name: str
    created_at: Instant
    token: str | None = None


class ScopesOut(Out):
    """Every scope that the token may know of, oldest first."""

    items: list[ScopeOut]


class ServerOut(Out, kw_only=True):
    """What this server is doing; in the first scope also what it has refused."""

    version: str
    started_at: Instant
    now: Instant
    devices: int
    held_polls: int
    counts: dict[str, int] | None = None


class CommandsQuery(In, kw_only=True):
    """Filters of a list of commands."""

    state: list[State] = []
    device_id: Int64Text | None = None
    endpoint: str | None = None
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    operation_id: Int64Text | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None


class WaitQuery(In):
    """How long to wait for the outcome, in seconds; 60 at the most."""

    wait: Wait = 0


class ResultsQuery(In, kw_only=True):
    """Where to go on, and how long to wait for something new."""

    limit: Limit = 50
    cursor: Int64Text = "0"
    device_id: Int64Text | None = None
    orphan: bool | None = None
    wait: Wait = 0


class DevicesQuery(In, kw_only=True):
    """Filters of a list of devices; a tag is `key:value`."""

    state: DeviceState | None = None
    tag: str | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None

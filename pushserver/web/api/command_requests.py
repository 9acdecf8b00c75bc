"""Commands as programs ask for them: to enqueue, to list, to take back."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.state import CommandState
from pushserver.web.api.types import (
    MAX_ITEMS,
    CreatedBy,
    Cursor,
    DeviceIdIn,
    DeviceIdText,
    In,
    Int64Text,
    Limit,
    Seconds,
)
from pushserver.web.field_types import PATTERN_WORDS

Priority = Annotated[int, Meta(ge=-100, le=100)]


MaxAttempts = Annotated[int, Meta(ge=1, le=1000)]


WaitSeconds = Annotated[float, Meta(ge=0)]


SupersedeKey = Annotated[str, Meta(min_length=1, max_length=100)]


QueryString = Annotated[
    str | dict[str, str | int | float | bool],
    Meta(extra_json_schema={"type": "string"}),
]


BlobId = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{64}$",
        description="The SHA-256 of the bytes.",
        extra={PATTERN_WORDS: "a SHA-256: 64 digits from 0 to 9 and a to f"},
    ),
]


class CommandOptions(In, kw_only=True):
    """What every command has, whatever form its body has: where to, when, how often."""

    endpoint: str
    """The device's own command, such as `load_objects`."""
    verb: str = "POST"
    """`GET` or `POST`."""
    query_string: QueryString | None = None
    """`a=1&b=2`; an object of its names and values is taken, too."""
    expires_in: Seconds | None = None
    """After how many seconds it is not handed out any more; else by its endpoint."""
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    """The instant before which it is not handed out."""
    priority: Priority = 0
    """Higher goes first."""
    delivery: DeliveryGuarantee | None = None
    """Whether it may be handed out again; left out, its endpoint decides."""
    max_attempts: MaxAttempts | None = None
    """How often it is handed out at most; left out, 5 times."""
    response_timeout: Seconds | None = None
    """How many seconds the device has to answer; else the server's setting."""


class CommandSpecIn(CommandOptions, kw_only=True):
    """A command, in the vendor's words, and how it is delivered."""

    body: Raw | UnsetType = UNSET
    """An object or array, sent as JSON; a string, sent as it is; bytes, in base64."""
    body_blob: BlobId | None = None
    """In place of a body: the id of uploaded bytes, which are sent as they are."""
    content_type: str = "application/json"
    """The body's type; with `application/octet-stream` it is base64."""
    metadata: Raw | UnsetType = UNSET
    """
    Any JSON of yours, of 16 KiB at most: it comes back with the command, and never
    reaches the device.
    """


class CommandIn(CommandSpecIn, kw_only=True):
    """A command to be enqueued; `supersede` is the key of those that it replaces."""

    supersede: SupersedeKey | None = None
    """A key of yours: waiting commands with the same key make room for this one."""


#: One call may enqueue at most this many commands.
MAX_COMMANDS = 1000


CommandBatchIn = Annotated[list[CommandIn], Meta(min_length=1, max_length=MAX_COMMANDS)]


class RawCommandQuery(CommandOptions, kw_only=True):
    """The same for a raw body: the body is the bytes, the rest is the query."""

    endpoint: Annotated[str, Meta(examples=["user_set_image"])]
    """The device's own command, such as `user_set_image`."""
    query_string: str | None = None
    """`a=1&b=2`, sent to the device beside the body."""
    metadata: Annotated[str, Meta(description="JSON.")] | None = None
    """JSON of yours: it comes back with the command, and never reaches the device."""
    supersede: SupersedeKey | None = None
    """A key of yours: waiting commands with the same key make room for this one."""


class DeviceCommandsQuery(In, kw_only=True):
    """Filters of a list of commands; whose they are, the path says."""

    state: list[CommandState] = msgspec.field(default_factory=list)
    """Those in one of these states."""
    endpoint: str | None = None
    """Those for this endpoint."""
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    """Those enqueued after this instant."""
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    """Those enqueued before this instant, which is later than `createdAfter`."""
    operation_id: Int64Text | None = None
    """The steps of this operation."""
    held: bool | None = None
    """Whether they wait for somebody's decision after a restore."""
    supersede: str | None = None
    """Those enqueued with this key."""
    created_by: CreatedBy | None = None
    include: list[Literal["body"]] = msgspec.field(default_factory=list)
    """`body`: with their bodies, which may be large; otherwise those are left out."""
    limit: Limit = 50
    cursor: Cursor | None = None


class CommandsQuery(DeviceCommandsQuery, kw_only=True):
    """Filters of a list of the commands of all devices."""

    device_id: DeviceIdText | None = None
    """Those of this device."""


LiveState = Annotated[
    Literal["PENDING", "SENT", "DELIVERED"],
    Meta(title="LiveState", description="The state of a command that has not ended."),
]


class DryRunQuery(In, kw_only=True):
    """Whether only to count."""

    dry_run: bool = False
    """Whether only to count."""


class CancelQuery(DryRunQuery, kw_only=True):
    """Which commands of a device to take back; without a filter, all of them."""

    state: Annotated[list[LiveState], Meta(max_length=MAX_ITEMS)] = msgspec.field(
        default_factory=list
    )
    """Those in one of these states."""
    endpoint: str | None = None
    """Those for this endpoint."""
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    """Those enqueued before this instant."""
    supersede: str | None = None
    """Those enqueued with this key."""


class CancelIn(In, kw_only=True):
    """Which commands to take back: `ids` alone, or at least one of the other fields."""

    ids: Annotated[list[Int64Text], Meta(min_length=1, max_length=1000)] | None = None
    """The ids of commands; no other field goes with it."""
    state: Annotated[list[LiveState], Meta(max_length=MAX_ITEMS)] = msgspec.field(
        default_factory=list
    )
    """Those in one of these states."""
    device_id: DeviceIdIn | None = None
    """Those of this device."""
    endpoint: str | None = None
    """Those for this endpoint."""
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    """Those enqueued before this instant."""
    operation_id: Int64Text | None = None
    """The steps of this operation."""
    supersede: str | None = None
    """Those enqueued with this key."""


class WaitQuery(In):
    """How long to wait for the outcome, in seconds; 60 at the most."""

    wait: WaitSeconds = 0
    """Seconds to wait for the outcome; at most 60."""


class ResultsQuery(In, kw_only=True):
    """Where to go on, and how long to wait for something new."""

    limit: Limit = 50
    cursor: Cursor = "0"
    """Those after this one; `0`: from the first on."""
    device_id: DeviceIdText | None = None
    """Those of this device."""
    orphan: bool | None = None
    """Whether they belong to no command."""
    wait: WaitSeconds = 0
    """Seconds to wait for something new; at most 60."""

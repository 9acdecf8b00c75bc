"""Devices and their keys on the wire."""

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from pushserver.model.device import MAX_HOLD_SECONDS, DeviceState
from pushserver.model.device_filter import DeviceSort
from pushserver.web.api.types import (
    MAX_ITEMS,
    ActorOut,
    DeviceIdIn,
    In,
    Instant,
    Limit,
    Out,
    PageOut,
    Tags,
)
from pushserver.web.field_types import PATTERN_WORDS

DisplayName = Annotated[str, Meta(max_length=200)]
#: Tags of which a device has one of each key; a value may contain commas.
TagFilters = Annotated[
    tuple[Annotated[str, Meta(extra_json_schema={"pattern": ":"})], ...],
    Meta(max_length=MAX_ITEMS),
]
SearchText = Annotated[str, Meta(max_length=200)]
SortText = Annotated[
    str,
    Meta(
        pattern=f"^-?({'|'.join(DeviceSort)})$",
        extra={PATTERN_WORDS: f"one of {', '.join(DeviceSort)}, or one after a -"},
    ),
]
CursorText = Annotated[
    str,
    Meta(max_length=2000, description="The `nextCursor` of the page before this one."),
]
Hold = Annotated[
    float, Meta(ge=0, le=MAX_HOLD_SECONDS, description="Seconds a poll is held.")
]


class DeviceIn(In):
    """What an administrator decides on a device."""

    name: DisplayName | UnsetType | None = UNSET
    """What people call it; null: nothing."""
    tags: Tags | UnsetType = UNSET
    """All of its tags, by their keys."""
    hold: Hold | UnsetType | None = UNSET
    """Seconds a poll is held; null: the server's setting."""


class DeviceImportRow(In, kw_only=True):
    """One device of an import."""

    device_id: DeviceIdIn
    """The device."""
    name: DisplayName | UnsetType | None = UNSET
    """What people call it; null: nothing."""
    tags: Tags | UnsetType = UNSET
    """All of its tags, by their keys."""
    hold: Hold | UnsetType | None = UNSET
    """Seconds a poll is held; null: the server's setting."""


class ImportQuery(In):
    """With `dryRun` an import changes nothing."""

    dry_run: bool = False
    """Whether only to tell what would be done."""


class DeviceImportOut(Out):
    """What an import did, in devices; or with `dryRun` what it would do."""

    created: int
    """How many are new."""
    updated: int
    """How many were changed."""
    unchanged: int
    """How many were as they should be."""
    dry_run: bool = False
    """Whether nothing was done."""


class ExportFormat(enum.StrEnum):
    """The form of an export; an import takes both."""

    CSV = "csv"
    NDJSON = "ndjson"


class ExportQuery(In, kw_only=True):
    """Which devices are exported, and how; without `format`, `Accept` decides."""

    state: DeviceState = DeviceState.ADOPTED
    """Those in this state."""
    tag: TagFilters = ()
    """Those with this tag, `key:value`; of several values of a key, one."""
    q: SearchText = ""
    """Those with this text in their name or id, whatever its case."""
    format: ExportFormat | None = None
    """The form; left out, `Accept` decides."""


class InFlightOut(Out, kw_only=True):
    """The command that is with the device."""

    command_id: str
    """The command's id."""
    endpoint: str
    """The command's endpoint."""
    sent_at: Instant
    """When the device polled for it."""
    delivered_at: Instant | None = None
    """When its last byte was written."""


class UnknownRequestOut(Out, kw_only=True):
    """A request of the device that was no poll and no result."""

    at: Instant
    """When it came."""
    method: str
    """Its method."""
    path: str
    """Its path; what may be a key is masked."""
    address: str | None = None
    """From where it came."""
    body: str | None = None
    """Its body, cut off after 4 kB."""


class UnknownRequestsOut(Out):
    """How many of them there were, and the last few."""

    count: int
    """How many there were."""
    last: list[UnknownRequestOut]
    """The newest twenty; where one device is shown."""


class KeylessOut(Out, kw_only=True):
    """
    Since when, and from where, a device is served without its key.

    So its key is not enforced; left out is what was not recorded.
    """

    since: Instant | None = None
    """Since when."""
    address: str | None = None
    """From where first."""


class DeviceOut(Out, kw_only=True):
    """A device: what was decided, and what was seen."""

    device_id: str
    """The id that it polls with."""
    protocol: str | None = None
    """What it speaks, where that is not the first protocol."""
    name: str | None = None
    """What people call it."""
    tags: dict[str, str]
    """Its tags, by their keys."""
    state: DeviceState
    """Whether somebody vouched for it."""
    hold: float | None = None
    """Seconds a poll is held; left out, the server's setting."""
    created_at: Instant
    """When it first became known."""
    adopted_by: ActorOut | None = None
    """Who vouched for it."""
    last_seen_at: Instant | None = None
    """When it polled last."""
    last_seen_ago: float | None = None
    """How many seconds ago that was."""
    online: bool
    """Whether it polls in time, or is busy with a command."""
    address: str | None = None
    """From where it polled last."""
    poll_period: float | None = None
    """Seconds between its idle polls, as seen."""
    queue_depth: int
    """How many commands wait for it."""
    in_flight: InFlightOut | None = None
    """The command that it has."""
    keyed: bool
    """Whether it has a key."""
    key_enforced: bool
    """Whether it is served with its key alone."""
    keyless: KeylessOut | None = None
    """That it has a key and is served without."""
    device_seen: bool
    """Whether it has ever polled."""
    unknown_calls: UnknownRequestsOut | None = None
    """What it sent that was no poll and no result."""
    identity_conflicts: int | None = None
    """How often two addresses polled as this device in turn."""
    identity_conflict_at: Instant | None = None
    """When they did so last."""
    shut_out_address: str | None = None
    """The address that gets nothing since then."""


class DevicesOut(PageOut[DeviceOut], kw_only=True):
    """A page of devices, by their ids."""


class DevicesQuery(In, kw_only=True):
    """
    Filters of a list of devices, and its order: `-` before `sort` turns it round.

    A tag is `key:value`; of several values of a key, a device has one.
    """

    state: DeviceState | None = None
    """Those in this state."""
    online: bool | None = None
    """Those that are online, or are not."""
    tag: TagFilters = ()
    """Those with this tag, `key:value`; of several values of a key, one."""
    q: SearchText = ""
    """Those with this text in their name or id, whatever its case."""
    sort: SortText = DeviceSort.DEVICE_ID.value
    """By what they are ordered; with `-` before it from the largest on."""
    limit: Limit = 50
    cursor: CursorText | None = None

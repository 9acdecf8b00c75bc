"""Devices and their keys on the wire."""

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from pushserver.model.device import MAX_HOLD_SECONDS, DeviceState
from pushserver.web.api.types import (
    ActorOut,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
)

DisplayName = Annotated[str, Meta(max_length=200)]
Tags = dict[Annotated[str, Meta(max_length=100)], Annotated[str, Meta(max_length=200)]]
Hold = Annotated[
    float, Meta(ge=0, le=MAX_HOLD_SECONDS, description="Seconds a poll is held.")
]


class DeviceIn(In):
    """What an administrator decides on a device."""

    name: DisplayName | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    hold: Hold | UnsetType | None = UNSET


class DeviceImportRow(In, kw_only=True):
    """One device of an import."""

    device_id: int | str
    name: DisplayName | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    hold: Hold | UnsetType | None = UNSET


class ImportQuery(In):
    """With `dryRun` an import changes nothing."""

    dry_run: bool = False


class ImportOut(Out):
    """What an import did, in devices; or with `dryRun` what it would do."""

    created: int
    updated: int
    unchanged: int
    dry_run: bool = False


class ExportFormat(enum.StrEnum):
    """The form of an export; an import takes both."""

    CSV = "csv"
    NDJSON = "ndjson"


class ExportQuery(In, kw_only=True):
    """Which devices are exported, and how; without `format`, `Accept` decides."""

    state: DeviceState = DeviceState.ADOPTED
    tag: str | None = None
    format: ExportFormat | None = None


class InFlightOut(Out, kw_only=True):
    """The command that is with the device."""

    command_id: str
    endpoint: str
    sent_at: Instant
    delivered_at: Instant | None = None


class UnknownRequestOut(Out, kw_only=True):
    """A request of the device that was no poll and no result."""

    at: Instant
    method: str
    path: str
    address: str | None = None
    body: str | None = None


class UnknownRequestsOut(Out):
    """How many of them there were, and the last few."""

    count: int
    last: list[UnknownRequestOut]


class KeylessOut(Out, kw_only=True):
    """
    Since when, and from where, a device is served without its key.

    So its key is not enforced; left out is what was not recorded.
    """

    since: Instant | None = None
    address: str | None = None


class DeviceOut(Out, kw_only=True):
    """A device: what was decided, and what was seen."""

    device_id: str
    protocol: str | None = None
    name: str | None = None
    tags: dict[str, str]
    state: DeviceState
    hold: float | None = None
    created_at: Instant
    adopted_by: ActorOut | None = None
    last_seen_at: Instant | None = None
    address: str | None = None
    poll_period: float | None = None
    queue_depth: int
    in_flight: InFlightOut | None = None
    keyed: bool
    key_enforced: bool
    keyless: KeylessOut | None = None
    device_seen: bool
    unknown_calls: UnknownRequestsOut | None = None
    identity_conflicts: int | None = None
    identity_conflict_at: Instant | None = None
    shut_out_address: str | None = None


class DevicesOut(PageOut[DeviceOut], kw_only=True):
    """A page of devices, by their ids."""


class DeviceKeyIn(In):
    """
    Whether the key is demanded from now on, whatever the device did before.

    Left out, it is for a device that was created before it polled.
    """

    enforce: bool | None = None


class DeviceKeyOut(Out):
    """
    A device's new key: shown once; and whether it is demanded already.

    `url` is what the device is to be given; absent if the server does not know at which
    address devices reach it.
    """

    key: str
    path: str
    enforced: bool
    url: str | None = None
    keyless: KeylessOut | None = None


class DevicesQuery(In, kw_only=True):
    """Filters of a list of devices; a tag is `key:value`."""

    state: DeviceState | None = None
    tag: str | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None

"""Devices, when they were last seen, and their unknown requests as rows."""

from typing import Any

from pushserver.model.device import Device, DeviceState
from pushserver.model.unknown_request import UnknownRequest
from pushserver.storage.actor_rows import actor_columns, take_actors
from pushserver.storage.table import (
    BLOB,
    FLAG,
    Codec,
    Column,
    Join,
    Row,
    Table,
    enum_codec,
    json_codec,
)


def _make_device(*, device_id: int, external_id: str | None, **fields: Any) -> Device:
    """Make a device; before schema 3 its id was stored only as an int64."""
    take_actors(fields, "adopted_by")
    return Device(
        device_id=device_id, external_id=external_id or str(device_id), **fields
    )


DEVICES = Table(
    "device",
    _make_device,
    [
        "device_id",
        Column("state", codec=enum_codec(DeviceState)),
        "name",
        Column("tags", codec=json_codec(dict[str, str])),
        "hold, created_at, key_hash, old_key_hash",
        Column("key_enforced", codec=FLAG),
        "scope_id, protocol, external_id, used_key_hash",
        Column("announced", codec=FLAG),
        "keyless_since, keyless_address",
        *actor_columns("adopted_by"),
    ],
)
#: The columns that each poll changes; read as a dict of fields of `Device`.
DEVICES_SEEN: Table[dict[str, Any]] = Table(
    "device_seen",
    dict,
    [
        "device_id",
        Column("last_seen_at", codec=Codec(null=0)),
        "address, poll_period",
        Column("polled_without_key", codec=FLAG),
        "unknown_request_count",
    ],
)
DEVICES_WITH_SEEN = Join.of(DEVICES, DEVICES_SEEN)
UNKNOWN_REQUESTS = Table(
    "unknown_request",
    UnknownRequest,
    [
        "id, device_id, at, method, path, address",
        Column("body", codec=BLOB),
    ],
)


def read_device(row: Row) -> Device:
    """Return the device that a row of DEVICES_WITH_SEEN holds."""
    device: Device
    device, seen = DEVICES_WITH_SEEN.read(row)
    for name, value in (seen or {}).items():
        setattr(device, name, value)
    return device

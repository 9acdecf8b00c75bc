"""The fleet's statements: devices, what was seen of them, old keys."""

import sqlite3
from collections.abc import Collection, Sequence

from pushserver.errors import Conflict
from pushserver.model.device import Device, Stray
from pushserver.storage.rows import (
    DEVICE,
    SEEN,
    STRAY,
    device_from_row,
    device_row,
    marks,
    prefixed,
    seen_row,
    stray_from_row,
    stray_row,
)

_ALL = (
    f"SELECT {prefixed(DEVICE, 'device')}, {prefixed(SEEN, 'device_seen')}"
    " FROM device LEFT JOIN device_seen USING (device_id) ORDER BY device.device_id"
)
_SOME = (
    f"SELECT {prefixed(DEVICE, 'device')}, {prefixed(SEEN, 'device_seen')}"
    " FROM device LEFT JOIN device_seen USING (device_id)"
    " WHERE device.device_id IN ({})"
)
_ADD = (
    f"INSERT INTO device ({DEVICE}) VALUES ({marks(DEVICE)})"
    " ON CONFLICT (device_id) DO "
)
_SETTINGS = ", ".join(
    f"{name} = excluded.{name}" for name in DEVICE.split(", ") if name != "device_id"
)
# Adopted devices change their scope by being deleted in the old one first.
_SAVE = (
    f"{_ADD} UPDATE SET {_SETTINGS}"
    " WHERE device.state <> 'adopted' OR device.scope_id = excluded.scope_id"
)
_FIND = f"{_ADD} NOTHING"
_ENFORCE = (
    "UPDATE device SET key_enforced = 1, old_key_hash = NULL"
    " WHERE device_id = ? AND key_hash = ?"
)
_SEEN = f"INSERT OR REPLACE INTO device_seen ({SEEN}) VALUES ({marks(SEEN)})"
_STRAY = f"INSERT INTO stray_request ({STRAY}) VALUES ({marks(STRAY)})"
_STRAYS = f"SELECT {STRAY} FROM stray_request WHERE device_id = ? ORDER BY id"
_OLD_STRAYS = (
    "DELETE FROM stray_request WHERE device_id = ?1 AND id <= ("
    "SELECT id FROM stray_request WHERE device_id = ?1"
    " ORDER BY id DESC LIMIT 1 OFFSET ?2)"
)
_OLD_KEYS = "DELETE FROM idempotency_key WHERE created_at < ?"


def all_devices(connection: sqlite3.Connection) -> Sequence[Device]:
    """Return every device with what was last seen of it."""
    return [device_from_row(row) for row in connection.execute(_ALL)]


def some_devices(
    connection: sqlite3.Connection, device_ids: Collection[int]
) -> Sequence[Device]:
    """Return these devices, those that are there."""
    sql = _SOME.format(", ".join("?" * len(device_ids)))
    return [device_from_row(row) for row in connection.execute(sql, tuple(device_ids))]


def save_devices(connection: sqlite3.Connection, devices: Sequence[Device]) -> None:
    """Write what administrators decided."""
    for device in devices:
        if connection.execute(_SAVE, device_row(device)).rowcount == 0:
            raise Conflict(f"Device {device.device_id} is adopted in another scope.")


def add_devices(connection: sqlite3.Connection, devices: Sequence[Device]) -> None:
    """Keep devices that came by themselves."""
    connection.executemany(_FIND, map(device_row, devices))


def enforce_keys(connection: sqlite3.Connection, devices: Sequence[Device]) -> None:
    """Demand these devices' newest keys."""
    connection.executemany(_ENFORCE, [(d.device_id, d.key_hash) for d in devices])


def forget_device(connection: sqlite3.Connection, device_id: int) -> None:
    """Delete a device and what was seen of it."""
    for table in ("device", "device_seen", "stray_request"):
        connection.execute(f"DELETE FROM {table} WHERE device_id = ?", (device_id,))


def save_seen(
    connection: sqlite3.Connection,
    devices: Sequence[Device],
    strays: Sequence[Stray],
    keep: int,
) -> None:
    """Write what was seen, and of each device's strays only the newest *keep*."""
    connection.executemany(_SEEN, map(seen_row, devices))
    connection.executemany(_STRAY, map(stray_row, strays))
    ids = {stray.device_id for stray in strays}
    connection.executemany(_OLD_STRAYS, [(device_id, keep) for device_id in ids])


def strays(connection: sqlite3.Connection, device_id: int) -> Sequence[Stray]:
    """Return a device's last odd requests."""
    return [stray_from_row(row) for row in connection.execute(_STRAYS, (device_id,))]


def purge_keys(connection: sqlite3.Connection, before: int) -> int:
    """Delete old idempotency keys."""
    return connection.execute(_OLD_KEYS, (before,)).rowcount

"""The fleet's statements: devices, what was seen of them, old keys."""

import sqlite3
from collections.abc import Sequence

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
_SAVE = f"INSERT OR REPLACE INTO device ({DEVICE}) VALUES ({marks(DEVICE)})"
_SEEN = f"INSERT OR REPLACE INTO device_seen ({SEEN}) VALUES ({marks(SEEN)})"
_STRAY = f"INSERT INTO stray_request ({STRAY}) VALUES ({marks(STRAY)})"
_STRAYS = f"SELECT {STRAY} FROM stray_request WHERE device_id = ? ORDER BY id"
_OLD_STRAYS = (
    "DELETE FROM stray_request WHERE device_id = ?1 AND id <= ("
    "SELECT id FROM stray_request WHERE device_id = ?1"
    " ORDER BY id DESC LIMIT 1 OFFSET ?2)"
)
#: Three of its own periods (a device that never polled idly has none), half a minute at
#: the least, and as long as its polls are held.
IS_THERE = (
    "seen.last_seen_at > ? - coalesce(device.hold, ?)"
    " - max(30000000, 3 * coalesce(seen.period, 0))"
)
_OLD_KEYS = "DELETE FROM idempotency_key WHERE created_at < ?"


def all_devices(connection: sqlite3.Connection) -> Sequence[Device]:
    """Return every device with what was last seen of it."""
    return [device_from_row(row) for row in connection.execute(_ALL)]


def save_devices(connection: sqlite3.Connection, devices: Sequence[Device]) -> None:
    """Write what administrators decided."""
    connection.executemany(_SAVE, map(device_row, devices))


def forget_device(connection: sqlite3.Connection, device_id: int) -> None:
    """Delete a device, what was seen of it, and its shadow."""
    for table in ("device", "device_seen", "stray_request", "shadow"):
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

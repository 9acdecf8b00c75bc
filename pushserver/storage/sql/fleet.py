"""The fleet's statements: devices, what was seen of them, old keys."""

from collections.abc import Collection, Sequence
from itertools import islice

from pushserver.model.device import Device, Stray
from pushserver.storage.fleet_rows import (
    DEVICE,
    SEEN,
    STRAY,
    device_from_row,
    device_row,
    seen_row,
    stray_from_row,
    stray_row,
)
from pushserver.storage.rows import columns, prefixed
from pushserver.storage.schema import column_kinds
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.statement import (
    Statement,
    insert,
    padded,
    run_all,
    upsert,
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
_OWN = [name for name in DEVICE.split(", ") if name != "device_id"]
_SAVE = Statement(
    f"INSERT INTO device ({DEVICE}) VALUES {{}} ON CONFLICT (device_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _OWN)
    + " WHERE device.state <> 'adopted' OR device.scope_id = excluded.scope_id",
    columns(DEVICE),
    guarded=True,
    kinds=column_kinds("device", DEVICE),
)
_OWNERS = (
    "SELECT device_id, scope_id FROM device WHERE state = 'adopted'"
    " AND device_id IN ({})"
)
#: Devices that are asked for at a time.
_SOME_IDS = 512
_FIND = Statement(
    f"INSERT INTO device ({DEVICE}) VALUES {{}} ON CONFLICT (device_id) DO NOTHING",
    columns(DEVICE),
    kinds=column_kinds("device", DEVICE),
)
_ENFORCE = Statement(
    "UPDATE device SET key_enforced = 1, old_key_hash = NULL"
    " FROM (VALUES {}) AS new WHERE device.device_id = CAST(new.column1 AS BIGINT)"
    " AND device.key_hash = new.column2",
    2,
)
_SEEN = upsert("device_seen", SEEN, key="device_id")
_STRAY = insert("stray_request", STRAY)
_STRAYS = f"SELECT {STRAY} FROM stray_request WHERE device_id = ? ORDER BY id"
_OLD_STRAYS = (
    "DELETE FROM stray_request WHERE id IN (SELECT id FROM (SELECT id, row_number()"
    " OVER (PARTITION BY device_id ORDER BY id DESC) AS place FROM stray_request"
    " WHERE device_id IN ({})) AS newest WHERE place > ?)"
)
#: Three of its own periods (a device that never polled idly has none), half a minute at
#: the least, and as long as its polls are held.
IS_THERE = (
    "seen.last_seen_at > ? - coalesce(device.hold, ?) - CASE"
    " WHEN seen.period > 10000000 THEN 3 * seen.period ELSE 30000000 END"
)
_OLD_KEYS = "DELETE FROM idempotency_key WHERE created_at < ?"


def all_devices(connection: Connection) -> Sequence[Device]:
    """Return every device with what was last seen of it."""
    return [device_from_row(row) for row in connection.execute(_ALL)]


def some_devices(
    connection: Connection, device_ids: Collection[int]
) -> Sequence[Device]:
    """Return these devices, those that are there."""
    if not device_ids:
        return []
    ids = padded(device_ids)
    sql = _SOME.format(", ".join("?" * len(ids)))
    return [device_from_row(row) for row in connection.execute(sql, ids)]


def save_devices(connection: Connection, devices: Sequence[Device]) -> list[int]:
    """Write what administrators decided, or nothing: return whom others adopted."""
    foreign = _foreign(connection, devices)
    if devices and not foreign:
        run_all(connection, [(_SAVE, list(map(device_row, _in_order(devices))))])
    return foreign


def _foreign(connection: Connection, devices: Sequence[Device]) -> list[int]:
    owners: dict[int, int] = {}
    left = iter(devices)
    while some := tuple(islice(left, _SOME_IDS)):
        ids = padded([device.device_id for device in some])
        sql = _OWNERS.format(", ".join("?" * len(ids)))
        owners.update(connection.execute(sql, ids).fetchall())
    return [
        device.device_id
        for device in devices
        if owners.get(device.device_id, device.scope_id) != device.scope_id
    ]


def _in_order(devices: Sequence[Device]) -> list[Device]:
    """Return devices in the order in which every server locks them."""
    return sorted(devices, key=lambda device: device.device_id)


def add_devices(connection: Connection, devices: Sequence[Device]) -> None:
    """Keep devices that came by themselves."""
    run_all(connection, [(_FIND, list(map(device_row, _in_order(devices))))])


def enforce_keys(connection: Connection, devices: Sequence[Device]) -> None:
    """Demand these devices' newest keys."""
    keys = [(d.device_id, d.key_hash) for d in _in_order(devices)]
    run_all(connection, [(_ENFORCE, keys)])


def forget_device(connection: Connection, device_id: int) -> None:
    """Delete a device, what was seen of it, and its shadow."""
    for table in ("device", "device_seen", "stray_request", "shadow"):
        connection.execute(f"DELETE FROM {table} WHERE device_id = ?", (device_id,))


def save_seen(
    connection: Connection,
    devices: Sequence[Device],
    strays: Sequence[Stray],
    keep: int,
) -> None:
    """Write what was seen, and of each device's strays only the newest *keep*."""
    run_all(connection, [(_SEEN, list(map(seen_row, _in_order(devices))))])
    run_all(connection, [(_STRAY, list(map(stray_row, strays)))])
    if strays:
        ids = padded(sorted({stray.device_id for stray in strays}))
        sql = _OLD_STRAYS.format(", ".join("?" * len(ids)))
        connection.execute(sql, (*ids, keep))


def strays(connection: Connection, device_id: int) -> Sequence[Stray]:
    """Return a device's last odd requests."""
    return [stray_from_row(row) for row in connection.execute(_STRAYS, (device_id,))]


def purge_keys(connection: Connection, before: int) -> int:
    """Delete old idempotency keys."""
    return connection.execute(_OLD_KEYS, (before,)).rowcount

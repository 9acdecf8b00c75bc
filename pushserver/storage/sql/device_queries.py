"""The fleet's statements: devices, what was seen of them, old keys."""

from collections.abc import Collection, Sequence
from itertools import islice

from pushserver.model.device import Device, UnknownRequest
from pushserver.storage.device_rows import (
    DEVICE_COLUMNS,
    DEVICE_SEEN_COLUMNS,
    UNKNOWN_REQUEST_COLUMNS,
    device_from_row,
    device_row,
    device_seen_row,
    unknown_request_from_row,
    unknown_request_row,
)
from pushserver.storage.rows import count_columns, qualified
from pushserver.storage.schema import column_types
from pushserver.storage.sql.bulk import (
    BulkStatement,
    execute_batches,
    insert,
    pad_ids,
    upsert,
)
from pushserver.storage.sql.connection import SqlConnection

_ALL = (
    f"SELECT {qualified(DEVICE_COLUMNS, 'device')},"
    f" {qualified(DEVICE_SEEN_COLUMNS, 'device_seen')}"
    " FROM device LEFT JOIN device_seen USING (device_id) ORDER BY device.device_id"
)
_SELECT_BY_IDS = (
    f"SELECT {qualified(DEVICE_COLUMNS, 'device')},"
    f" {qualified(DEVICE_SEEN_COLUMNS, 'device_seen')}"
    " FROM device LEFT JOIN device_seen USING (device_id)"
    " WHERE device.device_id IN ({})"
)
_MUTABLE_COLUMNS = [name for name in DEVICE_COLUMNS.split(", ") if name != "device_id"]
_UPSERT_DEVICE = BulkStatement(
    f"INSERT INTO device ({DEVICE_COLUMNS}) VALUES {{}} ON CONFLICT (device_id) DO"
    " UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _MUTABLE_COLUMNS)
    + " WHERE device.state <> 'adopted' OR device.scope_id = excluded.scope_id",
    count_columns(DEVICE_COLUMNS),
    must_match_all=True,
    column_types=column_types("device", DEVICE_COLUMNS),
)
_SELECT_ADOPTING_SCOPES = (
    "SELECT device_id, scope_id FROM device WHERE state = 'adopted'"
    " AND device_id IN ({})"
)
#: Devices that are asked for at a time.
_ID_BATCH_SIZE = 512
_INSERT_IF_MISSING = BulkStatement(
    f"INSERT INTO device ({DEVICE_COLUMNS}) VALUES {{}} ON CONFLICT (device_id) DO"
    " NOTHING",
    count_columns(DEVICE_COLUMNS),
    column_types=column_types("device", DEVICE_COLUMNS),
)
_ENFORCE = BulkStatement(
    "UPDATE device SET key_enforced = 1, old_key_hash = NULL"
    " FROM (VALUES {}) AS new WHERE device.device_id = CAST(new.column1 AS BIGINT)"
    " AND device.key_hash = new.column2",
    2,
)
_SEEN = upsert("device_seen", DEVICE_SEEN_COLUMNS, key="device_id")
_INSERT_UNKNOWN_REQUEST = insert("unknown_request", UNKNOWN_REQUEST_COLUMNS)
_SELECT_UNKNOWN_REQUESTS = (
    f"SELECT {UNKNOWN_REQUEST_COLUMNS} FROM unknown_request WHERE device_id = ?"
    " ORDER BY id"
)
_TRIM_UNKNOWN_REQUESTS = (
    "DELETE FROM unknown_request WHERE id IN (SELECT id FROM (SELECT id, row_number()"
    " OVER (PARTITION BY device_id ORDER BY id DESC) AS place FROM unknown_request"
    " WHERE device_id IN ({})) AS newest WHERE place > ?)"
)
#: Three of its own periods (a device that never polled idly has none), half a minute at
#: the least, and as long as its polls are held.
IS_ONLINE = (
    "seen.last_seen_at > ? - coalesce(device.hold, ?) - CASE"
    " WHEN seen.poll_period > 10000000 THEN 3 * seen.poll_period ELSE 30000000 END"
)
_OLD_KEYS = "DELETE FROM idempotency_key WHERE created_at < ?"


def all_devices(connection: SqlConnection) -> Sequence[Device]:
    """Return every device with what was last seen of it."""
    return [device_from_row(row) for row in connection.execute(_ALL)]


def devices_by_id(
    connection: SqlConnection, device_ids: Collection[int]
) -> Sequence[Device]:
    """Return these devices, those that are there."""
    if not device_ids:
        return []
    ids = pad_ids(device_ids)
    sql = _SELECT_BY_IDS.format(", ".join("?" * len(ids)))
    return [device_from_row(row) for row in connection.execute(sql, ids)]


def save_devices(connection: SqlConnection, devices: Sequence[Device]) -> list[int]:
    """Write what administrators decided, or nothing: return whom others adopted."""
    adopted_elsewhere = _adopted_elsewhere(connection, devices)
    if devices and not adopted_elsewhere:
        execute_batches(
            connection,
            [(_UPSERT_DEVICE, list(map(device_row, _sorted_by_id(devices))))],
        )
    return adopted_elsewhere


def _adopted_elsewhere(
    connection: SqlConnection, devices: Sequence[Device]
) -> list[int]:
    owners: dict[int, int] = {}
    left = iter(devices)
    while batch := tuple(islice(left, _ID_BATCH_SIZE)):
        ids = pad_ids([device.device_id for device in batch])
        sql = _SELECT_ADOPTING_SCOPES.format(", ".join("?" * len(ids)))
        owners.update(connection.execute(sql, ids).fetchall())
    return [
        device.device_id
        for device in devices
        if owners.get(device.device_id, device.scope_id) != device.scope_id
    ]


def _sorted_by_id(devices: Sequence[Device]) -> list[Device]:
    """Return devices in the order in which every server locks them."""
    return sorted(devices, key=lambda device: device.device_id)


def add_devices(connection: SqlConnection, devices: Sequence[Device]) -> None:
    """Keep devices that came by themselves."""
    execute_batches(
        connection,
        [(_INSERT_IF_MISSING, list(map(device_row, _sorted_by_id(devices))))],
    )


def enforce_keys(connection: SqlConnection, devices: Sequence[Device]) -> None:
    """Demand these devices' newest keys."""
    keys = [(d.device_id, d.key_hash) for d in _sorted_by_id(devices)]
    execute_batches(connection, [(_ENFORCE, keys)])


def delete_device(connection: SqlConnection, device_id: int) -> None:
    """Delete a device, what was seen of it, and its shadow."""
    for table in ("device", "device_seen", "unknown_request", "shadow"):
        connection.execute(f"DELETE FROM {table} WHERE device_id = ?", (device_id,))


def save_last_seen(
    connection: SqlConnection,
    devices: Sequence[Device],
    unknown_requests: Sequence[UnknownRequest],
    keep: int,
) -> None:
    """Write what was seen, and of each device's strays only the newest *keep*."""
    execute_batches(
        connection, [(_SEEN, list(map(device_seen_row, _sorted_by_id(devices))))]
    )
    execute_batches(
        connection,
        [(_INSERT_UNKNOWN_REQUEST, list(map(unknown_request_row, unknown_requests)))],
    )
    if unknown_requests:
        ids = pad_ids(sorted({stray.device_id for stray in unknown_requests}))
        sql = _TRIM_UNKNOWN_REQUESTS.format(", ".join("?" * len(ids)))
        connection.execute(sql, (*ids, keep))


def list_unknown_requests(
    connection: SqlConnection, device_id: int
) -> Sequence[UnknownRequest]:
    """Return a device's last odd requests."""
    return [
        unknown_request_from_row(row)
        for row in connection.execute(_SELECT_UNKNOWN_REQUESTS, (device_id,))
    ]


def purge_idempotency_keys(connection: SqlConnection, before: int) -> int:
    """Delete old idempotency keys."""
    return connection.execute(_OLD_KEYS, (before,)).rowcount

"""Finds devices with overdue commands, and renews all lanes when the clock jumps."""

from collections.abc import Collection, Sequence
from itertools import islice

from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.conditions import (
    IS_IN_FLIGHT,
    IS_LIVE,
    IS_WAITING,
)
from pushserver.storage.sql.connection import SqlConnection

#: Devices in one statement, and overdue devices returned by one call.
_BATCH_SIZE = 1000
_TIMEOUT_AT = "coalesce(delivered_at, sent_at) + response_timeout"
_IS_NOT_BUSY = (
    "NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.command_id = command.id"
    " AND delivery.ended_at IS NULL"
    " AND delivery.busy_until + command.response_timeout > ?1)"
)
_OVERDUE = (
    f"SELECT device_id FROM (SELECT device_id FROM command WHERE {IS_WAITING}"
    " AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2) AS expired"
    " UNION SELECT device_id FROM (SELECT device_id FROM command"
    f" WHERE {IS_IN_FLIGHT} AND {_TIMEOUT_AT} <= ?1 AND {_IS_NOT_BUSY}"
    f" ORDER BY {_TIMEOUT_AT} LIMIT ?2) AS unanswered"
)
_LIVE_DEVICES = f"SELECT DISTINCT device_id FROM command WHERE {IS_LIVE}"
_RESET_LANES = "UPDATE lane SET version = ?, blocked_until = NULL, changelog = ''"
# Commands that were copied from a SQLite file have no row in `lane` yet. A round that
# decides on such a device now must see that its lane was changed meanwhile.
_ADD_MISSING_LANES = (
    "INSERT INTO lane (device_id, version) SELECT DISTINCT device_id,"
    f" CAST(? AS BIGINT) FROM command WHERE {IS_LIVE}"
    " ON CONFLICT (device_id) DO UPDATE"
    " SET version = excluded.version, blocked_until = NULL, changelog = ''"
    " WHERE lane.version <> excluded.version"
)


def devices_with_live_commands(
    connection: SqlConnection, device_ids: Collection[int]
) -> set[int]:
    """Return those of the devices that have live commands."""
    live_ids: set[int] = set()
    remaining = iter(device_ids)
    while batch := tuple(islice(remaining, _BATCH_SIZE)):
        ids = pad_ids(batch)
        sql = f"{_LIVE_DEVICES} AND device_id IN ({', '.join('?' * len(ids))})"
        live_ids.update(row[0] for row in connection.execute(sql, ids))
    return live_ids


def overdue_devices(connection: SqlConnection, now: int) -> Sequence[int]:
    """Return devices with overdue commands."""
    return [row[0] for row in connection.execute(_OVERDUE, (now, _BATCH_SIZE))]


def renew_lanes(connection: SqlConnection, version: int) -> None:
    """Give every lane this new *version*: commands moved without a lock of devices."""
    connection.execute(_RESET_LANES, (version,))
    connection.execute(_ADD_MISSING_LANES, (version,))

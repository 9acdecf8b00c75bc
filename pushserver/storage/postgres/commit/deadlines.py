"""What is due by the clock, and what a clock that jumped takes along."""

from collections.abc import Collection, Sequence
from itertools import islice

from pushserver.model.ids import first_id_at
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.connection import SqlConnection

#: Devices in one statement, and those that are told to be overdue at a time.
_BATCH_SIZE = 1000
_TIMEOUT_AT = "coalesce(delivered_at, sent_at) + response_timeout"
_OVERDUE = (
    "SELECT device_id FROM (SELECT device_id FROM command WHERE state = 'PENDING'"
    " AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2) AS late"
    " UNION SELECT device_id FROM (SELECT device_id FROM command"
    f" WHERE state IN ('SENT', 'DELIVERED') AND {_TIMEOUT_AT} <= ?1"
    f" ORDER BY {_TIMEOUT_AT} LIMIT ?2) AS mute"
)
_LIVE_DEVICES = (
    "SELECT DISTINCT device_id FROM command"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
)
# What was planned for an instant stays planned for it.
_SHIFT_COMMANDS = (
    "UPDATE command SET sent_at = sent_at + ?1, delivered_at = delivered_at + ?1,"
    " expires_at = expires_at + CASE WHEN not_before > created_at THEN 0"
    " ELSE CAST(?1 AS BIGINT) END"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
)
_SHIFT_DELIVERIES = (
    "UPDATE delivery SET sent_at = delivery.sent_at + ?1,"
    " delivered_at = delivery.delivered_at + ?1 FROM command"
    " WHERE command.id = delivery.command_id AND delivery.ended_at IS NULL"
    " AND command.state IN ('SENT', 'DELIVERED')"
)
# What was given up without a uuid holds its endpoint back for a while.
_SHIFT_BLOCKING_DELIVERIES = (
    "UPDATE delivery SET sent_at = sent_at + ?1, delivered_at = delivered_at + ?1"
    " WHERE id >= ?2 AND outcome IN ('noAnswer', 'closed') AND uuid IS NULL"
)
_SHIFT_DEVICE_UPGRADES = (
    "UPDATE device_upgrade SET updating_at = updating_at + ? WHERE state = 'updating'"
)
_RESET_LANES = "UPDATE lane SET version = ?, blocked_until = NULL, changelog = ''"
# Of devices that nobody decided on yet, since their commands were copied: whoever does
# so just now must see that it was not alone.
_ADD_MISSING_LANES = (
    "INSERT INTO lane (device_id, version) SELECT DISTINCT device_id,"
    " CAST(? AS BIGINT) FROM command WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " ON CONFLICT (device_id) DO UPDATE"
    " SET version = excluded.version, blocked_until = NULL, changelog = ''"
    " WHERE lane.version <> excluded.version"
)
_DAY = 86_400_000_000


def live_devices(connection: SqlConnection, device_ids: Collection[int]) -> set[int]:
    """Return those of the devices for which something waits or flies."""
    live_ids: set[int] = set()
    remaining = iter(device_ids)
    while batch := tuple(islice(remaining, _BATCH_SIZE)):
        ids = pad_ids(batch)
        sql = f"{_LIVE_DEVICES} AND device_id IN ({', '.join('?' * len(ids))})"
        live_ids.update(row[0] for row in connection.execute(sql, ids))
    return live_ids


def overdue(connection: SqlConnection, now: int) -> Sequence[int]:
    """Return devices in whose lanes something is due."""
    return [row[0] for row in connection.execute(_OVERDUE, (now, _BATCH_SIZE))]


def shift(connection: SqlConnection, jump: int, now: int, version: int) -> None:
    """
    Move the deadlines of all that is live; *now* is after the jump.

    Every lane has another *version* then: last, as rounds write it, too.
    """
    connection.execute(_SHIFT_COMMANDS, (jump,))
    connection.execute(_SHIFT_DELIVERIES, (jump,))
    connection.execute(_SHIFT_DEVICE_UPGRADES, (jump,))
    connection.execute(
        _SHIFT_BLOCKING_DELIVERIES, (jump, first_id_at(now - jump - _DAY))
    )
    connection.execute(_RESET_LANES, (version,))
    connection.execute(_ADD_MISSING_LANES, (version,))

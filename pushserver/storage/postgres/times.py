"""What is due by the clock, and what a clock that jumped takes along."""

from collections.abc import Collection, Sequence
from itertools import islice

from pushserver.model.ids import first_id_at
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.statement import padded

#: Devices in one statement, and those that are told to be overdue at a time.
_SOME = 1000
_TIMEOUT = "coalesce(delivered_at, sent_at) + response_timeout"
_OVERDUE = (
    "SELECT device_id FROM (SELECT device_id FROM command WHERE state = 'PENDING'"
    " AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2) AS late"
    " UNION SELECT device_id FROM (SELECT device_id FROM command"
    f" WHERE state IN ('SENT', 'DELIVERED') AND {_TIMEOUT} <= ?1"
    f" ORDER BY {_TIMEOUT} LIMIT ?2) AS mute"
)
_ALIVE = (
    "SELECT DISTINCT device_id FROM command"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
)
# What was planned for an instant stays planned for it.
_LIVE = (
    "UPDATE command SET sent_at = sent_at + ?1, delivered_at = delivered_at + ?1,"
    " expires_at = expires_at + CASE WHEN not_before > created_at THEN 0"
    " ELSE CAST(?1 AS BIGINT) END"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
)
_FLYING = (
    "UPDATE delivery SET sent_at = delivery.sent_at + ?1,"
    " delivered_at = delivery.delivered_at + ?1 FROM command"
    " WHERE command.id = delivery.command_id AND delivery.ended_at IS NULL"
    " AND command.state IN ('SENT', 'DELIVERED')"
)
# What was given up without a uuid holds its endpoint back for a while.
_HOLDING_BACK = (
    "UPDATE delivery SET sent_at = sent_at + ?1, delivered_at = delivered_at + ?1"
    " WHERE id >= ?2 AND outcome IN ('noAnswer', 'closed') AND uuid IS NULL"
)
_UPDATING = (
    "UPDATE upgrade_part SET updating_at = updating_at + ? WHERE state = 'updating'"
)
_RENEW = "UPDATE lane SET version = ?, unsure = NULL, trail = ''"
# Of devices that nobody decided on yet, since their commands were copied: whoever does
# so just now must see that it was not alone.
_RENEW_NEW = (
    "INSERT INTO lane (device_id, version) SELECT DISTINCT device_id,"
    " CAST(? AS BIGINT) FROM command WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " ON CONFLICT (device_id) DO UPDATE"
    " SET version = excluded.version, unsure = NULL, trail = ''"
    " WHERE lane.version <> excluded.version"
)
_DAY = 86_400_000_000


def live(connection: Connection, device_ids: Collection[int]) -> set[int]:
    """Return those of the devices for which something waits or flies."""
    found: set[int] = set()
    left = iter(device_ids)
    while some := tuple(islice(left, _SOME)):
        ids = padded(some)
        sql = f"{_ALIVE} AND device_id IN ({', '.join('?' * len(ids))})"
        found.update(row[0] for row in connection.execute(sql, ids))
    return found


def overdue(connection: Connection, now: int) -> Sequence[int]:
    """Return devices in whose lanes something is due."""
    return [row[0] for row in connection.execute(_OVERDUE, (now, _SOME))]


def shift(connection: Connection, jump: int, now: int, version: int) -> None:
    """
    Move the deadlines of all that is live; *now* is after the jump.

    Every lane has another *version* then: last, as rounds write it, too.
    """
    connection.execute(_LIVE, (jump,))
    connection.execute(_FLYING, (jump,))
    connection.execute(_UPDATING, (jump,))
    connection.execute(_HOLDING_BACK, (jump, first_id_at(now - jump - _DAY)))
    connection.execute(_RENEW, (version,))
    connection.execute(_RENEW_NEW, (version,))

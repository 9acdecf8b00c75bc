"""Starts a round: locks its devices; reads the time, event interest and lane rows."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import attrs

from pushserver.model.device_access import StoredKeys
from pushserver.model.event import EventType, EventTypesByScope
from pushserver.storage.postgres.commit.lane_rows import LaneRow
from pushserver.storage.postgres.connection.arrays import array_literal
from pushserver.storage.postgres.connection.clock import DATABASE_NOW_SQL, DatabaseClock
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.question import read_rows
from pushserver.storage.postgres.connection.threads import ConnectionThread

# Read in the transaction, so that all servers record the same events, and after the
# devices are locked, so that the lane rows are the latest.
_SELECT_ROUND_STATE = (
    f"SELECT {DATABASE_NOW_SQL}, recorded.scope_id, recorded.types,"
    " NULL, NULL, NULL, NULL"
    " FROM (VALUES (1)) AS once"
    " LEFT JOIN (SELECT DISTINCT scope_id, events AS types FROM subscription"
    " WHERE health <> 'disabled' UNION SELECT scope_id, type FROM interest)"
    " AS recorded ON TRUE"
    " UNION ALL SELECT 0, NULL, changelog, device_id, version, live_count,"
    " blocked_until FROM lane"
    " WHERE device_id = ANY(CAST($1 AS BIGINT[]))"
    # What a device has of keys, in a column that fits.
    " UNION ALL SELECT 0, NULL, concat_ws(' ', key_enforced, coalesce(key_hash, '-'),"
    " coalesce(old_key_hash, '-')), device_id, NULL, NULL, scope_id FROM device"
    " WHERE device_id = ANY(CAST($1 AS BIGINT[])) AND state = 'adopted'"
)
_BEGIN_LOCK_SELECT = (
    "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan;"
    " SELECT pg_advisory_xact_lock(id) FROM unnest(CAST('{ids}' AS BIGINT[]))"
    " AS id; EXECUTE {ask} ('{ids}')"
)


@attrs.frozen
class RoundStart:
    """
    What was read: a `clock_offset` for `DatabaseClock`, the `lane_rows`, and of the
    adopted devices which scopes are the `owners`, and the `keys`.
    """

    clock_offset: int
    interest: EventTypesByScope
    lane_rows: dict[int, LaneRow]
    owners: dict[int, int]
    keys: dict[int, StoredKeys]


async def start_round(
    writer: ConnectionThread,
    database_clock: DatabaseClock,
    interest: EventTypesByScope,
    device_ids: Sequence[int],
) -> RoundStart:
    """
    Begin, lock the devices and read, all in one round trip.

    *interest* is this server's. The ids must be sorted, so that no two rounds deadlock.

    Raises:
        Unavailable: the database refused, is down, or did not answer in time.
    """
    connection = writer.connected()
    if connection is None or _SELECT_ROUND_STATE not in connection.prepared:
        return await writer.run(
            lambda c: _as_start(
                c.execute_all(_start_sql(c, device_ids)), database_clock, interest
            )
        )
    sql = _start_sql(connection, device_ids).encode()
    *_, answer = await writer.ask(connection, lambda raw: raw.send_query(sql))
    return _as_start(read_rows(connection, answer), database_clock, interest)


def _start_sql(connection: Connection, device_ids: Sequence[int]) -> str:
    ids = array_literal(device_ids)
    ask = connection.prepare(_SELECT_ROUND_STATE)
    return _BEGIN_LOCK_SELECT.format(ask=ask, ids=ids)


def _as_start(
    rows: Iterable[Sequence[Any]],
    database_clock: DatabaseClock,
    interest: EventTypesByScope,
) -> RoundStart:
    event_types = {scope_id: set(types) for scope_id, types in interest.items()}
    lane_rows: dict[int, LaneRow] = {}
    owners: dict[int, int] = {}
    keys: dict[int, StoredKeys] = {}
    database_now = 0
    for instant, scope_id, text, *lane_columns in rows:
        database_now = max(database_now, int(instant))
        if scope_id is not None:
            event_types.setdefault(scope_id, set()).update(map(EventType, text.split()))
        device_id, version, live, blocked_until = lane_columns
        if device_id is not None and version is None:
            owners[device_id] = blocked_until  # the scope, in a column that fits
            keys[device_id] = _stored_keys(text)
        elif device_id is not None:
            lane_rows[device_id] = LaneRow(version, live, blocked_until, text)
    offset = database_clock.offset_from(database_now)
    return RoundStart(offset, event_types, lane_rows, owners, keys)


@lru_cache(maxsize=4096)
def _stored_keys(text: str) -> StoredKeys:
    enforced, *hashes = text.split()
    newest, old = (None if each == "-" else each for each in hashes)
    return StoredKeys(newest, old, key_enforced=enforced == "1")

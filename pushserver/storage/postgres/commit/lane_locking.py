"""Starts a round: locks its devices; reads the time, event interest and lane rows."""

from collections.abc import Sequence

import attrs

from pushserver.model.device_access import StoredKeys
from pushserver.model.event import EventType, EventTypesByScope
from pushserver.storage.postgres.commit.lane_rows import LaneRow
from pushserver.storage.postgres.connection.clock import DATABASE_NOW_SQL, DatabaseClock
from pushserver.storage.postgres.connection.connection import Connection, array_literal

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
    " WHERE device_id = ANY($1)"
    # What a device has of keys, in a column that fits.
    " UNION ALL SELECT 0, NULL, concat_ws(' ', key_enforced, coalesce(key_hash, '-'),"
    " coalesce(old_key_hash, '-')), device_id, NULL, NULL, scope_id FROM device"
    " WHERE device_id = ANY($1) AND state = 'adopted'"
)
_BEGIN_LOCK_SELECT = (
    "BEGIN; SELECT pg_advisory_xact_lock(id) FROM unnest(CAST('{ids}' AS BIGINT[]))"
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


def start_round(
    connection: Connection,
    database_clock: DatabaseClock,
    interest: EventTypesByScope,
    device_ids: Sequence[int],
) -> RoundStart:
    """
    Begin, lock the devices and read, all in one round trip.

    *interest* is this server's. The ids must be sorted, so that no two rounds deadlock.
    """
    event_types = {scope_id: set(types) for scope_id, types in interest.items()}
    lane_rows: dict[int, LaneRow] = {}
    owners: dict[int, int] = {}
    keys: dict[int, StoredKeys] = {}
    database_now = 0
    statement = connection.prepare("BIGINT[]", _SELECT_ROUND_STATE)
    rows = connection.execute_all(
        _BEGIN_LOCK_SELECT.format(ask=statement, ids=array_literal(device_ids))
    )
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


def _stored_keys(text: str) -> StoredKeys:
    enforced, *hashes = text.split()
    newest, old = (None if each == "-" else each for each in hashes)
    return StoredKeys(newest, old, key_enforced=enforced == "1")

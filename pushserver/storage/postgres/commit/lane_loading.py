"""Reads the lanes that other servers changed; of long ones only what changed."""

from collections.abc import Mapping, Sequence

from pushserver.model.lane import Lane
from pushserver.storage.postgres.commit.lane_cache import CachedLane
from pushserver.storage.postgres.commit.lane_rows import LONG_LANE, LaneRow
from pushserver.storage.postgres.connection.arrays import array_literal
from pushserver.storage.sql import lanes as whole
from pushserver.storage.sql.conditions import IS_LIVE
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.lanes import LanesByDevice

_SELECT_LIVE = (
    "SELECT device_id, id, transition_count, expires_at, held FROM command"
    f" WHERE {IS_LIVE}"
    " AND device_id = ANY(CAST(? AS BIGINT[]))"
)
#: With more changes than this, whole lanes are read: a statement takes 65535 values.
_MAX_PARTIAL_RELOAD = 4096


def load_lanes(
    connection: SqlConnection,
    device_ids: Sequence[int],
    cached: Mapping[int, CachedLane],
    lane_rows: Mapping[int, LaneRow],
    now: int,
) -> LanesByDevice:
    """
    Return the lanes of these devices; empty ones are left out.

    A *cached* lane is used if it has the version of its row in the database.
    """
    lanes: LanesByDevice = {}
    long_lanes: list[tuple[Lane, set[int] | None]] = []
    stale_ids: list[int] = []
    maybe_blocked_ids: list[int] = []
    for device_id in device_ids:
        cached_lane, row = cached.get(device_id), lane_rows.get(device_id)
        version = None if cached_lane is None else cached_lane.version
        if row is not None and cached_lane is not None and version == row.version:
            lanes[device_id] = cached_lane.lane
        elif row is not None and row.is_empty(now):
            continue
        elif (
            row
            and cached_lane
            and version is not None
            and cached_lane.lane.depth >= LONG_LANE
        ):
            long_lanes.append((cached_lane.lane, row.changed_since(version)))
        else:
            stale_ids.append(device_id)
            if row is None or row.may_be_blocked(now):
                maybe_blocked_ids.append(device_id)
    lanes |= whole.load_lanes(connection, stale_ids, now, maybe_blocked_ids)
    if long_lanes:
        lanes |= _load_changes(connection, long_lanes, now)
    return lanes


def _load_changes(
    connection: SqlConnection, stale: Sequence[tuple[Lane, set[int] | None]], now: int
) -> LanesByDevice:
    """
    Read the changed commands of *stale* lanes; None: compare to find them.
    """
    differences = _find_differences(
        connection, [lane for lane, changed in stale if changed is None]
    )
    lanes: LanesByDevice = {}
    missing_ids: set[int] = set()
    for lane, changed in stale:
        reload_ids = differences[lane.device_id] if changed is None else changed
        reload_ids |= _always_reloaded(lane)
        unchanged = [each for each in lane.waiting if each.id not in reload_ids]
        lanes[lane.device_id] = Lane(lane.device_id, unchanged)
        missing_ids |= reload_ids
    if len(missing_ids) > _MAX_PARTIAL_RELOAD:
        return whole.load_lanes(connection, lanes, now)
    whole.complete_lanes(connection, lanes, missing_ids, now)
    return lanes


def _find_differences(
    connection: SqlConnection, lanes: Sequence[Lane]
) -> dict[int, set[int]]:
    """Return the commands that differ between memory and database, by device."""
    live_by_device: dict[int, set[tuple[int, ...]]] = {
        lane.device_id: set() for lane in lanes
    }
    if live_by_device:
        for device_id, *command in connection.execute(
            _SELECT_LIVE, (array_literal(live_by_device),)
        ):
            live_by_device[device_id].add(tuple(command))
    return {
        lane.device_id: _differing_ids(lane, live_by_device[lane.device_id])
        for lane in lanes
    }


def _differing_ids(lane: Lane, live_rows: set[tuple[int, ...]]) -> set[int]:
    waiting = {
        (each.id, each.transition_count, each.expires_at, each.held)
        for each in lane.waiting
    }
    return {command_id for command_id, *_ in live_rows ^ waiting}


def _always_reloaded(lane: Lane) -> set[int]:
    """Return the commands in flight and those with an operation or a service."""
    command_ids = {
        each.id
        for each in lane.waiting
        if each.operation_id is not None or each.service_id is not None
    }
    return command_ids | {each.command.id for each in lane.in_flights}

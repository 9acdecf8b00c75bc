"""Rows of the table `lane`, by which rounds read fewer commands.

A cached lane with the current version is valid. Empty lanes are not read; of long ones
only the commands in the changelog.
"""

from collections.abc import Collection, Mapping, Sequence

import attrs

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.schema_file import column_types
from pushserver.storage.sql.bulk import Batch, BulkStatement

#: A shorter lane has no changelog, and is read whole.
LONG_LANE = 16
#: The most characters of a changelog: several fit into a page of the database.
_MAX_CHANGELOG_LENGTH = 2000
_COLUMNS = "device_id, version, live_count, blocked_until, changelog"
# A jump of the wall clock moves what is scheduled without locking devices, and gives
# every lane a new version. If that happened since the versions were read, the version
# written is negative, which no cached lane has.
_UPSERT_LANES = BulkStatement(
    sql=f"INSERT INTO lane ({_COLUMNS}) VALUES {{}} ON CONFLICT (device_id) DO UPDATE"
    " SET (version, live_count, blocked_until, changelog) = (SELECT"
    " CASE WHEN same THEN excluded.version ELSE -excluded.version END,"
    " excluded.live_count, CASE WHEN same THEN excluded.blocked_until END,"
    " CASE WHEN same THEN excluded.changelog ELSE '' END"
    " FROM (SELECT lane.version = ANY(CAST(CAST(? AS TEXT[]) AS BIGINT[])) AS same)"
    " AS had)",
    column_count=5,
    to_rows=list,
    column_types=column_types("lane", _COLUMNS),
)


@attrs.frozen
class LaneRow:
    """
    How many commands are live, and until when an endpoint is blocked; None: unknown.

    `changelog` has the commands that each of the last versions changed, as
    "version,command,… version,command,…".
    """

    version: int
    live_count: int | None = None
    blocked_until: int | None = None
    changelog: str = ""

    def is_empty(self, now: int) -> bool:
        """Tell whether the lane has no live command and no blocked endpoint."""
        return self.live_count == 0 and not self.may_be_blocked(now)

    def may_be_blocked(self, now: int) -> bool:
        """Tell whether an endpoint may be blocked."""
        return self.blocked_until is None or self.blocked_until > now

    def changed_since(self, version: int) -> set[int] | None:
        """Return the commands changed after *version*; None if that is unknown."""
        changed: set[int] = set()
        for entry in reversed(self.changelog.split()):
            from_version, *command_ids = map(int, entry.split(","))
            changed.update(command_ids)
            if from_version == version:
                return changed
        return None


def updated_lane_rows(
    changes: Changes,
    lanes: Mapping[int, Lane],
    previous_rows: Mapping[int, LaneRow],
    version: int,
    failed: Collection[int],
) -> list[tuple[int, LaneRow]]:
    """
    Return the new rows of the lanes in *changes*, by device.

    *previous_rows* are their rows until now. The rows of *failed* ones are unknown.
    """
    changed_ids = _changed_command_ids(changes)
    rows = []
    for device_id in sorted(changes.affected_device_ids):
        lane, row = lanes.get(device_id), LaneRow(version)
        if lane is not None and device_id not in failed:
            previous = previous_rows.get(device_id)
            changelog = _changelog(lane, previous, changed_ids.get(device_id, set()))
            live_count = lane.depth + len(lane.in_flights)
            row = LaneRow(
                version, live_count, _blocked_until(lane, previous), changelog
            )
        rows.append((device_id, row))
    return rows


def _blocked_until(lane: Lane, previous: LaneRow | None) -> int:
    """Return until when an endpoint is blocked, even by a clock that is behind ours."""
    until = [until for _, until in lane.blocked_endpoints.values()]
    previous_until = None if previous is None else previous.blocked_until
    return max((*until, previous_until or 0))


def _changelog(
    lane: Lane, previous: LaneRow | None, command_ids: Collection[int]
) -> str:
    """Return the changelog with the change of these commands added."""
    if previous is None or lane.depth < LONG_LANE:
        return ""
    entry = ",".join(map(str, (previous.version, *command_ids)))
    changelog = f"{previous.changelog} {entry}".lstrip()
    # Drop the oldest entries, and the one that would be cut in two.
    return (
        changelog
        if len(changelog) <= _MAX_CHANGELOG_LENGTH
        else changelog[-_MAX_CHANGELOG_LENGTH:].partition(" ")[2]
    )


def _changed_command_ids(changes: Changes) -> dict[int, set[int]]:
    """Return the ids of the commands that are written, by device."""
    commands = (*changes.new_commands, *changes.changed_commands.values())
    ids = [(command.device_id, command.id) for command in commands]
    ids += [
        (each.device_id, each.command_id)
        for each in changes.changed_deliveries.values()
    ]
    ids_by_device: dict[int, set[int]] = {}
    for device_id, command_id in ids:
        ids_by_device.setdefault(device_id, set()).add(command_id)
    return ids_by_device


def upsert(
    updated_rows: Sequence[tuple[int, LaneRow]], previous_rows: Mapping[int, LaneRow]
) -> Batch:
    """Return what writes *updated_rows* over *previous_rows*."""
    rows = [
        (device_id, each.version, each.live_count, each.blocked_until, each.changelog)
        for device_id, each in updated_rows
    ]
    return Batch(_UPSERT_LANES, rows, [[row.version for row in previous_rows.values()]])

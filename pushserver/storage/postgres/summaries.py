"""What the table `lane` says of a device's live commands, so that few read them.

Who has the lane in its last version has it as it is. Of an empty lane there is nothing
to be read, and of a long one that was changed no more than its trail names.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane

#: A shorter lane has no trail: it is read whole.
LONG = 16
#: Characters of a trail: a page of the database has room for several.
_ROOM = 2000
# Deadlines are moved without the devices' locks. If that was done since the versions
# were asked for, the new one is negative: nobody has a lane that is so. Who moves them
# gives all lanes a version that no lane had, so it is among none of those known.
_RENEW = (
    "INSERT INTO lane (device_id, version, live, unsure, trail) VALUES {}"
    " ON CONFLICT (device_id) DO UPDATE SET (version, live, unsure, trail) = (SELECT"
    " CASE WHEN same THEN excluded.version ELSE -excluded.version END, excluded.live,"
    " CASE WHEN same THEN excluded.unsure END,"
    " CASE WHEN same THEN excluded.trail ELSE '' END"
    " FROM (SELECT lane.version = ANY(CAST('{{{}}}' AS BIGINT[])) AS same) AS had);"
)


@attrs.frozen
class Summary:
    """
    `live` commands wait or fly; `unsure` is until when an endpoint is held back.

    None: nobody knows. `trail` says which commands were changed since each of the last
    versions: "version,command,… version,command,…".
    """

    version: int
    live: int | None = None
    unsure: int | None = None
    trail: str = ""

    def is_empty(self, now: int) -> bool:
        """Tell whether nothing is remembered in the lane."""
        return self.live == 0 and not self.is_unsure(now)

    def is_unsure(self, now: int) -> bool:
        """Tell whether something may be held back."""
        return self.unsure is None or self.unsure > now

    def changed_since(self, version: int) -> set[int] | None:
        """Return the commands changed after *version*; None: nobody knows."""
        changed: set[int] = set()
        for step in reversed(self.trail.split()):
            before, *command_ids = map(int, step.split(","))
            changed.update(command_ids)
            if before == version:
                return changed
        return None


def summaries(
    changes: Changes,
    lanes: Mapping[int, Lane],
    known: Mapping[int, Summary],
    version: int,
    doubtful: Collection[int],
) -> list[tuple[int, Summary]]:
    """
    Return what is to be said of the lanes that *changes* touched, by their devices.

    *known* is what was said of them. Of those that are *doubtful* nothing is sure.
    """
    changed = _changed(changes)
    found = []
    for device_id in sorted(changes.touched):
        lane, summary = lanes.get(device_id), Summary(version)
        if lane is not None and device_id not in doubtful:
            before = known.get(device_id)
            trail = _trail(lane, before, changed.get(device_id, set()))
            live = lane.depth + (lane.flight is not None)
            summary = Summary(version, live, _unsure(lane, before), trail)
        found.append((device_id, summary))
    return found


def _unsure(lane: Lane, before: Summary | None) -> int:
    """Return until when something is held back, also by a clock that is behind ours."""
    until = [until for _, until in lane.blocked.values()]
    said = None if before is None else before.unsure
    return max((*until, said or 0))


def _trail(lane: Lane, before: Summary | None, command_ids: Collection[int]) -> str:
    """Return the trail of a lane in which these commands are changed, too."""
    if before is None or lane.depth < LONG:
        return ""
    step = ",".join(map(str, (before.version, *command_ids)))
    trail = f"{before.trail} {step}".lstrip()
    # The oldest steps go, also the one of which a piece would be left.
    return trail if len(trail) <= _ROOM else trail[-_ROOM:].partition(" ")[2]


def _changed(changes: Changes) -> dict[int, set[int]]:
    """Return the commands that are to be written, by their devices."""
    commands = (*changes.added, *changes.commands.values())
    ids = [(command.device_id, command.id) for command in commands]
    ids += [(each.device_id, each.command_id) for each in changes.deliveries.values()]
    found: dict[int, set[int]] = {}
    for device_id, command_id in ids:
        found.setdefault(device_id, set()).add(command_id)
    return found


def renewal(told: Sequence[tuple[int, Summary]], known: Mapping[int, Summary]) -> str:
    """Return what writes summaries of lanes of which these were *known*."""
    rows = ", ".join(
        f"({device_id}, {each.version}, {_or_null(each.live)},"
        f" {_or_null(each.unsure)}, '{each.trail}')"
        for device_id, each in told
    )
    versions = ",".join(str(each.version) for each in known.values())
    return _RENEW.format(rows, versions) if rows else ""


def _or_null(value: Any) -> str:
    return "NULL" if value is None else str(value)

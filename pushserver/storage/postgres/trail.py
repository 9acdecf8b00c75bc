"""Trails: which commands of a long lane were changed since it had its last versions.

Whoever has one of these versions reads those commands again, and not thousands to find
out which they are.
"""

from collections.abc import Collection, Mapping

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.postgres.wanted import Beginning

#: A shorter lane needs none: it is read whole.
LONG = 16
#: Versions that are remembered, and commands for each: a page of the database has room
#: for several trails.
_STEPS, _COMMANDS = 40, 40


def since(trail: str, version: int) -> set[int] | None:
    """Return what was changed after *version*; None if the *trail* begins later."""
    changed: set[int] = set()
    for step in reversed(trail.split()):
        before, *command_ids = map(int, step.split(","))
        changed.update(command_ids)
        if before == version:
            return changed
    return None


def trails(
    changes: Changes, lanes: Mapping[int, Lane], beginning: Beginning
) -> dict[int, str]:
    """Return the trail of each lane that was changed, with these *changes* in it."""
    found = dict.fromkeys(changes.touched, "")
    changed = _changed(changes)
    for device_id in found:
        version, trail = beginning.versions.get(device_id), beginning.trails
        if version is not None and lanes[device_id].depth >= LONG:
            command_ids = changed.get(device_id, set())
            found[device_id] = _extended(trail[device_id], version, command_ids)
    return found


def _changed(changes: Changes) -> dict[int, set[int]]:
    """Return the commands that are to be written, by their devices."""
    commands = (*changes.added, *changes.commands.values())
    ids = [(command.device_id, command.id) for command in commands]
    ids += [(each.device_id, each.command_id) for each in changes.deliveries.values()]
    found: dict[int, set[int]] = {}
    for device_id, command_id in ids:
        found.setdefault(device_id, set()).add(command_id)
    return found


def _extended(trail: str, version: int, command_ids: Collection[int]) -> str:
    if len(command_ids) > _COMMANDS:
        return ""
    step = ",".join(map(str, (version, *command_ids)))
    return " ".join([*trail.split(), step][-_STEPS:])

"""Lanes that others have changed are read again, and in those what has changed."""

from collections.abc import Collection, Mapping, Sequence

from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.model.state import State
from pushserver.storage.postgres.known import Kept
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.trail import LONG, since
from pushserver.storage.postgres.wanted import Beginning, array
from pushserver.storage.sql import lanes as whole
from pushserver.storage.sql.lanes import Lanes

_LIVE = (
    "SELECT device_id, id, turns, expires_at FROM command"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " AND device_id = ANY(CAST(? AS BIGINT[]))"
)
# Deadlines are moved without the devices' locks. If that was done since the versions
# were asked for, the new one is negative: nobody has a lane that is so.
_RENEW = (
    "INSERT INTO lane (device_id, version, trail) VALUES {}"
    " ON CONFLICT (device_id) DO UPDATE SET (version, trail) = (SELECT"
    " CASE WHEN same THEN excluded.version ELSE -excluded.version END,"
    " CASE WHEN same THEN excluded.trail ELSE '' END"
    " FROM (SELECT lane.version = ANY(CAST('{}' AS BIGINT[])) AS same) AS had);"
)
#: A lane in which more is new is read whole: a statement takes up to 65535 values.
_MANY = 4096


def load(
    link: Link,
    device_ids: Sequence[int],
    kept: Mapping[int, Kept],
    beginning: Beginning,
    now: int,
) -> Lanes:
    """
    Return lanes as they are; of those that are not returned there is nothing.

    What is *kept* is believed where it has the version that the database says.
    """
    lanes: Lanes = {}
    long: list[tuple[Lane, set[int] | None]] = []
    others: list[int] = []
    for device_id in device_ids:
        one = kept.get(device_id)
        if one is None or one.version is None:
            others.append(device_id)
        elif one.version == beginning.versions.get(device_id):
            lanes[device_id] = one.lane
        elif one.lane.depth >= LONG:
            trail = beginning.trails.get(device_id, "")
            long.append((one.lane, since(trail, one.version)))
        else:
            others.append(device_id)
    lanes |= whole.load(link, others, now)
    if long:
        lanes |= _load_changes(link, long, now)
    return lanes


def _load_changes(
    link: Link, old: Sequence[tuple[Lane, set[int] | None]], now: int
) -> Lanes:
    """Read of *old* lanes what was changed since; None: what that is, is asked, too."""
    differing = _compare(link, [lane for lane, changed in old if changed is None])
    lanes: Lanes = {}
    missing: set[int] = set()
    for lane, changed in old:
        new = differing[lane.device_id] if changed is None else changed
        new.update(each.id for each in lane.commands if not _is_plain(each))
        same = [each for each in lane.waiting if each.id not in new]
        lanes[lane.device_id] = Lane(lane.device_id, same)
        missing |= new
    if len(missing) > _MANY:
        return whole.load(link, lanes, now)
    whole.load_again(link, lanes, missing, now)
    return lanes


def _compare(link: Link, lanes: Sequence[Lane]) -> dict[int, set[int]]:
    """Return the commands in which lanes and database differ, by their devices."""
    live: dict[int, set[tuple[int, ...]]] = {lane.device_id: set() for lane in lanes}
    if live:
        for device_id, *command in link.execute(_LIVE, (array(live),)):
            live[device_id].add(tuple(command))
    return {lane.device_id: _differing(lane, live[lane.device_id]) for lane in lanes}


def _differing(lane: Lane, live: set[tuple[int, ...]]) -> set[int]:
    waiting = {(each.id, each.turns, each.expires_at) for each in lane.waiting}
    return {command_id for command_id, *_ in live ^ waiting}


def _is_plain(command: Command) -> bool:
    """Tell whether it waits, and follows nothing that may move on without it."""
    followed = command.operation_id is not None or command.service_id is not None
    return command.state is State.PENDING and not followed


def renewal(trails: Mapping[int, str], version: int, known: Collection[int]) -> str:
    """
    Return what writes that these lanes were changed, which had the *known* versions.

    Whoever has another version reads again what its trail says, if it has one.
    """
    rows = ", ".join(
        f"({device_id}, {version}, '{trail}')"
        for device_id, trail in sorted(trails.items())
    )
    return _RENEW.format(rows, array(known)) if rows else ""

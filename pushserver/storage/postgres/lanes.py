"""Lanes that others have changed are read again, and in those what has changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.storage.postgres.known import Kept
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.wanted import array
from pushserver.storage.sql import lanes as whole
from pushserver.storage.sql.lanes import Lanes

_LIVE = (
    "SELECT id, turns, expires_at FROM command"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " AND device_id = ANY(CAST(? AS BIGINT[]))"
)
# Deadlines are moved without the devices' locks. If that was done since the versions
# were asked for, the new one is negative: nobody has a lane that is so.
_RENEW = (
    "INSERT INTO lane (device_id, version) VALUES {}"
    " ON CONFLICT (device_id) DO UPDATE SET version = CASE"
    " WHEN lane.version = ANY(CAST('{}' AS BIGINT[])) THEN excluded.version"
    " ELSE -excluded.version END;"
)
#: A lane in which fewer wait is read whole: that is one statement less.
_LONG = 16
#: So are lanes in which more is new: a statement takes no more than 65535 values.
_MANY = 4096


def load(
    link: Link,
    device_ids: Sequence[int],
    kept: Mapping[int, Kept],
    versions: Mapping[int, int],
    now: int,
) -> Lanes:
    """
    Return lanes as they are; of those that are not returned there is nothing.

    What is *kept* is believed where it has the version that the database says.
    """
    lanes: Lanes = {}
    long: list[Lane] = []
    others: list[int] = []
    for device_id in device_ids:
        one = kept.get(device_id)
        if one is None or one.version is None:
            others.append(device_id)
        elif one.version == versions.get(device_id):
            lanes[device_id] = one.lane
        elif len(one.lane.waiting) >= _LONG:
            long.append(one.lane)
        else:
            others.append(device_id)
    lanes |= whole.load(link, others, now)
    if long:
        lanes |= _load_changes(link, long, now)
    return lanes


def _load_changes(link: Link, old: Sequence[Lane], now: int) -> Lanes:
    """Read of lanes what is not as the database has it."""
    device_ids = [lane.device_id for lane in old]
    live = {row[0]: row[1:] for row in link.execute(_LIVE, (array(device_ids),))}
    lanes = {lane.device_id: Lane(lane.device_id) for lane in old}
    for lane in old:
        same = (c for c in _plain(lane) if live.get(c.id) == (c.turns, c.expires_at))
        for command in same:
            lanes[lane.device_id].insert(command)
            del live[command.id]
    if len(live) > _MANY:
        return whole.load(link, device_ids, now)
    whole.load_again(link, lanes, live.keys(), now)
    return lanes


def _plain(lane: Lane) -> Iterator[Command]:
    """Return what waits, but what follows something that may move on without it."""
    for command in lane.waiting:
        if command.operation_id is None and command.service_id is None:
            yield command


def renewal(device_ids: Collection[int], version: int, known: Collection[int]) -> str:
    """
    Return what writes that these lanes were changed, which had the *known* versions.

    Whoever has another version reads again.
    """
    rows = ", ".join(f"({device_id}, {version})" for device_id in sorted(device_ids))
    return _RENEW.format(rows, array(known)) if rows else ""

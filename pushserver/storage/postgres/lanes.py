"""Lanes that others have changed are read again, and in those what has changed."""

from collections.abc import Mapping, Sequence

from pushserver.model.lane import Lane
from pushserver.storage.postgres.known import Kept
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.summaries import LONG, Summary
from pushserver.storage.postgres.wanted import array
from pushserver.storage.sql import lanes as whole
from pushserver.storage.sql.lanes import Lanes

_LIVE = (
    "SELECT device_id, id, turns, expires_at FROM command"
    " WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " AND device_id = ANY(CAST(? AS BIGINT[]))"
)
#: A lane in which more is new is read whole: a statement takes up to 65535 values.
_MANY = 4096


def load(
    link: Link,
    device_ids: Sequence[int],
    kept: Mapping[int, Kept],
    summaries: Mapping[int, Summary],
    now: int,
) -> Lanes:
    """
    Return lanes as they are; of those that are not returned there is nothing.

    What is *kept* is believed where it has the version that the database says.
    """
    lanes: Lanes = {}
    long: list[tuple[Lane, set[int] | None]] = []
    others: list[int] = []
    unsure: list[int] = []
    for device_id in device_ids:
        one, summary = kept.get(device_id), summaries.get(device_id)
        version = None if one is None else one.version
        if summary is not None and one is not None and version == summary.version:
            lanes[device_id] = one.lane
        elif summary is not None and summary.is_empty(now):
            continue
        elif summary and one and version is not None and one.lane.depth >= LONG:
            long.append((one.lane, summary.changed_since(version)))
        else:
            others.append(device_id)
            if summary is None or summary.is_unsure(now):
                unsure.append(device_id)
    lanes |= whole.load(link, others, now, unsure)
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
        new |= _not_plain(lane)
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


def _not_plain(lane: Lane) -> set[int]:
    """Return what is in flight, and what follows something that may move on alone."""
    found = {
        each.id
        for each in lane.waiting
        if each.operation_id is not None or each.service_id is not None
    }
    return found if lane.flight is None else found | {lane.flight.command.id}

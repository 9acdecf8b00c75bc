"""What is to be told to other servers, gathered until it can be sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs
import msgspec

from pushserver.model.change_notice import ChangeNotice, DeviceSeen
from pushserver.model.changes import Changes
from pushserver.model.device import Device
from pushserver.storage.postgres.commit.lane_cache import LaneCache

#: PostgreSQL carries no more than 8000 bytes at a time; an id has up to 19 digits, and
#: what was seen of a device up to 120 characters.
_IDS_PER_NOTICE, _SEEN_PER_NOTICE = 350, 60
#: While nothing can be sent, more than this is told as "everything".
_MAX_ENTRIES = 20_000
_ID_FIELDS = ("waiting", "over", "results", "events")

_decode = msgspec.json.Decoder(ChangeNotice).decode


def decode_notice(payload: str) -> ChangeNotice:
    """Read what another server, or a trigger of the database, told."""
    try:
        return _decode(payload)
    except msgspec.MsgspecError:
        # A newer release may say what this one does not know.
        return ChangeNotice(everything=True)


@attrs.define(eq=False)
class NoticeBuffer:
    """Merges what is to be told."""

    _ids: dict[tuple[str, int], None] = attrs.field(factory=dict, init=False)
    _seen: dict[int, DeviceSeen] = attrs.field(factory=dict, init=False)
    _has_lost_notices: bool = attrs.field(default=False, init=False)

    def __bool__(self) -> bool:
        return bool(self._ids or self._seen) or self._has_lost_notices

    def mark_lost(self) -> None:
        """Note that what was taken may not have arrived."""
        self._has_lost_notices = True

    def add_seen(self, devices: Iterable[Device]) -> None:
        """Gather what was seen of *devices*."""
        self._seen.update(
            (each.device_id, DeviceSeen.from_device(each)) for each in devices
        )

    def _add_ids(self, kind: str, ids: Iterable[int]) -> None:
        self._ids.update(((kind, each), None) for each in ids)

    def add_changes(self, changes: Changes, lane_cache: LaneCache) -> None:
        """Gather what matters to others in what was committed."""
        self._add_ids(
            "waiting", filter(lane_cache.is_ready, changes.affected_device_ids)
        )
        ended_ids = (
            move.command.id for move in changes.transitions if move.command.is_finished
        )
        self._add_ids("over", ended_ids)
        self._add_ids("results", {result.scope_id for result in changes.results})
        self._add_ids("events", {event.scope_id for event in changes.events})

    def clear(self) -> None:
        """Forget it all: there is nobody to tell."""
        self._ids.clear()
        self._seen.clear()
        self._has_lost_notices = False

    def take_payloads(self) -> Sequence[str]:
        """Return what is to be sent, in pieces."""
        ids, self._ids = self._ids, {}
        seen, self._seen = self._seen, {}
        is_incomplete = self._has_lost_notices or len(ids) + len(seen) > _MAX_ENTRIES
        self._has_lost_notices = False
        notices = (
            [ChangeNotice(everything=True)]
            if is_incomplete
            else [*_id_notices(ids), *_seen_notices(seen)]
        )
        return [msgspec.json.encode(notice).decode() for notice in notices]


def _id_notices(ids: Iterable[tuple[str, int]]) -> Iterator[ChangeNotice]:
    remaining = iter(ids)
    while batch := list(islice(remaining, _IDS_PER_NOTICE)):
        fields: dict[str, Any] = {
            kind: frozenset(i for k, i in batch if k == kind) for kind in _ID_FIELDS
        }
        yield ChangeNotice(**fields)


def _seen_notices(seen: Mapping[int, DeviceSeen]) -> Iterator[ChangeNotice]:
    remaining = iter(seen.values())
    while batch := tuple(islice(remaining, _SEEN_PER_NOTICE)):
        yield ChangeNotice(seen=batch)

"""What is to be told to other servers, gathered until it can be sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs
import msgspec

from pushserver.model.changes import Changes
from pushserver.model.device import Device
from pushserver.model.news import News, Sighting
from pushserver.storage.postgres.known import Known

#: PostgreSQL carries no more than 8000 bytes at a time; an id has up to 19 digits, and
#: what was seen of a device up to 120 characters.
_IDS, _SIGHTINGS = 350, 60
#: While nothing can be sent, more than this is told as "everything".
_MOST = 20_000
_KINDS = ("waiting", "over", "results", "events")

_decode = msgspec.json.Decoder(News).decode


def read(payload: str) -> News:
    """Read what another server, or a trigger of the database, told."""
    try:
        return _decode(payload)
    except msgspec.MsgspecError:
        # A newer release may say what this one does not know.
        return News(everything=True)


@attrs.define(eq=False)
class Gathering:
    """Merges what is to be told."""

    _ids: dict[tuple[str, int], None] = attrs.field(factory=dict, init=False)
    _seen: dict[int, Sighting] = attrs.field(factory=dict, init=False)
    _is_lost: bool = attrs.field(default=False, init=False)

    def __bool__(self) -> bool:
        return bool(self._ids or self._seen) or self._is_lost

    def lose(self) -> None:
        """Note that what was taken may not have arrived."""
        self._is_lost = True

    def see(self, devices: Iterable[Device]) -> None:
        """Gather what was seen of *devices*."""
        self._seen.update((each.device_id, Sighting.of(each)) for each in devices)

    def _add(self, kind: str, ids: Iterable[int]) -> None:
        self._ids.update(((kind, each), None) for each in ids)

    def note(self, changes: Changes, known: Known) -> None:
        """Gather what matters to others in what was committed."""
        self._add("waiting", filter(known.is_ready, changes.touched))
        over = (move.command.id for move in changes.moves if move.command.is_over)
        self._add("over", over)
        self._add("results", {result.scope_id for result in changes.results})
        self._add("events", {event.scope_id for event in changes.events})

    def clear(self) -> None:
        """Forget it all: there is nobody to tell."""
        self._ids.clear()
        self._seen.clear()
        self._is_lost = False

    def take(self) -> Sequence[str]:
        """Return what is to be sent, in pieces."""
        ids, self._ids = self._ids, {}
        seen, self._seen = self._seen, {}
        lost = self._is_lost or len(ids) + len(seen) > _MOST
        self._is_lost = False
        told = [News(everything=True)] if lost else [*_pieces(ids), *_sightings(seen)]
        return [msgspec.json.encode(news).decode() for news in told]


def _pieces(ids: Iterable[tuple[str, int]]) -> Iterator[News]:
    left = iter(ids)
    while some := list(islice(left, _IDS)):
        told: dict[str, Any] = {
            kind: frozenset(i for k, i in some if k == kind) for kind in _KINDS
        }
        yield News(**told)


def _sightings(seen: Mapping[int, Sighting]) -> Iterator[News]:
    left = iter(seen.values())
    while some := tuple(islice(left, _SIGHTINGS)):
        yield News(seen=some)

"""Buffers the notices for other servers until they can be sent."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs
import msgspec

from pushserver.model.change_notice import ChangeNotice, DeviceSeen
from pushserver.model.device import Device

#: A NOTIFY payload has less than 8000 bytes; an id has up to 19 digits, a `DeviceSeen`
#: up to 120 characters.
_IDS_PER_NOTICE, _SEEN_PER_NOTICE = 350, 60
#: Instead of more entries than this, "everything" is sent.
_MAX_ENTRIES = 20_000
_ID_FIELDS = ("waiting", "over", "results", "events")

#: The fields of a notice that are not empty, as in its JSON.
_Payload = Mapping[str, Any]

_decode = msgspec.json.Decoder(ChangeNotice).decode


def decode_notice(payload: str) -> ChangeNotice:
    """Decode the notice of another server or of a database trigger."""
    try:
        return _decode(payload)
    except msgspec.MsgspecError:
        # A server of a newer release may send what this one cannot decode.
        return ChangeNotice(everything=True)


@attrs.define(eq=False)
class NoticeBuffer:
    """Merges notices, each id once."""

    _ids: dict[tuple[str, int], None] = attrs.field(factory=dict, init=False)
    _seen: dict[int, DeviceSeen] = attrs.field(factory=dict, init=False)
    _has_lost_notices: bool = attrs.field(default=False, init=False)

    def __bool__(self) -> bool:
        return bool(self._ids or self._seen) or self._has_lost_notices

    def mark_lost(self) -> None:
        """Record that notices may not have been sent: the next says "everything"."""
        self._has_lost_notices = True

    def add_seen(self, devices: Iterable[Device]) -> None:
        """Add when *devices* were last seen."""
        self._seen.update(
            (each.device_id, DeviceSeen.from_device(each)) for each in devices
        )

    def add(self, notice: ChangeNotice) -> None:
        """Add the ids in the notice of a commit of this server."""
        for kind in _ID_FIELDS:
            self._ids.update(((kind, each), None) for each in getattr(notice, kind))

    def clear(self) -> None:
        """Drop everything: there is no other server."""
        self._ids.clear()
        self._seen.clear()
        self._has_lost_notices = False

    def take_payloads(self) -> Sequence[str]:
        """Return and remove what is buffered, in payloads small enough for NOTIFY."""
        ids, self._ids = self._ids, {}
        seen, self._seen = self._seen, {}
        is_incomplete = self._has_lost_notices or len(ids) + len(seen) > _MAX_ENTRIES
        self._has_lost_notices = False
        payloads = (
            [{"everything": True}]
            if is_incomplete
            else [*_id_payloads(ids), *_seen_payloads(seen)]
        )
        return [msgspec.json.encode(payload).decode() for payload in payloads]


def _id_payloads(ids: Iterable[tuple[str, int]]) -> Iterator[_Payload]:
    remaining = iter(ids)
    while batch := list(islice(remaining, _IDS_PER_NOTICE)):
        payload = defaultdict(list)
        for kind, each in batch:
            payload[kind].append(each)
        yield payload


def _seen_payloads(seen: Mapping[int, DeviceSeen]) -> Iterator[_Payload]:
    remaining = iter(seen.values())
    while batch := list(islice(remaining, _SEEN_PER_NOTICE)):
        yield {"seen": batch}

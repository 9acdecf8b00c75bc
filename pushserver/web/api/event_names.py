"""How events are called: by the server's words, or those of the format's platform."""

from collections.abc import Collection, Sequence

from pushserver.dialects.oceanconnect import NOTIFY_TYPES
from pushserver.errors import Invalid
from pushserver.model.event import EventType
from pushserver.model.subscription import Format

_OURS = {str(kind): kind for kind in EventType}
_THEIRS = {name: kind for kind, name in NOTIFY_TYPES.items()}
#: Every name that some format knows.
NAMES = (*_OURS, *_THEIRS)


def read_events(names: Sequence[str], format_: Format) -> frozenset[EventType]:
    """
    Return the events that are meant; OceanConnect's names are known in its format.

    Raises:
        Invalid: there is no event of that name; the pointer says which.
    """
    known = _OURS | _THEIRS if format_ is Format.OCEANCONNECT else _OURS
    for place, name in enumerate(names):
        if name not in known:
            raise Invalid(
                f"There is no event {name[:100]!r} in the format {format_}.",
                pointer=f"/events/{place}",
            )
    return frozenset(known[name] for name in names)


def show_events(events: Collection[EventType], format_: Format) -> list[str]:
    """Return the names of *events*, as the format calls them."""
    if format_ is Format.OCEANCONNECT:
        return sorted(NOTIFY_TYPES.get(kind, kind) for kind in events)
    return sorted(events)

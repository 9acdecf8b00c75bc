"""Names of events: the server's own, and those of a format's platform."""

from collections.abc import Collection, Sequence

from pushserver.dialects.oceanconnect import NOTIFY_TYPES
from pushserver.errors import Invalid
from pushserver.model.event import EventType
from pushserver.model.subscription import WebhookFormat

_NATIVE_NAMES = {str(kind): kind for kind in EventType}
_OCEANCONNECT_NAMES = {name: kind for kind, name in NOTIFY_TYPES.items()}
_ALL = "*"
_FAMILIES = sorted({f"{kind.partition('.')[0]}.*" for kind in EventType})
#: Every name that any format accepts.
EVENT_NAMES = (*_NATIVE_NAMES, *_OCEANCONNECT_NAMES)
#: What stands for several events: those of the server's own names that begin so.
EVENT_PATTERNS = (_ALL, *_FAMILIES)


def parse_event_names(
    names: Sequence[str], format_: WebhookFormat
) -> frozenset[EventType]:
    """
    Return the events of these names; OceanConnect's are valid in its format only.

    A pattern stands for those that have a body in the format.

    Raises:
        Invalid: there is no event of that name; the pointer says which.
    """
    known = (
        _NATIVE_NAMES | _OCEANCONNECT_NAMES
        if format_ is WebhookFormat.OCEANCONNECT
        else _NATIVE_NAMES
    )
    events: set[EventType] = set()
    for index, name in enumerate(names):
        found = {known[name]} if name in known else _matching(name, format_)
        if not found:
            raise Invalid(
                f"There is no event {name[:100]!r} in the format {format_}.",
                pointer=f"/events/{index}",
            )
        events |= found
    return frozenset(events)


def _matching(pattern: str, format_: WebhookFormat) -> set[EventType]:
    if pattern not in EVENT_PATTERNS:
        return set()
    prefix = pattern.removesuffix("*")
    return {kind for kind in format_.event_types if kind.startswith(prefix)}


def format_event_names(
    events: Collection[EventType], format_: WebhookFormat
) -> list[str]:
    """Return the names of *events* in the format."""
    if format_ is WebhookFormat.OCEANCONNECT:
        return sorted(NOTIFY_TYPES.get(kind, kind) for kind in events)
    return sorted(events)

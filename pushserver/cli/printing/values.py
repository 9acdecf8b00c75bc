"""Values as text: exact in one line for programs, or as people read them."""

import json
from datetime import datetime
from typing import Any

import attrs
import msgspec
from rich.highlighter import JSONHighlighter
from rich.text import Text

from pushserver.cli.printing.instants import (
    format_distance,
    is_instant,
    to_the_second,
)

#: The fields whose words say how something is.
STATE_FIELDS = frozenset({"state", "status", "result", "outcome"})
_STATE_COLOURS = {
    "green": "SUCCESSFUL COMPLETED SUCCESS adopted active inSync",
    "red": "FAILED FAIL TIMEOUT dead failed refused",
    "yellow": "STALE EXPIRED PAUSED quarantined paused PREPARING",
    "cyan": "PENDING SENT DELIVERED RUNNING pending downloading downloaded updating",
    "dim": "CANCELED disabled",
}
#: The colour of each word of a state; one that is not here has none.
COLOUR_BY_STATE = {
    state: colour
    for colour, states in _STATE_COLOURS.items()
    for state in states.split()
}
#: The fields that are seconds.
_SECONDS_FIELDS = frozenset({"pollPeriod", "hold", "responseTimeout", "lastSeenAgo"})
#: The fields that vendors and programs fill: they are shown as they are.
_VENDOR_FIELDS = frozenset(
    {"body", "response", "error", "code", "metadata", "desired", "reported"}
)
#: JSON that is longer is not coloured: that takes long, and nobody reads all of it.
_MAX_COLOURED_LENGTH = 200_000
#: From here on fractions say nothing to people.
_ROUNDED_FROM = 10


def strip_unprintable(text: str) -> str:
    """Return *text* without control characters: devices send anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def format_exact(value: Any, name: str = "") -> str:
    """Return the value of the field *name* in one line, with nothing left out."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    plain = value if isinstance(value, str) else _format_plain(name, value)
    text = msgspec.json.encode(value).decode() if plain is None else plain
    return strip_unprintable(text.replace("\n", " "))


def _format_plain(name: str, value: Any) -> str | None:
    """Return tags, lists of words and actors without JSON; None if it is none."""
    if name in _VENDOR_FIELDS:
        return None
    match value:
        case {"tokenId": token_id, **others} if others.keys() <= {"name"}:
            return f"{others['name']} ({token_id})" if others else str(token_id)
        case {"name": str(only_name), **others} if not others:
            return only_name
        case {} if name == "tags" and all(_is_tag(*each) for each in value.items()):
            return " ".join(f"{key}={text}" for key, text in value.items())
        case [*words] if all(isinstance(word, str) for word in words):
            return ", ".join(words)
        case _:
            return None


def _is_tag(key: str, text: str) -> bool:
    """Tell whether a tag is still one tag in a row of them."""
    return len(f"{key}={text}".split()) == 1


def pretty_json(value: Any) -> Text:
    """Return a value as indented JSON, coloured, that cannot steer a terminal."""
    encoded = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if not encoded.replace("\n", "").isprintable():
        # Not every control character has to be escaped in JSON.
        encoded = "".join(
            c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in encoded
        )
    text = Text(encoded)
    if len(encoded) <= _MAX_COLOURED_LENGTH:
        JSONHighlighter().highlight(text)
    return text


@attrs.frozen(kw_only=True)
class Reader:
    """Who reads at a terminal: at what time, and whether instants are wanted."""

    now: datetime
    utc: bool = False

    def cell(self, name: str, value: Any) -> Text:
        """Return the field *name* of something in one line."""
        if self._is_instant(name, value):
            short = to_the_second(value)
            return Text(short if self.utc else format_distance(value, self.now))
        match value:
            case {"tokenId": _, "name": str(actor), **others} if not others:
                value = actor
        return self._format(name, value)

    def field(self, name: str, value: Any) -> Text:
        """Return the field *name* of one thing whole, however many lines it takes."""
        if self._is_instant(name, value):
            if self.utc:
                return Text(value)
            distance = format_distance(value, self.now)
            return Text(f"{to_the_second(value)} ({distance})")
        if isinstance(value, dict | list) and _format_plain(name, value) is None:
            is_said = value or name in _VENDOR_FIELDS
            return pretty_json(value) if is_said else Text()
        return self._format(name, value)

    def _is_instant(self, name: str, value: Any) -> bool:
        return (
            isinstance(value, str) and name not in _VENDOR_FIELDS and is_instant(value)
        )

    def _format(self, name: str, value: Any) -> Text:
        if name in STATE_FIELDS and isinstance(value, str):
            return Text(strip_unprintable(value), COLOUR_BY_STATE.get(value, ""))
        if isinstance(value, float) and name not in _VENDOR_FIELDS:
            value = _rounded(value)
        unit = " s" if name in _SECONDS_FIELDS and value is not None else ""
        return Text(format_exact(value, name) + unit)


def _rounded(number: float) -> str:
    rounded = round(number, 1) or float(f"{number:.1g}")
    return f"{rounded:g}" if abs(rounded) < _ROUNDED_FROM else f"{rounded:.0f}"

"""Compares what a command printed with what the page says that it prints.

What varies from run to run is made the same in both. On a page, `…` stands for any
text, and of a long list of JSON some items may be printed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

#: What varies in the text that a terminal shows, and what it becomes.
_VARIES = (
    (r"━[━╸╺]*|[━╸╺]+━", "━"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<instant>"),
    (r"[\d-]+:[\d-]+:[\d-]+", "<time>"),
    (r"\b\d{17,20}\b", "<id>"),
    (r"\b\d+(\.\d+)? (ms|s|min|h)( ago)?\b", r"<time>\3"),
    (r"pst_[\w-]{20,}", "pst_…"),
    (r"whsec_[\w+/=-]{20,}", "whsec_…"),
    # Where a cell is cut depends on the cells beside it.
    (r"\w+…", "…"),
    # Columns are as wide as what is in them.
    (r" +", " "),
)
#: What varies in JSON, whatever its name is.
_JSON_VARIES = re.compile(
    r"\d{4,20}|\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f-]{36}"
    r"|msg_\d+_\d+"
    # An id as Kapua writes it.
    r"|(?=.*[A-Z])[\w-]{11}"
)
#: Fields whose numbers are never the same.
_MEASURED = frozenset(
    {"duration", "lastSeenAgo", "pollPeriod", "unread", "upgradeTime"}
)


def same_for_all(text: str) -> list[str]:
    """Return the lines of *text* without what varies."""
    for pattern, replacement in _VARIES:
        text = re.sub(pattern, replacement, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def is_shown(expected: str, screen: str) -> bool:
    """Return whether *expected* stands on the screen, wherever its lines are broken."""
    needed, there = " ".join(same_for_all(expected)), " ".join(same_for_all(screen))
    return re.search(_pattern(needed), there) is not None


def _pattern(expected: str) -> str:
    return ".*?".join(map(re.escape, expected.split("…")))


def _fits(expected: str, actual: str) -> bool:
    return re.fullmatch(_pattern(expected), actual, re.DOTALL) is not None


def is_json_shown(expected: str, screen: str) -> bool:
    """Return whether each object of *expected* is on the screen, or in one there."""
    there = list(_json_values(screen))
    return all(
        any(is_same_json(value, part) for each in there for part in _parts(each))
        for value in _json_values(expected)
    )


def _json_values(text: str) -> Iterator[Any]:
    """Yield the objects of JSON that stand in *text*, whatever is between them."""
    decoder = json.JSONDecoder()
    while (start := text.find("{")) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except ValueError:
            end = start + 1
        else:
            yield value
        text = text[end:]


def _parts(value: Any) -> Iterator[Any]:
    """Yield a value, and all that are in it."""
    yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _parts(part)


def is_same_json(expected: Any, actual: Any) -> bool:
    """Return whether two values are the same, but for what varies."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(
            key in _MEASURED or is_same_json(value, actual[key])
            for key, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(actual, list):
        return _is_part(expected, actual)
    if isinstance(expected, str) and isinstance(actual, str):
        both_vary = _JSON_VARIES.fullmatch(expected) and _JSON_VARIES.fullmatch(actual)
        return bool(both_vary) or _fits(expected, actual)
    return bool(expected == actual)


def _is_part(expected: list[Any], actual: list[Any]) -> bool:
    """Return whether *actual* has the items of *expected*, in this order."""
    rest = iter(actual)
    return (not actual or bool(expected)) and all(
        any(is_same_json(item, there) for there in rest) for item in expected
    )

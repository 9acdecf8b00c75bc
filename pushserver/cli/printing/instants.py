"""Instants as people read them: `3 s ago`."""

import re
from datetime import datetime

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_FRACTION = re.compile(r"\.\d+(?=Z$)")
#: Each unit, its length in seconds, and up to how many seconds it is used.
_UNITS = (("s", 1, 100), ("min", 60, 7_200), ("h", 3_600, 172_800))
_DAY = 86_400


def is_instant(text: str) -> bool:
    """Tell whether *text* is an instant as the API writes them."""
    return _INSTANT.fullmatch(text) is not None


def to_the_second(instant: str) -> str:
    """Return an instant without the fraction of its second."""
    return _FRACTION.sub("", instant)


def format_distance(instant: str, now: datetime) -> str:
    """Return how long ago an instant is, or how soon it will be."""
    seconds = round((now - datetime.fromisoformat(instant)).total_seconds())
    duration = _format_duration(abs(seconds))
    return f"{duration} ago" if seconds >= 0 else f"in {duration}"


def _format_duration(seconds: int) -> str:
    for unit, length, below in _UNITS:
        if seconds < below:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds / _DAY)} d"

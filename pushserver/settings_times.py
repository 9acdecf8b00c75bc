"""Times of day in settings: `HH:MM`, or `never`."""

import re
from datetime import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import attrs

_NEVER = "never"
_TIME_OF_DAY = re.compile(r"\d\d:\d\d", re.ASCII)


def validate_time_of_day(_: object, field: "attrs.Attribute[Any]", value: str) -> None:
    """
    Check that a setting is a time of day, or never.

    Raises:
        ValueError: it is neither.
    """
    try:
        parse_time_of_day(value)
    except ValueError:
        raise ValueError(f"{field.name} must be HH:MM or never") from None


def parse_time_of_day(text: str) -> time | None:
    """
    Return the time of day that a setting says; None: never.

    Raises:
        ValueError: it says neither.
    """
    if text == _NEVER:
        return None
    if not _TIME_OF_DAY.fullmatch(text):
        raise ValueError(text)
    return time.fromisoformat(text)

"""Durations in settings: a number in the setting's own unit, or one with its unit."""

import enum
import re
from typing import Any

import attrs

_NUMBER_AND_UNIT = re.compile(
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE
)


class Unit(enum.Enum):
    """A unit of durations, by how many milliseconds it has, and its names."""

    MILLISECONDS = (1, "ms", "milliseconds", "millisecond")
    SECONDS = (1_000, "s", "seconds", "second", "secs", "sec")
    MINUTES = (60_000, "min", "minutes", "minute", "mins", "m")
    HOURS = (3_600_000, "h", "hours", "hour")
    DAYS = (86_400_000, "d", "days", "day")
    WEEKS = (604_800_000, "w", "weeks", "week")

    @property
    def milliseconds(self) -> int:
        """How many milliseconds it has."""
        return int(self.value[0])

    @property
    def symbol(self) -> str:
        """How it is written after a number."""
        return str(self.value[1])

    @property
    def plural(self) -> str:
        """How a sentence calls it."""
        return str(self.value[2])


_UNITS = {name: unit for unit in Unit for name in unit.value[1:]}


@attrs.frozen(kw_only=True)
class DurationRange:
    """The unit of a setting's plain numbers, and how long it may be, in that unit."""

    unit: Unit
    maximum: int
    is_zero_allowed: bool = True

    def parse(self, given: str | float) -> float:
        """
        Return a duration in the unit of this range.

        Raises:
            ValueError: it is no number, or its unit is none.
        """
        match = _NUMBER_AND_UNIT.fullmatch(str(given))
        if isinstance(given, bool) or match is None:
            raise ValueError(f"{given!r} is no duration: it must be {self.rule}")
        number, name = match.groups()
        unit = _UNITS.get(name.lower()) if name else self.unit
        if unit is None:
            units = ", ".join(each.symbol for each in Unit)
            raise ValueError(
                f"{name!r} is no unit of durations; there are {units}, and without one"
                f" it is {self.unit.plural}"
            )
        # Milliseconds are whole numbers, so that `2 min` is 120 seconds exactly.
        return float(number) * unit.milliseconds / self.unit.milliseconds

    def validate(
        self, _: object, field: "attrs.Attribute[Any]", duration: float
    ) -> None:
        """
        Check that a duration is within the range.

        Raises:
            ValueError: it is not; the message names the bound and the unit.
        """
        is_long_enough = duration >= 0 if self.is_zero_allowed else duration > 0
        if not is_long_enough or not duration <= self.maximum:
            shown = format_duration(duration, self.unit.symbol)
            raise ValueError(f"{field.name} must be {self.rule}; {shown} is not")

    @property
    def rule(self) -> str:
        """What is allowed, in words."""
        at_least = "from 0" if self.is_zero_allowed else "more than 0"
        at_most = "to" if self.is_zero_allowed else "and at most"
        return f"{at_least} {at_most} {self.maximum} {self.unit.plural}"


def format_duration(duration: float, symbol: str) -> str:
    """Return a duration as it may be given: `90 d`."""
    return f"{int(duration) if duration.is_integer() else duration} {symbol}"

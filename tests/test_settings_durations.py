"""Durations of settings: with a unit, and in the setting's own without one."""

from typing import Any

import pytest

from pushserver.settings_durations import DurationRange, Unit, format_duration

SECONDS = DurationRange(unit=Unit.SECONDS, maximum=300)
DAYS = DurationRange(unit=Unit.DAYS, maximum=300)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (25, 25),
        (1.5, 1.5),
        ("25", 25),
        ("25s", 25),
        ("25 s", 25),
        (" 0.5 ", 0.5),
        ("250 ms", 0.25),
        ("2 min", 120),
        ("2 MINUTES", 120),
        ("1h", 3600),
        ("-1", -1),
    ],
)
def test_seconds(given: str | float, expected: Any) -> None:
    """
    A plain number is in the range's unit; with a unit it is converted exactly.
    """
    assert expected == SECONDS.parse(given)


@pytest.mark.parametrize(
    ("given", "expected"), [("90", 90), ("90 d", 90), ("12 h", 0.5), ("2 weeks", 14)]
)
def test_days(given: str, expected: Any) -> None:
    """
    Where the plain number is in days, so is what has another unit.
    """
    assert expected == DAYS.parse(given)


@pytest.mark.parametrize("given", ["", "soon", "nan", "inf", "1 2", "s", "1 s 2", True])
def test_no_duration(given: str) -> None:
    """
    What is no number with a unit is refused, with what may be given.
    """
    with pytest.raises(ValueError, match="no duration: it must be from 0 to 300 sec"):
        SECONDS.parse(given)


@pytest.mark.parametrize("unit", Unit)
def test_round_trip(unit: Unit) -> None:
    """
    A duration is shown as it can be given again, in whichever unit.
    """
    durations = DurationRange(unit=unit, maximum=10)

    assert 1.5 == durations.parse(format_duration(1.5, unit.symbol))
    assert 3 == durations.parse(f"3 {unit.plural}")
    assert f"3 {unit.symbol}" == format_duration(3.0, unit.symbol)

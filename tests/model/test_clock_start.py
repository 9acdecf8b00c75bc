"""Where server time goes on when a server starts."""

import attrs
import pytest

from pushserver.clock import FIRST_INSTANT, SECOND
from pushserver.model.clock_start import (
    ClockAnchor,
    ClockReading,
    ClockStart,
    resume_clock,
)
from tests.clock import START

HOUR = 3600 * SECOND
YEAR = 8760 * HOUR
ANCHOR = ClockAnchor(since_boot=100 * SECOND, instant=START)


def reading(wall: int, since_boot: int, *, is_trusted: bool = True) -> ClockReading:
    """Return what the clocks say."""
    return ClockReading(wall=wall, since_boot=since_boot, is_trusted=is_trusted)


@pytest.mark.parametrize("jump", [-YEAR, -2 * SECOND, 2 * SECOND, HOUR, 10 * YEAR])
def test_same_boot(jump: int) -> None:
    """While a machine runs, the time that passed is known, whatever the wall says."""
    found = resume_clock(
        reading(START + HOUR + jump, 100 * SECOND + HOUR), ANCHOR, 0, START
    )

    assert ClockStart(START + HOUR, jump) == found


@pytest.mark.parametrize(
    ("ahead", "forward", "correction"),
    [
        (-SECOND - 1, 0, -SECOND - 1),
        (-SECOND, 0, 0),
        (-1, 0, 0),
        (0, 0, 0),
        (SECOND - 1, SECOND - 1, 0),
        (2 * SECOND, SECOND, 0),
        (2 * SECOND + 1, 0, 2 * SECOND + 1),
    ],
)
def test_drift(ahead: int, forward: int, correction: int) -> None:
    """
    A second, and what clocks drift apart in the time, is no jump; of that, time goes on
    by the drift, and never back.
    """
    passed = 5000 * SECOND
    wall = START + passed + ahead

    found = resume_clock(reading(wall, ANCHOR.since_boot + passed), ANCHOR, 0, START)

    assert ClockStart(START + passed + forward, correction) == found


def test_an_anchor_of_the_future() -> None:
    """A machine that has run for less than at the anchor was started anew."""
    found = resume_clock(reading(START, 99 * SECOND), ANCHOR, 0, START)

    assert ClockStart(START, 0, is_new_period=True) == found


@pytest.mark.parametrize("down", [0, 1, YEAR])
def test_trusted(down: int) -> None:
    """After a start of the machine, a wall clock that is kept right is believed."""
    found = resume_clock(reading(START + down + 7, 1), None, 7, START)

    assert ClockStart(START + down, 7, is_new_period=True) == found


@pytest.mark.parametrize(
    ("ahead", "is_trusted"), [(-1, True), (0, False), (HOUR, False), (-YEAR, False)]
)
def test_in_doubt(ahead: int, *, is_trusted: bool) -> None:
    """Otherwise nobody knows how much time passed: none is counted."""
    found = resume_clock(
        reading(START + ahead, 1, is_trusted=is_trusted), None, 0, START
    )

    assert ClockStart(START, ahead, is_new_period=True, is_in_doubt=True) == found


@pytest.mark.parametrize("anchor", [None, ANCHOR])
@pytest.mark.parametrize("jump", [-YEAR, -HOUR, -1, 0, 1, HOUR, 10 * YEAR])
def test_not_alone(jump: int, anchor: ClockAnchor | None) -> None:
    """
    A server that joins others goes by what they say, whatever the wall clock shows, and
    leaves it to them to correct that.
    """
    others = ClockAnchor(since_boot=7 * SECOND, instant=START + HOUR)
    said = attrs.evolve(
        reading(START + HOUR + jump, 8 * SECOND, is_trusted=False), others=others
    )

    found = resume_clock(said, anchor, 60, START)

    assert ClockStart(START + HOUR + SECOND, 60) == found


@pytest.mark.parametrize(
    ("wall", "latest", "instant"),
    [
        (START, FIRST_INSTANT, START),
        (START, START + YEAR, START + YEAR),
        (0, 0, FIRST_INSTANT),
    ],
)
def test_first_start(wall: int, latest: int, instant: int) -> None:
    """At first the wall clock is believed, unless what is stored is from later."""
    found = resume_clock(reading(wall, 1, is_trusted=False), None, None, latest)

    assert ClockStart(instant, wall - instant, is_new_period=True) == found

"""The clock: steady, and beside a wall that may jump."""

from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from pushserver.clock import (
    SECOND,
    SystemClock,
    from_datetime,
    micros,
    rfc3339,
)
from tests.clock import START, ManualClock

HOUR = 3600 * SECOND


@attrs.define
class FakeClocks:
    """A machine's two clocks, in nanoseconds."""

    wall_ns: int = START * 1000
    steady_ns: int = 5_000

    def clock(self) -> SystemClock:
        """Return the clock that reads them."""
        return SystemClock(lambda: self.wall_ns, lambda: self.steady_ns)

    def pass_by(self, micros: int, *, wall: int | None = None) -> None:
        """Let time pass; the wall may show something else."""
        self.steady_ns += micros * 1000
        self.wall_ns += (micros if wall is None else wall) * 1000


def test_now() -> None:
    """The clock shows the wall's time and goes on with it."""
    machine = FakeClocks()
    clock = machine.clock()
    assert START == clock.now()

    machine.pass_by(HOUR)

    assert START + HOUR == clock.now()
    assert 0 == clock.resync()


@pytest.mark.parametrize("jump", [-365 * 24 * HOUR, -HOUR, HOUR])
def test_jump(jump: int) -> None:
    """A wall that jumps is not followed before it is asked by how much."""
    machine = FakeClocks()
    clock = machine.clock()
    machine.pass_by(SECOND, wall=SECOND + jump)
    assert START + SECOND == clock.now()

    assert jump == clock.resync()
    assert START + SECOND + jump == clock.now()
    assert 0 == clock.resync()


@pytest.mark.parametrize("drift", [-SECOND, -1000, 1, SECOND])
def test_drift(drift: int) -> None:
    """What clocks drift apart is followed, and no jump."""
    machine = FakeClocks()
    clock = machine.clock()
    machine.pass_by(HOUR, wall=HOUR + drift)

    assert 0 == clock.resync()
    assert START + HOUR + drift == clock.now()


def test_real() -> None:
    """Without a machine of its own it reads the real one, in UTC microseconds."""
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        assert abs(SystemClock().now() - START) < SECOND


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (START, "2026-01-01T00:00:00.000000Z"),
        (START + 1, "2026-01-01T00:00:00.000001Z"),
        (START - 1, "2025-12-31T23:59:59.999999Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_rfc3339(instant: int, text: str) -> None:
    """An instant is written with microseconds and Z, twice alike."""
    assert [text, text] == [rfc3339(instant), rfc3339(instant)]


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants it naive
def test_there_and_back(instant: datetime) -> None:
    """What is written can be read to the microsecond, in any order of instants."""
    number = from_datetime(instant)

    assert instant == datetime.fromisoformat(rfc3339(number))
    assert number == from_datetime(
        instant.astimezone(timezone(timedelta(hours=-3)))
        if instant.year < 9999
        else instant
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, 0), (1, SECOND), (0.1, 100_000), (2.0000004, 2 * SECOND)],
)
def test_micros(seconds: float, expected: int) -> None:
    """Seconds become microseconds, rounded."""
    assert expected == micros(seconds)


def test_manual(clock: ManualClock) -> None:
    """
    The clock of these tests moves only when it is ticked; the wall clock when it is
    set.
    """
    clock.tick(1.5)
    clock.jump(-60)
    assert START + 1_500_000 == clock.now()

    assert (-60 * SECOND, 0) == (clock.resync(), clock.resync())
    assert START + 1_500_000 - 60 * SECOND == clock.now()

"""The clock: it goes on as time passes, beside a wall clock that may jump."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from pushserver.clock import (
    CORRECTIONS,
    FIRST_INSTANT,
    SECOND,
    ClockPeriod,
    Machine,
    SystemClock,
    from_datetime,
    micros,
    rfc3339,
    server_time,
    utc_text,
    wall_nanoseconds,
    wall_time,
)
from tests.clock import START, FakeMachine, ManualClock

HOUR = 3600 * SECOND


def test_now() -> None:
    """The clock shows the wall's time, and goes on as time passes."""
    machine = FakeMachine()
    clock = machine.clock()
    assert START == clock.now()

    machine.pass_by(HOUR)

    assert (START + HOUR, 0) == (clock.now(), clock.wall_ahead())


def test_a_wall_clock_past_2262(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that shows more than Python can count goes on from that."""

    def overflow() -> int:
        raise OverflowError

    monkeypatch.setattr(time, "time_ns", overflow)
    monkeypatch.setattr("pushserver.clock._since_boot", lambda: 2_000_000_000)
    wall = wall_nanoseconds()

    assert "2262-04-11T23:47:18.854775Z" == utc_text(wall // 1000)


@pytest.mark.parametrize("jump", [-365 * 24 * HOUR, -HOUR, HOUR])
def test_jump(jump: int) -> None:
    """A wall that jumps moves no instant; the clock says by how much."""
    machine = FakeMachine()
    clock = machine.clock()
    machine.pass_by(SECOND, jump=jump)

    assert (START + SECOND, jump) == (clock.now(), clock.wall_ahead())


@pytest.mark.parametrize(
    ("drift", "followed"), [(-SECOND, -SECOND), (SECOND, SECOND), (SECOND + 1, 0)]
)
def test_follow(drift: int, followed: int) -> None:
    """A database's clock is followed as far as it drifts."""
    machine = FakeMachine()
    clock = machine.clock()

    clock.follow(START + drift - clock.since_boot())

    assert (START + followed, drift - followed) == (clock.now(), clock.wall_ahead())


def test_before_ids() -> None:
    """A wall clock from before the first id does not show in server time."""
    machine = FakeMachine(wall_ns=0)

    assert FIRST_INSTANT == machine.clock().now()
    assert -FIRST_INSTANT == machine.clock().wall_ahead()


def test_real() -> None:
    """Without a machine of its own it reads the real one, in UTC microseconds."""
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        assert abs(SystemClock().now() - START) < SECOND


def test_real_machine() -> None:
    """A machine has the same id for all that run on it since it was started."""
    assert Machine().boot_id == Machine().boot_id
    assert Machine().since_boot() <= Machine().since_boot()
    assert Machine().is_synchronized() in (False, True)


PERIODS = (ClockPeriod(0, 0), ClockPeriod(100, 50), ClockPeriod(200, -100))


@pytest.mark.parametrize(
    ("instant", "wall"), [(-1, -1), (99, 99), (100, 150), (199, 249), (200, 100)]
)
def test_names(instant: int, wall: int) -> None:
    """An instant is called by the correction of its period."""
    CORRECTIONS.replace(PERIODS)

    assert wall == wall_time(instant)
    assert utc_text(wall) == rfc3339(instant)


@pytest.mark.parametrize(
    ("wall", "instant"),
    [(-5, -5), (99, 99), (120, 220), (100, 200), (500, 600)],
)
def test_instants(wall: int, instant: int) -> None:
    """A name means the latest instant that is called so."""
    CORRECTIONS.replace(PERIODS)

    assert instant == server_time(wall)


def test_a_name_that_was_left_out() -> None:
    """A name that a jump left out means the instant of the jump."""
    CORRECTIONS.replace((ClockPeriod(0, 0), ClockPeriod(100, 50)))

    assert [99, 100, 100, 100, 101] == [
        server_time(wall) for wall in (99, 100, 149, 150, 151)
    ]


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

    assert (START + 1_500_000, -60 * SECOND) == (clock.now(), clock.wall_ahead())

"""Server time, passed in as a clock, and what people call its instants.

An instant is an int: microseconds of *server time*. It advances with the time since the
machine was started and never jumps, so whatever was said in seconds takes so long. The
wall clock, which may jump, says only how instants are shown: `CORRECTIONS` has by how
much it is ahead, and was. As long as no wall clock jumped, both are the same:
microseconds UTC since 1970.
"""

import ctypes
import socket
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import attrs

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Server time does not begin before 2024-01-01T00:00:00Z, where ids begin.
FIRST_INSTANT = 1_704_067_200 * SECOND
#: A difference up to this (microseconds) is ordinary drift of the clocks, not a jump.
JUMP_TOLERANCE = SECOND
_since_boot = partial(
    time.clock_gettime_ns, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
)
_TIME_ERROR = 5  # what `adjtimex` returns for a clock that nobody sets


#: The last one that fits into what Python counts them with.
_LAST_NANOSECOND = 2**63 - 1


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """Return the present instant of server time, in microseconds."""

    def wall_ahead(self) -> int:
        """Return by how many microseconds the wall clock is ahead of server time."""


def wall_nanoseconds() -> int:
    """
    Return the nanoseconds since 1970 that the machine's wall clock shows.

    Python tells none after the year 2262: a clock that is so wrong goes on from there.
    """
    try:
        return time.time_ns()
    except OverflowError:
        # One that stood still would jump back again and again.
        return _LAST_NANOSECOND + _since_boot()


def _read_boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        # As if the machine were started each time.
        return f"started {wall_nanoseconds()}"


def _is_synchronized() -> bool:
    """Tell whether the kernel knows of a program that keeps its clock right."""
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))
    except (AttributeError, OSError):
        return False
    return 0 <= state < _TIME_ERROR


@attrs.frozen
class Machine:
    """
    The clocks of a machine, in nanoseconds; `boot_id` changes when it is started.

    The time `since_boot` passes while the machine sleeps, too.
    """

    wall: Callable[[], int] = wall_nanoseconds
    since_boot: Callable[[], int] = _since_boot
    boot_id: str = attrs.field(factory=_read_boot_id)
    host: str = attrs.field(factory=socket.gethostname)
    is_synchronized: Callable[[], bool] = _is_synchronized


class SystemClock:
    """Server time on a machine: the machine's wall time until a store says more."""

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine or Machine()
        self._since_boot = self.machine.since_boot
        self._wall_offset: int | None = None
        self.start_at(max(self.machine.wall() // 1000, FIRST_INSTANT))

    def now(self) -> int:
        """Return the present instant of server time, in microseconds."""
        return self._since_boot() // 1000 + self._offset

    def since_boot(self) -> int:
        """Return the microseconds since the machine was started."""
        return self._since_boot() // 1000

    @property
    def offset(self) -> int:
        """By how many microseconds server time is ahead of `since_boot`."""
        return self._offset

    def start_at(self, instant: int, since_boot: int | None = None) -> None:
        """Go on from *instant*, which it was at *since_boot*; None: it is now."""
        at = self.since_boot() if since_boot is None else since_boot
        self._offset = instant - at

    def wall(self) -> int:
        """Return what the wall clock shows: the database's, if there is one."""
        if self._wall_offset is None:
            return self.machine.wall() // 1000
        return self.since_boot() + self._wall_offset

    def wall_ahead(self) -> int:
        """Return by how many microseconds the wall clock is ahead of server time."""
        return self.wall() - self.now()

    def follow(self, wall_offset: int) -> None:
        """
        Follow the database's wall clock, which is so far ahead of `since_boot`.

        Drift is followed at once; a jump is not: time goes on as it passes.
        """
        self._wall_offset = wall_offset
        drift = wall_offset - CORRECTIONS.current - self._offset
        if abs(drift) <= JUMP_TOLERANCE:
            self._offset += drift


@attrs.frozen
class ClockPeriod:
    """From `started_at` on, wall time is server time and this `correction`."""

    started_at: int
    correction: int


class Corrections:
    """By how much wall time is ahead of server time, in each period."""

    def __init__(self) -> None:
        self.replace(())

    def replace(self, periods: Sequence[ClockPeriod]) -> None:
        """Take these periods, oldest first."""
        self._periods = periods or (ClockPeriod(0, 0),)
        self._starts = [each.started_at for each in self._periods]
        self.last = self._periods[-1]

    @property
    def current(self) -> int:
        """The correction of the present."""
        return self.last.correction

    def at(self, instant: int) -> int:
        """Return the correction of *instant*."""
        if instant >= self.last.started_at:
            return self.last.correction
        return self._periods[max(0, bisect_right(self._starts, instant) - 1)].correction

    def server_time(self, wall: int) -> int:
        """Return the latest instant that is called *wall*, or would have been."""
        end = None
        for period in reversed(self._periods):
            instant = wall - period.correction
            if instant >= period.started_at:
                return instant if end is None else min(instant, end)
            end = period.started_at
        return instant


#: This process serves one store: its opening says what these are.
CORRECTIONS = Corrections()


def micros(seconds: float) -> int:
    """Return *seconds* in microseconds."""
    return round(seconds * SECOND)


def from_datetime(instant: datetime) -> int:
    """Return an aware datetime as microseconds UTC: wall time."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def wall_now(clock: Clock) -> datetime:
    """Return what the wall clock shows now, in UTC, however it was set."""
    return EPOCH + timedelta(microseconds=clock.now() + clock.wall_ahead())


def server_time(wall: int) -> int:
    """Return the instant of server time that is called *wall*."""
    return CORRECTIONS.server_time(wall)


def wall_time(instant: int) -> int:
    """Return *instant* as people call it: microseconds UTC."""
    return instant + CORRECTIONS.at(instant)


def rfc3339(instant: int) -> str:
    """Return *instant* as people call it, in RFC 3339 with microseconds and Z."""
    seconds, rest = divmod(instant + CORRECTIONS.at(instant), SECOND)
    return f"{_second(seconds)}.{rest:06d}Z"


def utc_text(wall: int) -> str:
    """Return microseconds UTC as RFC 3339 with microseconds, with Z."""
    seconds, rest = divmod(wall, SECOND)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    """Return the part up to whole seconds; most calls share a few of them."""
    at = EPOCH + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S")

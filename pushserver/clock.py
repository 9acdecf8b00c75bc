"""Time, passed in as a clock: an instant is an int, microseconds UTC since 1970.

Waiting uses the monotonic clock. `SystemClock.now` advances with it, too, so that a
jump of the wall clock delays and hurries nothing; `resync` follows such a jump and
returns its size, by which deadlines in memory have to be moved.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A difference up to this (microseconds) is ordinary drift of the clocks, not a jump.
JUMP_TOLERANCE = SECOND


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """Return the present instant in microseconds UTC."""

    def resync(self) -> int:
        """Follow the wall clock; return the jump made, in microseconds, else 0."""


class SystemClock:
    """The machine's time, without jumps between two calls of `resync`."""

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> int:
        """Return the present instant in microseconds UTC."""
        return (self._monotonic() + self._offset) // 1000

    def resync(self) -> int:
        """Follow the wall clock; return the jump made, in microseconds, else 0."""
        offset = self._wall() - self._monotonic()
        jump = (offset - self._offset) // 1000
        self._offset = offset
        return jump if abs(jump) > JUMP_TOLERANCE else 0


def micros(seconds: float) -> int:
    """Return *seconds* in microseconds."""
    return round(seconds * SECOND)


def from_datetime(instant: datetime) -> int:
    """Return an aware datetime as microseconds UTC."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def rfc3339(instant: int) -> str:
    """Return *instant* as RFC 3339 with microseconds, in UTC with Z."""
    seconds, rest = divmod(instant, SECOND)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    """Return the part up to whole seconds; most calls share a few of them."""
    at = EPOCH + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S")

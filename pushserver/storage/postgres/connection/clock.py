"""The database's time: the clock of all servers, from which ids are made."""

import time

import attrs

from pushserver.clock import SECOND, Clock, SystemClock
from pushserver.storage.postgres.connection.connection import Connection

#: A measurement is valid for at least this long; the clocks drift apart.
_MEASUREMENT_WINDOW = 60 * SECOND
#: The database's time in SQL, in microseconds UTC.
DATABASE_NOW_SQL = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@attrs.define(eq=False)
class DatabaseClock:
    """
    Estimates the database's time, and is never ahead of it.

    The offset of the database's clock to the monotonic clock is measured when an answer
    arrives, so it is at most the true one; the largest measurement counts. A clock that
    is not the machine's (in tests) is used as it is.
    """

    clock: Clock
    _uses_database: bool = attrs.field(init=False)
    _offset: int | None = attrs.field(default=None, init=False)
    _previous_offset: int | None = attrs.field(default=None, init=False)
    _window_started_at: int = attrs.field(default=0, init=False)

    @_uses_database.default
    def _is_system_clock(self) -> bool:
        return isinstance(self.clock, SystemClock)

    def now(self) -> int:
        """Return the present instant, in microseconds UTC."""
        offsets = [
            each for each in (self._offset, self._previous_offset) if each is not None
        ]
        return (
            _monotonic_us() + max(offsets)
            if self._uses_database and offsets
            else self.clock.now()
        )

    def measure_offset(self, connection: Connection) -> int:
        """Ask the database for its time; return the offset to the monotonic clock."""
        (database_now,) = connection.execute(
            f"SELECT {DATABASE_NOW_SQL}"
        ).fetchone() or (0,)
        return self.offset_from(int(database_now))

    @staticmethod
    def offset_from(database_now: int) -> int:
        """
        Return the offset of *database_now*, read just now, to the monotonic clock.
        """
        return database_now - _monotonic_us()

    def record_offset(self, offset: int) -> None:
        """Record a measured offset."""
        if _monotonic_us() - self._window_started_at > _MEASUREMENT_WINDOW:
            self._window_started_at = _monotonic_us()
            self._previous_offset, self._offset = self._offset, None
        self._offset = offset if self._offset is None else max(self._offset, offset)


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000

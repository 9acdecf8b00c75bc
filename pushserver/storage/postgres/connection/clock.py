"""The database's wall clock, which the servers over it share."""

from collections.abc import Callable

import attrs

from pushserver.clock import CORRECTIONS, SECOND, Clock, ClockPeriod, SystemClock
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.sql.clock_store import open_clock
from pushserver.storage.sql.server_clock import read_periods

#: A measurement is valid for at least this long; the clocks drift apart.
_MEASUREMENT_WINDOW = 60 * SECOND
#: The database's time in SQL, in microseconds UTC.
DATABASE_NOW_SQL = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
_MEASURE = (
    f"SELECT {DATABASE_NOW_SQL}, started_at, correction FROM clock_period"
    " ORDER BY started_at DESC LIMIT 1"
)
#: Servers start their clocks one after the other; devices' locks are never negative.
_LOCK = "SELECT pg_advisory_xact_lock(-2)"


@attrs.define(eq=False)
class DatabaseClock:
    """
    Lets the `clock` of this server follow the database's, and never be ahead of it.

    The offset of the database's clock to the time since this machine was started is
    measured when an answer arrives, so it is at most the true one; the largest
    measurement counts. A clock that is not the machine's (in tests) follows nothing.
    """

    clock: Clock
    _offset: int | None = attrs.field(default=None, init=False)
    _previous_offset: int | None = attrs.field(default=None, init=False)
    _window_started_at: int = attrs.field(default=0, init=False)

    def now(self) -> int:
        """Return the present instant, which all servers agree about."""
        return self.clock.now()

    def open(
        self, connection: Connection, count_others: Callable[[Connection], int]
    ) -> None:
        """Start the clock where the servers over this database are, or were."""
        connection.execute("BEGIN")
        connection.execute(_LOCK)
        row = connection.execute(f"SELECT {DATABASE_NOW_SQL}").fetchone() or (0,)
        self.record_offset(self.offset_from(row[0]))
        open_clock(connection, self.clock, is_alone=not count_others(connection))
        connection.execute("COMMIT")
        if isinstance(self.clock, SystemClock):
            # As one that went on running would, it goes back a little only when what
            # was measured before the restart is too old.
            self.record_offset(self.clock.offset + CORRECTIONS.current)

    def measure(self, connection: Connection) -> bool:
        """
        Ask the database for its time; tell whether another server corrected it.
        """
        row = connection.execute(_MEASURE).fetchone()
        if row is None:
            return False
        database_now, *last = row
        is_corrected = ClockPeriod(*last) != CORRECTIONS.last
        if is_corrected:
            CORRECTIONS.replace(read_periods(connection))
            self.forget_measurements()
        self.record_offset(self.offset_from(database_now))
        if is_corrected:
            # What the servers have agreed about; usually it is so here already.
            self.clock.adopt_wall()
        return is_corrected

    def forget_measurements(self) -> None:
        """Forget what was measured before a correction."""
        self._offset = self._previous_offset = None

    def offset_from(self, database_now: int) -> int:
        """Return the offset of *database_now*, read just now."""
        clock = self.clock
        passed = clock.since_boot() if isinstance(clock, SystemClock) else clock.now()
        return int(database_now) - passed

    def record_offset(self, offset: int) -> None:
        """Record a measured offset, and follow the largest one."""
        clock = self.clock
        if not isinstance(clock, SystemClock):
            return
        now = clock.since_boot()
        if now - self._window_started_at > _MEASUREMENT_WINDOW:
            self._window_started_at = now
            self._previous_offset, self._offset = self._offset, None
        self._offset = offset if self._offset is None else max(self._offset, offset)
        offsets = (self._offset, self._previous_offset)
        clock.follow(max(each for each in offsets if each is not None))

"""The database's wall clock, which the servers over it share."""

from collections.abc import Callable

import attrs

from pushserver.clock import (
    CORRECTIONS,
    JUMP_TOLERANCE,
    SECOND,
    Clock,
    ClockPeriod,
    SystemClock,
)
from pushserver.model.clock_start import ClockAnchor
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
#: Less than any, while nothing was measured.
_NO_OFFSET = -(2**63)
#: Asks the other servers what time it is; None: there are none.
AskOthers = Callable[[Connection, SystemClock], ClockAnchor | None]


@attrs.define(eq=False)
class DatabaseClock:
    """
    Lets the `clock` of this server follow the database's, and never be ahead of it.

    The offset of the database's clock to the time since this machine was started is
    measured when an answer arrives, so it is at most the true one; the largest
    measurement counts, until one shows that the database's clock went back. A clock
    that is not the machine's (in tests) follows nothing.
    """

    clock: Clock
    _offset: int | None = attrs.field(default=None, init=False)
    _previous_offset: int | None = attrs.field(default=None, init=False)
    _window_started_at: int = attrs.field(default=0, init=False)

    def now(self) -> int:
        """Return the present instant, which all servers agree about."""
        return self.clock.now()

    def open(self, connection: Connection, ask_others: AskOthers) -> None:
        """Start the clock where the servers over this database are, or were."""
        clock, others = self.clock, None
        if isinstance(clock, SystemClock):
            others = ask_others(connection, clock)
        connection.execute("BEGIN")
        connection.execute(_LOCK)
        row = connection.execute(f"SELECT {DATABASE_NOW_SQL}").fetchone() or (0,)
        self.record_offset(self.offset_from(row[0]))
        open_clock(connection, clock, others)
        connection.execute("COMMIT")
        if isinstance(clock, SystemClock):
            # As one that went on running would, it goes back a little only when what
            # was measured before the restart is too old.
            self.record_offset(clock.offset + CORRECTIONS.current)

    def measure(self, connection: Connection) -> bool:
        """
        Ask the database for its time; tell whether another server corrected it.
        """
        asked_at = self._since_boot()
        row = connection.execute(_MEASURE).fetchone()
        if row is None:
            return False
        database_now, *last = row
        is_corrected = ClockPeriod(*last) != CORRECTIONS.last
        if is_corrected:
            CORRECTIONS.replace(read_periods(connection))
            self.forget_measurements()
        elif int(database_now) - asked_at < self._largest_offset - JUMP_TOLERANCE:
            # However long the answer took: the clock shows less than it did.
            self.forget_measurements()
        self.record_offset(self.offset_from(database_now))
        return is_corrected

    def forget_measurements(self) -> None:
        """Forget what was measured before a correction, or a jump."""
        self._offset = self._previous_offset = None

    def offset_from(self, database_now: int) -> int:
        """Return the offset of *database_now*, read just now."""
        return int(database_now) - self._since_boot()

    def _since_boot(self) -> int:
        clock = self.clock
        return clock.since_boot() if isinstance(clock, SystemClock) else clock.now()

    @property
    def _largest_offset(self) -> int:
        offsets = (self._offset, self._previous_offset)
        return max((each for each in offsets if each is not None), default=_NO_OFFSET)

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
        clock.follow(self._largest_offset)

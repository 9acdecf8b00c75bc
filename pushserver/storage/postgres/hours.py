"""The database's time, by which ids are made: one time for all servers."""

import time

import attrs

from pushserver.clock import SECOND, Clock, SystemClock
from pushserver.storage.postgres.link import Link

#: How long a measurement counts at least; the machines' clocks drift apart.
_WINDOW = 60 * SECOND
#: The database's time in SQL, in microseconds UTC.
INSTANT = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@attrs.define(eq=False)
class Hours:
    """
    What time it is in the database, never ahead of it, and never before what it said.

    The database says what time it is; by when its answer is here that much has passed
    at least. Where another clock than the machine's is handed in, that one is believed.
    """

    clock: Clock
    _follows: bool = attrs.field(init=False)
    _offset: int | None = attrs.field(default=None, init=False)
    _before: int | None = attrs.field(default=None, init=False)
    _window: int = attrs.field(default=0, init=False)

    @_follows.default
    def _is_real(self) -> bool:
        return isinstance(self.clock, SystemClock)

    def now(self) -> int:
        """Return the present instant, in microseconds UTC."""
        known = [each for each in (self._offset, self._before) if each is not None]
        return _steady() + max(known) if self._follows and known else self.clock.now()

    def ask(self, link: Link) -> int:
        """Ask the database; return by how much its time is ahead of the steady one."""
        (told,) = link.execute(f"SELECT {INSTANT}").fetchone() or (0,)
        return self.offset(int(told))

    @staticmethod
    def offset(told: int) -> int:
        """Return by how much what was *told* just now is ahead of the steady time."""
        return told - _steady()

    def hear(self, offset: int) -> None:
        """Note such an offset."""
        if _steady() - self._window > _WINDOW:
            self._window = _steady()
            self._before, self._offset = self._offset, None
        self._offset = offset if self._offset is None else max(self._offset, offset)


def _steady() -> int:
    return time.monotonic_ns() // 1000

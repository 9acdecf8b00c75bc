"""Implements `ClockStore`, and opens the clock of a store."""

from collections.abc import Awaitable, Callable, Sequence

import attrs
import structlog

from pushserver.clock import (
    CORRECTIONS,
    JUMP_TOLERANCE,
    SECOND,
    Clock,
    ClockPeriod,
    SystemClock,
)
from pushserver.model.clock_start import ClockAnchor
from pushserver.storage.clock import ServerClock
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.server_clock import (
    add_first_period,
    read_periods,
    save_anchor,
    start_clock,
    store_correction,
)
from pushserver.storage.sql.write_jobs import SqlWriter

log = structlog.get_logger(__name__)


async def _ask_nobody(_clock: SystemClock) -> ClockAnchor | None:
    return None


@attrs.frozen
class SqlClock:
    """
    Implements `ClockStore`.

    `in_transaction` is called when the correction is stored. `on_corrected` is called
    after the commit, with the difference and the instant from which it counts.
    `ask_leader` returns what time it is for the leader, if that is another server.
    """

    write: SqlWriter
    clock: Clock
    on_corrected: Callable[[int, int], None]
    in_transaction: Callable[[SqlConnection], None] = lambda _: None
    ask_leader: Callable[[SystemClock], Awaitable[ClockAnchor | None]] = _ask_nobody

    async def correct_clock(self, correction: int) -> None:
        before, now = CORRECTIONS.current, self.clock.now()

        def work(connection: SqlConnection) -> Sequence[ClockPeriod]:
            store_correction(connection, correction, before, now)
            self.in_transaction(connection)
            return read_periods(connection)

        CORRECTIONS.replace(await self.write(work))
        self.on_corrected(correction - before, now)

    async def follow_leader(self) -> int:
        clock = self.clock
        if not isinstance(clock, SystemClock):
            return 0
        anchor = await self.ask_leader(clock)
        if anchor is None:
            return 0
        ahead = anchor.instant - anchor.since_boot - clock.offset
        if abs(ahead) <= JUMP_TOLERANCE:
            return 0
        clock.start_at(anchor.instant, anchor.since_boot)
        return ahead

    async def anchor_clock(self) -> Sequence[ServerClock]:
        clock = self.clock
        if not isinstance(clock, SystemClock):
            return ()
        return await self.write(lambda c: save_anchor(c, clock))


def open_clock(
    connection: SqlConnection, clock: Clock, others: ClockAnchor | None = None
) -> None:
    """
    Let server time go on where the store left it; within a transaction.

    *others* have just said what time it is, if there are other servers.
    """
    if not isinstance(clock, SystemClock):
        add_first_period(connection)
        return
    started = start_clock(connection, clock, others)
    save_anchor(connection, clock)
    if started.start.is_in_doubt:
        log.warning("clock.in_doubt", expired=started.expired)
    elif started.jump:
        log.warning("clock.jumped", seconds=started.jump / SECOND)

"""The id below which no server will commit any more rows."""

import asyncio
from collections.abc import Callable, Collection, Sequence

import attrs

from pushserver.clock import SECOND
from pushserver.model.ids import IdGenerator, first_id_at
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import (
    WRITER_APPLICATION,
    Connection,
)
from pushserver.storage.postgres.connection.threads import ConnectionThread

#: Seconds to wait for transactions that are open, and between two checks of them.
_MAX_WAIT, _POLL_INTERVAL = 0.1, 0.001
#: By how much longer a transaction may have been open than the database's clock says,
#: which may have been set back meanwhile: none is open for so long.
_MARGIN = 60 * SECOND
_OTHER_WRITERS = (
    "SELECT pid, CAST(extract(epoch FROM xact_start) * 1000000 AS BIGINT),"
    " CAST(extract(epoch FROM clock_timestamp() - xact_start) * 1000000 AS BIGINT)"
    f" FROM pg_stat_activity WHERE application_name = '{WRITER_APPLICATION}'"
    " AND datname = current_database() AND pid <> ALL (CAST(? AS INTEGER[]))"
)


@attrs.define(eq=False, kw_only=True)
class LowWatermark:
    """
    A call returns an id below which every row is committed.

    A reader that reads up to it and resumes from it misses no row that was still being
    written. Rows committed before the call are below it, unless a slow transaction
    holds it back: then `on_behind` is called, so that readers look again.

    What is open and was not at the look before has begun since, and writes no smaller
    ids than that of then, whatever the database's clock shows.
    """

    connection_thread: ConnectionThread
    database_clock: DatabaseClock
    new_id: IdGenerator
    local_watermark: Callable[[], int]
    writer_pids: Callable[[], Collection[int]]
    on_behind: Callable[[], None]
    _shared_task: "asyncio.Task[int] | None" = attrs.field(default=None, init=False)
    _last_look: int = attrs.field(default=0, init=False)
    _first_ids: dict[tuple[int, int], int] = attrs.field(factory=dict, init=False)

    async def __call__(self) -> int:
        """Ask the database; concurrent callers share the answer."""
        if self._shared_task is None:
            self._shared_task = asyncio.create_task(
                self._compute(), name="low watermark"
            )
            self._shared_task.add_done_callback(_retrieve_exception)
        return await asyncio.shield(self._shared_task)

    async def _compute(self) -> int:
        await asyncio.sleep(0)
        self._shared_task = None
        loop = asyncio.get_running_loop()
        own_id, target = self.new_id(), self.new_id.upper_bound()
        give_up_at = loop.time() + _MAX_WAIT
        while True:
            watermark, is_alone = await self._measure(target)
            if watermark >= (own_id if is_alone else target):
                return watermark
            if loop.time() >= give_up_at:
                self.on_behind()
                return watermark
            await asyncio.sleep(_POLL_INTERVAL)

    async def _measure(self, target: int) -> tuple[int, bool]:
        """
        Return the present low watermark, and whether no other server writes.

        If others do, it is at most *target*.
        """
        own_pids = "{" + ",".join(map(str, self.writer_pids())) + "}"
        now = self.database_clock.now()

        def read_writers(connection: Connection) -> list[tuple[int, int | None, int]]:
            return connection.execute(_OTHER_WRITERS, (own_pids,)).fetchall()

        writers = await self.connection_thread.run(read_writers)
        if not writers:
            # A transaction that begins later writes larger ids than this one.
            return min(self.local_watermark(), self.new_id()), True
        self._record_look(writers, now)
        first_ids = self._first_ids.values()
        return min(target, self.local_watermark(), *first_ids), False

    def _record_look(
        self, writers: Sequence[tuple[int, int | None, int]], now: int
    ) -> None:
        """Record from which id on each open transaction writes."""
        self._first_ids = {
            (pid, start): self._first_ids.get((pid, start))
            or max(self._last_look, first_id_at(now - max(0, age) - _MARGIN))
            for pid, start, age in writers
            if start is not None
        }
        self._last_look = first_id_at(now)


def _retrieve_exception(task: "asyncio.Task[int]") -> None:
    """Retrieve the error of a task whose callers are gone, so asyncio logs nothing."""
    if not task.cancelled():
        task.exception()

"""The id below which no server will commit any more rows."""

import asyncio
from collections.abc import Callable, Collection

import attrs

from pushserver.model.ids import IdGenerator, first_id_at
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import (
    WRITER_APPLICATION,
    Connection,
)
from pushserver.storage.postgres.connection.threads import ConnectionThread

#: Seconds to wait for transactions that are open, and between two checks of them.
_MAX_WAIT, _POLL_INTERVAL = 0.1, 0.001
_OLDEST_TRANSACTION = (
    "SELECT count(*), CAST(coalesce(max("
    " extract(epoch FROM clock_timestamp() - xact_start)), 0) * 1000000 AS BIGINT)"
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
    """

    connection_thread: ConnectionThread
    database_clock: DatabaseClock
    new_id: IdGenerator
    local_watermark: Callable[[], int]
    writer_pids: Callable[[], Collection[int]]
    on_behind: Callable[[], None]
    _shared_task: "asyncio.Task[int] | None" = attrs.field(default=None, init=False)

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

        def read_oldest(connection: Connection) -> tuple[int, int]:
            other_writers, oldest_age = connection.execute(
                _OLDEST_TRANSACTION, (own_pids,)
            ).fetchone() or (0, 0)
            return int(other_writers), int(oldest_age)

        other_writers, oldest_age = await self.connection_thread.run(read_oldest)
        if not other_writers:
            # A transaction that begins later writes larger ids than this one.
            return min(self.local_watermark(), self.new_id()), True
        return min(target, self.local_watermark(), first_id_at(now - oldest_age)), False


def _retrieve_exception(task: "asyncio.Task[int]") -> None:
    """Retrieve the error of a task whose callers are gone, so asyncio logs nothing."""
    if not task.cancelled():
        task.exception()

"""Up to which id nothing is written any more, on any server."""

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

#: Seconds for which transactions that were open are waited for, and between two looks.
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
    Called, returns an id below which all that ever will be there is there.

    Who reads up to it, and goes on from there, misses nothing that was still being
    written. What was there before the call is below it, but for what a slow
    transaction holds back: then `on_behind` is told, so that readers look again.
    """

    connection_thread: ConnectionThread
    database_clock: DatabaseClock
    new_id: IdGenerator
    local_watermark: Callable[[], int]
    writer_pids: Callable[[], Collection[int]]
    on_behind: Callable[[], None]
    _shared_task: "asyncio.Task[int] | None" = attrs.field(default=None, init=False)

    async def __call__(self) -> int:
        """Ask; those who do so in the same moment share the answer."""
        if self._shared_task is None:
            self._shared_task = asyncio.create_task(self._compute(), name="settled")
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
        Return what is settled now, and whether nobody else writes.

        *target* is enough where there are others.
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
            # What begins while the answer is used has larger ids than this one.
            return min(self.local_watermark(), self.new_id()), True
        return min(target, self.local_watermark(), first_id_at(now - oldest_age)), False


def _retrieve_exception(task: "asyncio.Task[int]") -> None:
    """An error that nobody waits for any more is no news."""
    if not task.cancelled():
        task.exception()

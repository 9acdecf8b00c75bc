"""Up to which id nothing is written any more, on any server."""

import asyncio
from collections.abc import Callable, Collection

import attrs

from pushserver.model.ids import IdSource, first_id_at
from pushserver.storage.postgres.hours import Hours
from pushserver.storage.postgres.link import WRITER, Link
from pushserver.storage.postgres.session import Session

#: Seconds for which transactions that were open are waited for, and between two looks.
_PATIENCE, _PAUSE = 0.1, 0.001
_OLDEST = (
    "SELECT count(*), CAST(coalesce(max("
    " extract(epoch FROM clock_timestamp() - xact_start)), 0) * 1000000 AS BIGINT)"
    f" FROM pg_stat_activity WHERE application_name = '{WRITER}'"
    " AND datname = current_database() AND pid <> ALL (CAST(? AS INTEGER[]))"
)


@attrs.define(eq=False, kw_only=True)
class Settled:
    """
    Called, returns an id below which all that ever will be there is there.

    Who reads up to it, and goes on from there, misses nothing that was still being
    written. What was there before the call is below it, but for what a slow
    transaction holds back: then `behind` is told, so that readers look again.
    """

    session: Session
    hours: Hours
    new_id: IdSource
    here: Callable[[], int]
    writers: Callable[[], Collection[int]]
    behind: Callable[[], None]
    _next: "asyncio.Task[int] | None" = attrs.field(default=None, init=False)

    async def __call__(self) -> int:
        """Ask; those who do so in the same moment share the answer."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask(), name="settled")
            self._next.add_done_callback(_over)
        return await asyncio.shield(self._next)

    async def _ask(self) -> int:
        await asyncio.sleep(0)
        self._next = None
        loop = asyncio.get_running_loop()
        made, wanted = self.new_id(), self.new_id.ahead()
        until = loop.time() + _PATIENCE
        while True:
            bound, is_alone = await self._bound(wanted)
            if bound >= (made if is_alone else wanted):
                return bound
            if loop.time() >= until:
                self.behind()
                return bound
            await asyncio.sleep(_PAUSE)

    async def _bound(self, wanted: int) -> tuple[int, bool]:
        """
        Return what is settled now, and whether nobody else writes.

        *wanted* is enough where there are others.
        """
        own = "{" + ",".join(map(str, self.writers())) + "}"
        now = self.hours.now()

        def oldest(link: Link) -> tuple[int, int]:
            others, age = link.execute(_OLDEST, (own,)).fetchone() or (0, 0)
            return int(others), int(age)

        others, age = await self.session.run(oldest)
        if not others:
            # What begins while the answer is used has larger ids than this one.
            return min(self.here(), self.new_id()), True
        return min(wanted, self.here(), first_id_at(now - age)), False


def _over(task: "asyncio.Task[int]") -> None:
    """An error that nobody waits for any more is no news."""
    if not task.cancelled():
        task.exception()

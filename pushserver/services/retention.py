"""Lets go of history that is older than anybody wants it."""

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.ids import first_id_at
from pushserver.storage.retention import PurgeCutoff, RetentionStore

#: So many rows of a kind are deleted at once, so that a door command waits for no more.
BATCH_SIZE = 500
_DAY = 86_400 * SECOND


@attrs.frozen
class Retention:
    """
    Deletes commands that have ended, results, operations and tasks.

    What is still at work stays, however old. `days` is after how many it goes by
    itself; 0 keeps everything.
    """

    store: RetentionStore
    clock: Clock
    days: float

    async def purge_expired(self) -> int:
        """
        Delete what is over its time, in every scope; return how many rows.

        Raises:
            Unavailable: the store is away; the rest is done the next time.
        """
        if not self.days:
            return 0
        done, before = 0, self.clock.now() - round(self.days * _DAY)
        while deleted := await self.purge_batch(before):
            done += deleted
        return done

    async def purge_batch(self, before: int, scope_id: int | None = None) -> int:
        """Delete a piece of what was made before an instant; return how many rows."""
        return await self.store.purge(
            PurgeCutoff(first_id_at(before), scope_id), limit=BATCH_SIZE
        )

    async def count(self, before: int, scope_id: int) -> int:
        """Count what is so old, also what is still at work."""
        return await self.store.count_older(PurgeCutoff(first_id_at(before), scope_id))

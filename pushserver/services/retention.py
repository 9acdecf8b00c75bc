"""Deletes old history."""

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.ids import first_id_at
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.storage.retention import PurgeCutoff, RetentionStore

_DAY = 86_400 * SECOND


@attrs.frozen
class Retention:
    """
    Deletes finished commands, results, operations and tasks.

    What is not finished stays, however old. History older than `days` is deleted
    automatically; 0 keeps it forever.
    """

    store: RetentionStore
    clock: Clock
    days: float

    async def purge_expired(self) -> int:
        """
        Delete expired history of every scope; return how many rows.

        Raises:
            Unavailable: the store is away; the next call deletes the rest.
        """
        if not self.days:
            return 0
        before = self.clock.now() - round(self.days * _DAY)
        return await repeat_until_done(lambda: self.purge_batch(before))

    async def purge_batch(self, before: int, scope_id: int | None = None) -> int:
        """Delete a batch of what was created before *before*; return how many rows."""
        return await self.store.purge(
            PurgeCutoff(first_id_at(before), scope_id), limit=BATCH_SIZE
        )

    async def count(self, before: int, scope_id: int) -> int:
        """Count what was created before an instant, finished or not."""
        return await self.store.count_older(PurgeCutoff(first_id_at(before), scope_id))

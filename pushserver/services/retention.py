"""Deletes old history."""

from collections import Counter

import attrs
import structlog

from pushserver.clock import SECOND, Clock, rfc3339
from pushserver.model.ids import first_id_at, first_instant_after
from pushserver.services.batches import BATCH_SIZE
from pushserver.storage.retention import PurgeCutoff, RetentionStore

log = structlog.get_logger(__name__)

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

        A run deletes no more than the oldest day of it: should the clock be wrong,
        somebody may notice before much is lost.

        Raises:
            Unavailable: the store is away; the next call deletes the rest.
        """
        if not self.days:
            return 0
        expired_before = self.clock.now() - round(self.days * _DAY)
        before = await self._end_of_oldest_day(expired_before) or expired_before
        deleted = Counter[str]()
        while (batch := await self._purge_batch(before)).total():
            deleted += batch
        log.info("retention.run", before=rfc3339(before), **deleted)
        if await self._end_of_oldest_day(expired_before) is not None:
            log.warning("retention.limited", until=rfc3339(expired_before))
        return deleted.total()

    async def _end_of_oldest_day(self, expired_before: int) -> int | None:
        """Return when the oldest day of what is expired ends; None if nothing is."""
        oldest = await self.store.oldest(PurgeCutoff(first_id_at(expired_before)))
        if oldest is None:
            return None
        return min(expired_before, first_instant_after(oldest) + _DAY)

    async def purge_batch(self, before: int, scope_id: int | None = None) -> int:
        """Delete a batch of what was created before *before*; return how many rows."""
        return (await self._purge_batch(before, scope_id)).total()

    async def _purge_batch(
        self, before: int, scope_id: int | None = None
    ) -> Counter[str]:
        cutoff = PurgeCutoff(first_id_at(before), scope_id)
        return Counter(await self.store.purge(cutoff, limit=BATCH_SIZE))

    async def count(self, before: int, scope_id: int) -> int:
        """Count what was created before an instant, finished or not."""
        return await self.store.count_older(PurgeCutoff(first_id_at(before), scope_id))

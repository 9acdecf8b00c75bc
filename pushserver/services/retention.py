"""Deletes old history, and the audit's old entries."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

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
    automatically, and the audit after `audit_days`; 0 keeps them forever.
    """

    store: RetentionStore
    clock: Clock
    days: float
    audit_days: float

    async def purge_expired(self) -> int:
        """
        Delete expired history and audit of every scope; return how many rows.

        A run deletes no more than the oldest day of each: should the clock be wrong,
        somebody may notice before much is lost.

        Raises:
            Unavailable: the store is away; the next call deletes the rest.
        """
        deleted = 0
        if self.days:
            deleted += await self._purge_oldest_day(
                self._expired_before(self.days),
                lambda row_id: self.store.oldest(PurgeCutoff(row_id)),
                self._purge_batch,
            )
        if self.audit_days:
            deleted += await self._purge_oldest_day(
                self._expired_before(self.audit_days),
                self.store.oldest_audit,
                self._purge_audit_batch,
            )
        return deleted

    def _expired_before(self, days: float) -> int:
        return self.clock.now() - round(days * _DAY)

    async def _purge_oldest_day(
        self,
        expired_before: int,
        oldest: Callable[[int], Awaitable[int | None]],
        purge_batch: Callable[[int], Awaitable[Counter[str]]],
    ) -> int:
        end_of_day = partial(_end_of_oldest_day, oldest, expired_before)
        before = await end_of_day()
        if before is None:
            return 0
        deleted = Counter[str]()
        while (batch := await purge_batch(before)).total():
            deleted += batch
        log.info("retention.run", before=rfc3339(before), **deleted)
        if await end_of_day() is not None:
            log.warning("retention.limited", until=rfc3339(expired_before))
        return deleted.total()

    async def purge_batch(self, before: int, scope_id: int | None = None) -> int:
        """Delete a batch of what was created before *before*; return how many rows."""
        return (await self._purge_batch(before, scope_id)).total()

    async def _purge_batch(
        self, before: int, scope_id: int | None = None
    ) -> Counter[str]:
        audit_from = 0
        if self.audit_days:
            audit_from = first_id_at(self._expired_before(self.audit_days))
        cutoff = PurgeCutoff(first_id_at(before), scope_id, audit_from)
        return Counter(await self.store.purge(cutoff, limit=BATCH_SIZE))

    async def _purge_audit_batch(self, before: int) -> Counter[str]:
        deleted = await self.store.purge_audit(first_id_at(before), limit=BATCH_SIZE)
        return Counter(audit=deleted)

    async def count_purgeable(self, before: int, scope_id: int) -> int:
        """Count what batches would delete of what was created before an instant."""
        cutoff = PurgeCutoff(first_id_at(before), scope_id)
        return await self.store.count_purgeable(cutoff)

    async def count(self, before: int, scope_id: int) -> int:
        """Count what was created before an instant, finished or not."""
        return await self.store.count_older(PurgeCutoff(first_id_at(before), scope_id))


async def _end_of_oldest_day(
    oldest: Callable[[int], Awaitable[int | None]], expired_before: int
) -> int | None:
    """Return when the oldest day of what is expired ends; None if nothing is."""
    row_id = await oldest(first_id_at(expired_before))
    if row_id is None:
        return None
    return min(expired_before, first_instant_after(row_id) + _DAY)

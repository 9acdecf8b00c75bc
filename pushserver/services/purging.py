"""Deletes a scope's old history on request, a bounded part with each call."""

import asyncio

import attrs
import structlog

from pushserver.clock import rfc3339
from pushserver.errors import Invalid
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.blobs import Blobs
from pushserver.services.retention import Retention
from pushserver.services.unknown_requests import UnknownRequests
from pushserver.storage.base import Store

log = structlog.get_logger(__name__)

#: The most batches of one call, which takes about a second.
MAX_BATCHES = 10
#: How often the server tries to empty the log, and how many seconds it waits between.
_LOG_TRIES = 20
_LOG_INTERVAL = 0.05


@attrs.frozen
class PurgeProgress:
    """How many rows a call deleted, how many are left, and whether it is done."""

    deleted: int
    left: int
    done: bool


@attrs.frozen
class Purging:
    """Deletes history, and what else is kept: unknown requests, answers, the log."""

    store: Store
    retention: Retention
    blobs: Blobs
    unknown_requests: UnknownRequests

    async def purge_part(
        self,
        before: int,
        scope_id: int,
        actor: Actor = SERVER,
        *,
        allow_future: bool = False,
    ) -> PurgeProgress:
        """
        Delete a part of the scope's history from before an instant.

        Who asked for it is kept before anything is gone.

        Raises:
            Invalid: it is in the future, and that is not allowed.
            Unavailable: the store is away.
        """
        self._refuse_future(before, allow_future=allow_future)
        await self.store.audit.add_entries([_purge_entry(before, scope_id, actor)])
        deleted, done = 0, False
        for _ in range(MAX_BATCHES):
            batch_deleted = await self.retention.purge_batch(before, scope_id)
            answers = await self.store.retention.purge_answers(
                scope_id, before=before, limit=BATCH_SIZE
            )
            blobs = 0
            if not batch_deleted:
                # What referred to them is gone.
                blobs = await self.blobs.purge_history(before, scope_id)
            deleted += batch_deleted
            done = not (batch_deleted or answers or blobs)
            if done:
                await self.unknown_requests.purge(before, scope_id)
                await self._empty_log()
                break
        left = await self.retention.count(before, scope_id)
        return PurgeProgress(deleted, left, done)

    async def preview(
        self, before: int, scope_id: int, *, allow_future: bool = False
    ) -> PurgeProgress:
        """
        Return what deleting all of it would come to; nothing is deleted.

        Raises:
            Invalid: it is in the future, and that is not allowed.
            Unavailable: the store is away.
        """
        self._refuse_future(before, allow_future=allow_future)
        deleted = await self.retention.count_purgeable(before, scope_id)
        left = await self.retention.count(before, scope_id) - deleted
        return PurgeProgress(deleted, left, done=True)

    def _refuse_future(self, before: int, *, allow_future: bool) -> None:
        if before > self.retention.clock.now() and not allow_future:
            raise Invalid(
                "before is in the future: that is all that has ended. If that is"
                " meant, say so with allowFuture.",
                pointer="/before",
            )

    async def _empty_log(self) -> None:
        """Empty the log beside the database, unless somebody reads all the time."""
        for _ in range(_LOG_TRIES):
            if await self.store.empty_log():
                return
            await asyncio.sleep(_LOG_INTERVAL)
        log.warning("purge.log_in_use")


def _purge_entry(before: int, scope_id: int, actor: Actor) -> AuditEntry:
    return AuditEntry(
        scope_id=scope_id,
        actor=actor,
        action=AuditAction.HISTORY_PURGE,
        detail={"before": rfc3339(before)},
    )

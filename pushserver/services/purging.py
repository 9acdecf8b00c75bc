"""Deletes a scope's old history on request, a bounded part with each call."""

import attrs

from pushserver.clock import rfc3339
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry
from pushserver.services.retention import Retention
from pushserver.storage.audit import AuditStore

#: The most batches of one call, which takes about a second.
MAX_BATCHES = 10


@attrs.frozen
class PurgeProgress:
    """How many rows a call deleted, how many are left, and whether it is done."""

    deleted: int
    left: int
    done: bool


async def purge_part(
    retention: Retention,
    audit: AuditStore,
    before: int,
    scope_id: int,
    actor: Actor = SERVER,
) -> PurgeProgress:
    """
    Delete a part of the scope's history from before an instant.

    Who asked for it is kept before anything is gone.

    Raises:
        Unavailable: the store is away.
    """
    detail = {"before": rfc3339(before)}
    action = AuditAction.HISTORY_PURGE
    entry = AuditEntry(scope_id=scope_id, actor=actor, action=action, detail=detail)
    await audit.add_entries([entry])
    deleted, done = 0, False
    for _ in range(MAX_BATCHES):
        batch_deleted = await retention.purge_batch(before, scope_id)
        deleted += batch_deleted
        done = not batch_deleted
        if done:
            break
    return PurgeProgress(deleted, await retention.count(before, scope_id), done)

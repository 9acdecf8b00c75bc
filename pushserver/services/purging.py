"""Deletes a scope's old history on request, a bounded part with each call."""

import attrs

from pushserver.services.retention import Retention

#: The most batches of one call, which takes about a second.
MAX_BATCHES = 10


@attrs.frozen
class PurgeProgress:
    """How many rows a call deleted, how many are left, and whether it is done."""

    deleted: int
    left: int
    done: bool


async def purge_part(retention: Retention, before: int, scope_id: int) -> PurgeProgress:
    """
    Delete a part of the scope's history from before an instant.

    Raises:
        Unavailable: the store is away.
    """
    deleted, done = 0, False
    for _ in range(MAX_BATCHES):
        batch_deleted = await retention.purge_batch(before, scope_id)
        deleted += batch_deleted
        done = not batch_deleted
        if done:
            break
    return PurgeProgress(deleted, await retention.count(before, scope_id), done)

"""Deletion of old rows."""

from collections.abc import Mapping
from typing import Protocol

import attrs


@attrs.frozen
class PurgeCutoff:
    """
    Rows with ids below `before`, of one scope or of all if it is None.

    Of commands from the id `audit_from` on, the audit keeps who created them.
    """

    before: int
    scope_id: int | None = None
    audit_from: int = 0


class RetentionStore(Protocol):
    """Deletion of old rows."""

    async def count_older(self, cutoff: PurgeCutoff) -> int:
        """Count old rows, also of commands and operations that have not ended."""

    async def oldest(self, cutoff: PurgeCutoff) -> int | None:
        """Return the smallest id of what `purge` would delete, if there is any."""

    async def count_purgeable(self, cutoff: PurgeCutoff) -> int:
        """Count what calls of `purge` would delete."""

    async def purge_answers(self, scope_id: int, *, before: int, limit: int) -> int:
        """
        Empty about *limit* answers kept under idempotency keys before an instant.

        The keys stay, so that nothing is done twice. Return how many were emptied.
        """

    async def purge(self, cutoff: PurgeCutoff, *, limit: int) -> Mapping[str, int]:
        """
        Delete at most *limit* each of old commands, results, operations and tasks.

        What has not ended stays, a task with all of its operations. Return how many
        rows of each table were deleted.
        """

    async def oldest_audit(self, before: int) -> int | None:
        """Return the smallest id of an entry below *before*, if there is any."""

    async def purge_audit(self, before: int, *, limit: int) -> int:
        """Delete at most *limit* entries with ids below *before*; return how many."""

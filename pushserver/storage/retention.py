"""Deletion of old rows."""

from typing import Protocol

import attrs


@attrs.frozen
class PurgeCutoff:
    """Rows with ids below `before`, of one scope or of all if it is None."""

    before: int
    scope_id: int | None = None


class RetentionStore(Protocol):
    """Deletion of old rows."""

    async def count_older(self, cutoff: PurgeCutoff) -> int:
        """Count old rows, also of commands and operations that have not ended."""

    async def purge(self, cutoff: PurgeCutoff, *, limit: int) -> int:
        """
        Delete at most *limit* each of old commands, results, operations and tasks.

        What has not ended stays. Return how many rows were deleted.
        """

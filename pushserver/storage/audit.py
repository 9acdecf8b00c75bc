"""The audit: what was done, by whom.

The conventions are those of every store (`base`).
"""

from collections.abc import Sequence
from typing import Protocol

import attrs

from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.ids import MAX_INT64


@attrs.frozen(kw_only=True)
class AuditFilter:
    """
    Which entries to list; None means any. Instants are microseconds UTC.

    `token_id` or `actor_name` say who did it; the server has no token.
    """

    token_id: int | None = None
    actor_name: str | None = None
    action: AuditAction | None = None
    target_kind: TargetKind | None = None
    target_id: int | None = None
    device_id: int | None = None
    created_after: int | None = None
    created_before: int | None = None


class AuditStore(Protocol):
    """
    The audit of every scope; entries are written with what they are about.

    The creation of a command is an entry, too: its row is read as one, and becomes one
    of its own when the command is purged.
    """

    async def newest_entries(
        self,
        scope_id: int,
        criteria: AuditFilter,
        *,
        before: int = MAX_INT64,
        limit: int,
    ) -> Sequence[AuditEntry]:
        """List entries, newest first, with ids below *before*."""

    async def entries_after(
        self, scope_id: int, criteria: AuditFilter, *, after: int, limit: int
    ) -> Sequence[AuditEntry]:
        """
        List entries, oldest first, with ids above *after*.

        Later calls find none with a smaller id than those returned.
        """

    async def add_entries(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries of what no transaction of the store did."""

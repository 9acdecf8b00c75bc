"""Sessions of tokens."""

from collections.abc import Collection, Sequence
from typing import Protocol

from pushserver.model.audit import AuditEntry
from pushserver.model.session import Session


class SessionStore(Protocol):
    """Sessions, stored as hashes; read anew for each request, so no server is late."""

    async def find_session(self, session_hash: str) -> Session | None:
        """Return the session with this hash, expired or not."""

    async def find_sessions(self, session_hashes: Collection[str]) -> Sequence[Session]:
        """Return those of the sessions with these hashes that there are."""

    async def add_session(
        self, session: Session, *, keep: int, audit: Sequence[AuditEntry]
    ) -> None:
        """Add a session; of its token's, the newest *keep* stay."""

    async def replace_session(
        self, old: Session, new: Session, *, audit: Sequence[AuditEntry]
    ) -> bool:
        """Write *new* in the place of *old*, if that is still there; tell whether."""

    async def end_session(
        self, session: Session, *, audit: Sequence[AuditEntry]
    ) -> bool:
        """Delete a session; tell whether it was there, unchanged."""

    async def purge_sessions(self, before: int, *, limit: int) -> int:
        """Delete at most *limit* that ended for good by *before*; return how many."""

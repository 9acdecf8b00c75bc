"""Scopes and their tokens."""

from collections.abc import Sequence
from typing import Protocol

from pushserver.model.audit import AuditEntry
from pushserver.model.scope import Scope
from pushserver.model.token import Token


class TokenStore(Protocol):
    """Tokens, stored as hashes."""

    async def all_tokens(self) -> Sequence[Token]:
        """Return every token that is not revoked, oldest first."""

    async def add_token(self, token: Token, audit: Sequence[AuditEntry] = ()) -> None:
        """Add a token."""

    async def add_first_token(
        self, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> bool:
        """Add a token if its scope has no valid one; tell whether it was added."""

    async def revoke_token(
        self,
        scope_id: int,
        token_id: int,
        *,
        now: int,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        """Revoke a token of the scope; tell whether there was one."""


class ScopeStore(Protocol):
    """Scopes. The first one exists from the start."""

    async def all_scopes(self) -> Sequence[Scope]:
        """Return every scope, oldest first."""

    async def add_scope(
        self, scope: Scope, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> None:
        """Add a scope and its first token, both or neither."""

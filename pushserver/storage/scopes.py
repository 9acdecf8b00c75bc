"""Scopes and their tokens."""

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

from pushserver.model.audit import AuditEntry
from pushserver.model.scope import Scope
from pushserver.model.token import Token


class Revocation(enum.Enum):
    """What came of revoking a token."""

    DONE = "done"
    NOT_FOUND = "there is none"
    LAST_ADMIN = "nobody else could administer the scope"


class TokenStore(Protocol):
    """Tokens, stored as hashes."""

    async def all_tokens(self) -> Sequence[Token]:
        """Return every token that is not revoked, oldest first."""

    async def add_token(self, token: Token, audit: Sequence[AuditEntry] = ()) -> None:
        """
        Add a token.

        Raises:
            NotFound: its scope was deleted.
        """

    async def add_first_token(
        self, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> bool:
        """Add a token if its scope has no valid one; tell whether it was added."""

    async def record_token_uses(self, last_used_at: Mapping[int, int]) -> None:
        """Store when tokens were last used, by their ids, unless that is older."""

    async def revoke_token(
        self,
        scope_id: int,
        token_id: int,
        *,
        now: int,
        keeps_admin: bool,
        audit: Sequence[AuditEntry] = (),
    ) -> Revocation:
        """
        Revoke a token of the scope.

        With *keeps_admin*, the last lasting administrator's is not revoked.
        """


class ScopeStore(Protocol):
    """Scopes. The first one exists from the start."""

    async def all_scopes(self) -> Sequence[Scope]:
        """Return every scope, oldest first."""

    async def add_scope(
        self, scope: Scope, token: Token, audit: Sequence[AuditEntry] = ()
    ) -> bool:
        """Add a scope and its first token, unless its name is taken; tell whether."""

    async def delete_scope(
        self, scope_id: int, audit: Sequence[AuditEntry] = ()
    ) -> str | None:
        """
        Delete a scope with its tokens, if there is nothing else in it; its audit stays.

        Return the kind of what is there, such as `device`, and delete nothing then.
        """

"""Scopes: the first one's administrators make others and help them to a token."""

from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Forbidden, NotFound
from pushserver.model.ids import IdSource
from pushserver.model.scope import FIRST_SCOPE, Scope
from pushserver.model.token import Permission, Token
from pushserver.services.tokens import FIRST_TOKEN, Tokens
from pushserver.storage.base import ScopeStore


@attrs.define(eq=False)
class Scopes:
    """Every scope. *by* is the token of whoever asks."""

    store: ScopeStore
    clock: Clock
    ids: IdSource
    tokens: Tokens

    async def all(self, by: Token) -> Sequence[Scope]:
        """Return the scopes that *by* may know of, oldest first: at least its own."""
        scopes = await self.store.all_scopes()
        return [s for s in scopes if _is_over_all(by) or s.id == by.scope_id]

    async def make(self, name: str, by: Token) -> tuple[Scope, str]:
        """
        Make a scope; return it with the secret of its first token, for everything.

        Raises:
            Forbidden: *by* is no administrator of the first scope.
        """
        _check(by)
        scope = Scope(id=self.ids(), name=name, created_at=self.clock.now())
        token, secret = self.tokens.new(scope.id, FIRST_TOKEN, [Permission.ADMIN])
        await self.store.add_scope(scope, token)
        self.tokens.take(token)
        return scope, secret

    async def make_token(
        self, scope_id: int, name: str, permissions: Iterable[Permission], by: Token
    ) -> tuple[Token, str]:
        """
        Make a token for a scope that may have lost its own.

        Raises:
            Forbidden: *by* is no administrator of the first scope.
            NotFound: there is no such scope.
        """
        _check(by)
        if scope_id not in {scope.id for scope in await self.store.all_scopes()}:
            raise NotFound(f"There is no scope {scope_id}.")
        return await self.tokens.make(scope_id, name, permissions, by)


def _is_over_all(token: Token) -> bool:
    return token.scope_id == FIRST_SCOPE and token.may(Permission.ADMIN)


def _check(by: Token) -> None:
    if not _is_over_all(by):
        raise Forbidden("Only an administrator of the first scope may do this.")

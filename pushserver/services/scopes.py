"""Scopes: administrators of the first one create the others and their tokens."""

from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Forbidden, NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.ids import IdGenerator
from pushserver.model.scope import DEFAULT_SCOPE_ID, Scope
from pushserver.model.token import Permission, Token
from pushserver.services.stock_bounds import StockBounds
from pushserver.services.tokens import FIRST_TOKEN, Tokens
from pushserver.storage.scopes import ScopeStore


@attrs.define(eq=False)
class Scopes:
    """Lists and creates scopes; *caller* is the token of the request."""

    store: ScopeStore
    clock: Clock
    ids: IdGenerator
    tokens: Tokens
    bounds: StockBounds

    async def visible_to(self, caller: Token) -> Sequence[Scope]:
        """Return the scopes that *caller* may see, oldest first: at least its own."""
        scopes = await self.store.all_scopes()
        return [s for s in scopes if _is_root_admin(caller) or s.id == caller.scope_id]

    async def create(
        self, name: str, caller: Token, actor: Actor = SERVER
    ) -> tuple[Scope, str]:
        """
        Create a scope; return it with the secret of its first token, an administrator.

        Raises:
            Forbidden: *caller* is not an administrator of the first scope.
            LimitReached: there are enough scopes.
        """
        _require_root_admin(caller)
        self.bounds.require_room("scopes", len(await self.store.all_scopes()))
        scope = Scope(id=self.ids(), name=name, created_at=self.clock.now())
        token, secret = self.tokens.generate(
            scope.id, FIRST_TOKEN, [Permission.ADMIN], actor
        )
        entries = [_scope_entry(scope, i, actor) for i in (caller.scope_id, scope.id)]
        await self.store.add_scope(scope, token, entries)
        self.tokens.activate(token)
        return scope, secret

    async def create_token(
        self,
        scope_id: int,
        name: str,
        permissions: Iterable[Permission],
        caller: Token,
        actor: Actor = SERVER,
    ) -> tuple[Token, str]:
        """
        Create a token for another scope, for example if its own was lost.

        Raises:
            Forbidden: *caller* is not an administrator of the first scope.
            NotFound: there is no such scope.
        """
        _require_root_admin(caller)
        if scope_id not in {scope.id for scope in await self.store.all_scopes()}:
            raise NotFound(f"There is no scope {scope_id}.")
        return await self.tokens.create(scope_id, name, permissions, caller, actor)


def _scope_entry(scope: Scope, seen_in: int, actor: Actor) -> AuditEntry:
    """Return the entry of a new scope that is seen in a scope: there, or by its own."""
    return AuditEntry(
        scope_id=seen_in,
        actor=actor,
        action=AuditAction.SCOPE_CREATE,
        target_kind=TargetKind.SCOPE,
        target_id=scope.id,
        detail={"name": scope.name},
    )


def _is_root_admin(token: Token) -> bool:
    return token.scope_id == DEFAULT_SCOPE_ID and token.has_permission(Permission.ADMIN)


def _require_root_admin(caller: Token) -> None:
    if not _is_root_admin(caller):
        raise Forbidden("Only an administrator of the first scope may do this.")

"""Scopes: administrators of the first one create the others and their tokens."""

from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict, Forbidden, Invalid, NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.ids import IdGenerator
from pushserver.model.scope import DEFAULT_SCOPE_ID, Scope
from pushserver.model.token import Permission, Token
from pushserver.services.stock_bounds import StockBounds
from pushserver.services.token_limits import NO_LIMITS, TokenLimits, refuse_longer_life
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
            Forbidden: *caller* is not an administrator of the first scope, or it
                expires: what it makes here does not.
            Invalid: people could not read its name.
            Conflict: there is a scope with this name.
            LimitReached: there are enough scopes.
        """
        _require_root_admin(caller)
        refuse_longer_life(caller, NO_LIMITS)
        if not name.strip() or not name.isprintable():
            raise Invalid("A scope needs a name that people can read.", pointer="/name")
        with self.bounds.adding("scopes", caller.scope_id) as others:
            present = len(await self.store.all_scopes()) + others
            self.bounds.require_room("scopes", present)
            return await self._create(name, caller, actor)

    async def _create(
        self, name: str, caller: Token, actor: Actor
    ) -> tuple[Scope, str]:
        scope = Scope(id=self.ids(), name=name.strip(), created_at=self.clock.now())
        token, secret = self.tokens.generate(
            scope.id, FIRST_TOKEN, [Permission.ADMIN], actor
        )
        created = AuditAction.SCOPE_CREATE
        seen_in = (caller.scope_id, scope.id)
        entries = [_scope_entry(scope, each, actor, created) for each in seen_in]
        if not await self.store.add_scope(scope, token, entries):
            raise Conflict(f"There is a scope {scope.name} already.")
        self.tokens.activate(token)
        return scope, secret

    async def delete(self, scope_id: int, caller: Token, actor: Actor = SERVER) -> None:
        """
        Delete a scope in which there is nothing but tokens; these become invalid.

        Raises:
            Forbidden: *caller* is not an administrator of the first scope.
            NotFound: there is no such scope.
            Conflict: it is the first one, or not empty.
        """
        _require_root_admin(caller)
        scope = await self._require(scope_id)
        if scope_id == DEFAULT_SCOPE_ID:
            raise Conflict("The first scope cannot be deleted.")
        deleted = AuditAction.SCOPE_DELETE
        entry = _scope_entry(scope, caller.scope_id, actor, deleted)
        kind = await self.store.delete_scope(scope_id, [entry])
        if kind is not None:
            raise Conflict(
                f"There is at least one {kind} in the scope. Delete its devices and"
                " subscriptions, and purge its history."
            )
        self.tokens.forget_scope(scope_id)

    async def scope_of_audit(self, scope_id: int | None, caller: Token) -> int:
        """
        Return the scope whose audit *caller* may read: its own, or a deleted one.

        The audit of one that is there is for its own tokens.

        Raises:
            Forbidden: it is another one, which is there; or *caller* is not an
                administrator of the first scope.
        """
        if scope_id in (None, caller.scope_id):
            return caller.scope_id
        _require_root_admin(caller)
        if any(scope.id == scope_id for scope in await self.store.all_scopes()):
            raise Forbidden("The scope is there: only its own tokens read its audit.")
        return scope_id

    async def _require(self, scope_id: int) -> Scope:
        for scope in await self.store.all_scopes():
            if scope.id == scope_id:
                return scope
        raise NotFound(f"There is no scope {scope_id}.")

    async def create_token(
        self,
        scope_id: int,
        name: str,
        permissions: Iterable[Permission],
        caller: Token,
        actor: Actor = SERVER,
        limits: TokenLimits = NO_LIMITS,
    ) -> tuple[Token, str]:
        """
        Create a token for another scope, for example if its own was lost.

        Raises:
            Forbidden: *caller* is not an administrator of the first scope.
            NotFound: there is no such scope.
        """
        _require_root_admin(caller)
        await self._require(scope_id)
        return await self.tokens.create(
            scope_id, name, permissions, caller, actor, limits
        )


def _scope_entry(
    scope: Scope, seen_in: int, actor: Actor, action: AuditAction
) -> AuditEntry:
    """Return the entry of an act on a scope that is seen in a scope."""
    return AuditEntry(
        scope_id=seen_in,
        actor=actor,
        action=action,
        target_kind=TargetKind.SCOPE,
        target_id=scope.id,
        detail={"name": scope.name},
    )


def _is_root_admin(token: Token) -> bool:
    is_of_first = token.scope_id == DEFAULT_SCOPE_ID and not token.is_restricted
    return is_of_first and token.has_permission(Permission.ADMIN)


def _require_root_admin(caller: Token) -> None:
    if not _is_root_admin(caller):
        raise Forbidden("Only an administrator of the first scope may do this.")

"""Tokens authenticate programs and carry their permissions."""

from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Forbidden, NotFound, Unauthorized
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.device import hash_secret
from pushserver.model.ids import IdGenerator
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission, Token, new_token_secret
from pushserver.services.stock_bounds import StockBounds
from pushserver.storage.scopes import TokenStore

#: The name of a scope's first token.
FIRST_TOKEN = "first admin token"  # noqa: S105 - a name, no secret


@attrs.define(eq=False)
class Tokens:
    """Keeps every valid token in memory, by its hash."""

    store: TokenStore
    clock: Clock
    ids: IdGenerator
    bounds: StockBounds
    _by_hash: dict[str, Token] = attrs.field(factory=dict, init=False)
    _version: int = attrs.field(default=0, init=False)

    async def load(self, admin_secret: str | None) -> str | None:
        """
        Read the tokens; if the first scope has none, create one and return its secret.

        *admin_secret* makes a token of the first scope that is not stored: it is valid
        while the setting is set.
        """
        self._by_hash = {}
        await self.refresh()
        if admin_secret:
            name = "PUSHSERVER_ADMIN_TOKEN"
            token = self._build_token(
                DEFAULT_SCOPE_ID, name, [Permission.ADMIN], admin_secret
            )
            self.activate(attrs.evolve(token, id=0))
        elif not self.in_scope(DEFAULT_SCOPE_ID):
            return await self._create_first()
        return None

    async def _create_first(self) -> str | None:
        """Create the first token, unless another server was faster."""
        token, secret = self.generate(DEFAULT_SCOPE_ID, FIRST_TOKEN, [Permission.ADMIN])
        audit = [token_entry(token, SERVER, AuditAction.TOKEN_CREATE)]
        created = await self.store.add_first_token(token, audit)
        await self.refresh()
        return secret if created else None

    async def refresh(self) -> None:
        """Reread the tokens; the one from the settings stays."""
        version_before, found = -1, list[Token]()
        # A change made here during the read must not be undone, so read again.
        while version_before != self._version:
            version_before, found = self._version, [*await self.store.all_tokens()]
        from_settings = [token for token in self._by_hash.values() if token.id == 0]
        self._by_hash = {token.hash: token for token in (*found, *from_settings)}
        self._version += 1

    def authenticate(self, authorization: str | None) -> Token:
        """
        Return the token of an `Authorization` header.

        Raises:
            Unauthorized: there is no token, or it is not valid.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthorized("Send the header Authorization: Bearer <token>.")
        token = self._by_hash.get(hash_secret(secret.strip()))
        if token is None:
            raise Unauthorized("This token is not valid, or was revoked.")
        return token

    def is_valid(self, token: Token) -> bool:
        """Tell whether an authenticated token is still valid."""
        return token.hash in self._by_hash

    async def create(
        self,
        scope_id: int,
        name: str,
        permissions: Iterable[Permission],
        caller: Token | None = None,
        actor: Actor = SERVER,
    ) -> tuple[Token, str]:
        """
        Create a token of the scope; return it with its secret, which is not stored.

        Raises:
            Forbidden: it would have permissions that *caller* lacks.
            LimitReached: the scope has enough tokens.
        """
        requested = list(permissions)
        excess = [
            p for p in requested if caller is not None and not caller.has_permission(p)
        ]
        if excess:
            raise Forbidden(f"Your own token may not do this: {', '.join(excess)}.")
        self.bounds.require_room("scope_tokens", len(self.in_scope(scope_id)))
        token, secret = self.generate(scope_id, name, requested, actor)
        entry = token_entry(token, actor, AuditAction.TOKEN_CREATE)
        await self.store.add_token(token, _in_both_scopes(entry, caller))
        self.activate(token)
        return token, secret

    def generate(
        self,
        scope_id: int,
        name: str,
        permissions: Iterable[Permission],
        actor: Actor = SERVER,
    ) -> tuple[Token, str]:
        """Return a new token, to be stored before it is activated, and its secret."""
        secret = new_token_secret()
        token = self._build_token(scope_id, name, permissions, secret)
        return attrs.evolve(token, created_by=actor), secret

    def activate(self, token: Token) -> None:
        """Make a stored token valid."""
        self._by_hash[token.hash] = token
        self._version += 1

    def in_scope(self, scope_id: int) -> Sequence[Token]:
        """Return every valid token of the scope, oldest first."""
        tokens = (t for t in self._by_hash.values() if t.scope_id == scope_id)
        return sorted(tokens, key=lambda token: token.id)

    async def revoke(self, scope_id: int, token_id: int, actor: Actor = SERVER) -> None:
        """
        Revoke a token of the scope, immediately.

        Raises:
            NotFound: there is none.
        """
        entry = AuditEntry(
            scope_id=scope_id,
            actor=actor,
            action=AuditAction.TOKEN_REVOKE,
            target_kind=TargetKind.TOKEN,
            target_id=token_id,
        )
        now = self.clock.now()
        if not await self.store.revoke_token(
            scope_id, token_id, now=now, audit=[entry]
        ):
            raise NotFound(f"There is no token {token_id}.")
        self._version += 1
        for token in self.in_scope(scope_id):
            if token.id == token_id:
                del self._by_hash[token.hash]

    def _build_token(
        self,
        scope_id: int,
        name: str,
        permissions: Iterable[Permission],
        secret: str,
    ) -> Token:
        return Token(
            id=self.ids(),
            scope_id=scope_id,
            hash=hash_secret(secret),
            name=name,
            permissions=frozenset(permissions),
            created_at=self.clock.now(),
        )


def token_entry(token: Token, actor: Actor, action: AuditAction) -> AuditEntry:
    """Return the entry of an act on a token."""
    permissions = " ".join(sorted(token.permissions))
    return AuditEntry(
        scope_id=token.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.TOKEN,
        target_id=token.id,
        detail={"name": token.name, "permissions": permissions},
    )


def _in_both_scopes(entry: AuditEntry, caller: Token | None) -> list[AuditEntry]:
    """Return the entry for its scope and, if that is another one, the caller's."""
    if caller is None or caller.scope_id == entry.scope_id:
        return [entry]
    return [entry, attrs.evolve(entry, scope_id=caller.scope_id)]

"""Tokens authenticate programs and carry their permissions."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import attrs

from pushserver.clock import Clock
from pushserver.errors import (
    Conflict,
    Invalid,
    NoLongerValid,
    NotFound,
    Unauthorized,
)
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.ids import IdGenerator
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.secret import hash_secret
from pushserver.model.session import Session
from pushserver.model.token import Permission, Token, new_token_secret
from pushserver.services.stock_bounds import StockBounds
from pushserver.services.token_audit import (
    in_both_scopes,
    revocation_entry,
    token_entry,
)
from pushserver.services.token_limits import (
    NO_LIMITS,
    TokenLimits,
    refuse_longer_life,
    refuse_more,
)
from pushserver.services.token_uses import TokenUses
from pushserver.storage.base import Store
from pushserver.storage.scopes import Revocation

#: The name of a scope's first token.
FIRST_TOKEN = "first admin token"  # noqa: S105 - a name, no secret
#: Programs send the same secret with each call; what is longer, in characters, is none
#: that a server makes, and is not kept.
_hash_again, _MAX_KEPT = lru_cache(256)(hash_secret), 1024


@attrs.define(eq=False)
class Tokens:
    """Keeps every valid token in memory, by its hash."""

    store: Store
    clock: Clock
    ids: IdGenerator
    bounds: StockBounds
    _by_hash: dict[str, Token] = attrs.field(factory=dict, init=False)
    _by_id: dict[int, Token] = attrs.field(factory=dict, init=False)
    #: For whom each token that is no admin's calls, by its id.
    _callers: dict[int, int] = attrs.field(factory=dict, init=False)
    _version: int = attrs.field(default=0, init=False)
    uses: TokenUses = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.uses = TokenUses(self.store)

    async def load(self, admin_secret: str | None) -> str | None:
        """
        Read the tokens; if the first scope has none, create one and return its secret.

        *admin_secret* makes a token of the first scope that is not stored: it is valid
        while the setting is set.
        """
        self._by_hash, self._by_id = {}, {}
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
        self._by_id = {token.id: token for token in self._by_hash.values()}
        self._callers = {}
        for token in sorted(found, key=lambda token: token.id):
            self._note_caller(token)
        self._version += 1

    def authenticate(
        self, authorization: str | None, session: Session | None = None
    ) -> Token:
        """
        Return the token of an `Authorization` header, or that of the session in it.

        Raises:
            Unauthorized: there is no token, or it is not valid.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthorized("Send the header Authorization: Bearer <token>.")
        token = self.find(_hash(secret) if session is None else session.token_hash)
        if token is None:
            raise Unauthorized("This token is not valid, has expired or was revoked.")
        self.uses.note(token, self.clock.now())
        return token

    def find(self, token_hash: str) -> Token | None:
        """Return the valid token with this hash, if there is one."""
        token = self._by_hash.get(token_hash)
        is_valid = token is not None and not token.has_expired(self.clock.now())
        return token if is_valid else None

    def find_by_id(self, token_id: int | None) -> Token | None:
        """Return the token with an id, expired or not; None if it was revoked."""
        return None if token_id is None else self._by_id.get(token_id)

    def is_valid(self, token: Token) -> bool:
        """Tell whether an authenticated token is still valid."""
        # By its own expiry: in a session, it is the session's if that is earlier.
        return token.hash in self._by_hash and not token.has_expired(self.clock.now())

    def require_valid(self, token: Token) -> None:
        """
        Check that an authenticated token is still valid.

        Raises:
            NoLongerValid: it was revoked, or has expired.
        """
        if not self.is_valid(token):
            raise NoLongerValid

    def caller_of(self, token: Token) -> int:
        """
        Return whose turn it is when the token calls: the id of one that it calls for.

        That is its own, but if it was made with one that is no admin's, that one's:
        otherwise that could have as many turns as it makes tokens.
        """
        return self._callers.get(token.id, token.id)

    def _note_caller(self, token: Token) -> None:
        maker = token.created_by.token_id
        if Permission.ADMIN not in token.permissions:
            own = token.id
            self._callers[own] = own if maker is None else self._callers.get(maker, own)

    async def create(
        self,
        scope_id: int,
        name: str,
        permissions: Iterable[Permission],
        caller: Token | None = None,
        actor: Actor = SERVER,
        limits: TokenLimits = NO_LIMITS,
    ) -> tuple[Token, str]:
        """
        Create a token of the scope; return it with its secret, which is not stored.

        Raises:
            Invalid: it would have expired already, or its name is blank.
            Forbidden: it could do more than *caller*, or do it for longer.
            LimitReached: the scope has enough tokens.
        """
        self._check_name_and_expiry(name, limits)
        requested = list(permissions)
        refuse_more(caller, requested)
        refuse_longer_life(caller, limits)
        token, secret = self.generate(scope_id, name, requested, actor)
        token = attrs.evolve(token, **attrs.asdict(limits, recurse=False))
        entry = token_entry(token, actor, AuditAction.TOKEN_CREATE)
        with self.bounds.adding("scope_tokens", scope_id) as others:
            present = sum(1 for _ in self._of_scope(scope_id)) + others
            self.bounds.require_room("scope_tokens", present)
            await self.store.add_token(token, in_both_scopes(entry, caller))
            self.activate(token)
        return token, secret

    def _check_name_and_expiry(self, name: str, limits: TokenLimits) -> None:
        if not name.strip() or not name.isprintable():
            raise Invalid("A token needs a name that people can read.", pointer="/name")
        if limits.expires_at is not None and limits.expires_at <= self.clock.now():
            raise Invalid("expiresAt must be in the future.", pointer="/expiresAt")

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
        self._by_hash[token.hash] = self._by_id[token.id] = token
        self._note_caller(token)
        self._mark_changed()

    def forget_scope(self, scope_id: int) -> None:
        """Make the tokens of a deleted scope invalid."""
        self._forget(self._of_scope(scope_id))

    def _forget(self, tokens: Iterable[Token]) -> None:
        self._mark_changed()
        for token in [*tokens]:
            del self._by_hash[token.hash], self._by_id[token.id]

    def _mark_changed(self) -> None:
        """Have a read that is under way repeated, and tell who shows tokens."""
        self._version += 1
        self.store.feed.publish_own(ChangeNotice(tokens=True))

    def in_scope(self, scope_id: int) -> Sequence[Token]:
        """Return the tokens of the scope that are not revoked, oldest first."""
        tokens = map(self.uses.with_last_use, self._of_scope(scope_id))
        return sorted(tokens, key=lambda token: token.id)

    def _of_scope(self, scope_id: int) -> Iterator[Token]:
        # Not in order, and without their last use: that takes milliseconds of many.
        return (t for t in self._by_hash.values() if t.scope_id == scope_id)

    async def revoke(
        self,
        scope_id: int,
        token_id: int,
        caller: Token | None = None,
        actor: Actor = SERVER,
        *,
        force: bool = False,
    ) -> None:
        """
        Revoke a token of the scope, immediately.

        Raises:
            NotFound: there is none.
            Forbidden: it may do more than *caller*.
            Conflict: nobody else could administer the scope, and it is not forced.
        """
        token = self._by_id.get(token_id)
        if token is None or token.scope_id != scope_id:
            raise NotFound(f"There is no token {token_id}.")
        refuse_more(caller, token.permissions)
        # The settings' token is not stored, but it can administer the first scope.
        has_setting = scope_id == DEFAULT_SCOPE_ID and 0 in self._by_id
        revocation = await self.store.revoke_token(
            scope_id,
            token_id,
            now=self.clock.now(),
            keeps_admin=not (force or has_setting),
            audit=[revocation_entry(scope_id, token_id, actor, force=force)],
        )
        if revocation is Revocation.NOT_FOUND:
            raise NotFound(f"There is no token {token_id}.")
        if revocation is Revocation.LAST_ADMIN:
            raise Conflict(
                "This is the scope's last token with admin that is not restricted and"
                " does not expire. If that is meant, revoke it with force=true."
            )
        self._forget(t for t in self._of_scope(scope_id) if t.id == token_id)

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


def _hash(given: str) -> str:
    secret = given.strip()
    return (_hash_again if len(secret) <= _MAX_KEPT else hash_secret)(secret)

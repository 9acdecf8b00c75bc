"""Tokens: who calls, and what they may do."""

from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Forbidden, NotFound, Unauthorized
from pushserver.model.device import hash_secret
from pushserver.model.ids import IdSource
from pushserver.model.token import Permission, Token, new_secret
from pushserver.storage.base import TokenStore


@attrs.define(eq=False)
class Tokens:
    """Every valid token, in memory by its hash."""

    store: TokenStore
    clock: Clock
    ids: IdSource
    _by_hash: dict[str, Token] = attrs.field(factory=dict, init=False)

    async def load(self, admin_secret: str | None) -> str | None:
        """
        Read the tokens; return the first one's secret if it was made just now.

        With *admin_secret* that one is valid, for as long as it is set.
        """
        self._by_hash = {token.hash: token for token in await self.store.all_tokens()}
        if admin_secret:
            token = self._token(
                "PUSHSERVER_ADMIN_TOKEN", [Permission.ADMIN], admin_secret
            )
            self._by_hash[token.hash] = attrs.evolve(token, id=0)
        elif not self._by_hash:
            _, secret = await self.make("first admin token", [Permission.ADMIN])
            return secret
        return None

    def authenticate(self, authorization: str | None) -> Token:
        """
        Return the token of an `Authorization` header.

        Raises:
            Unauthorized: there is none, or it is not valid.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthorized("Send the header Authorization: Bearer <token>.")
        token = self._by_hash.get(hash_secret(secret.strip()))
        if token is None:
            raise Unauthorized("This token is not valid, or was revoked.")
        return token

    async def make(
        self, name: str, permissions: Iterable[Permission], by: Token | None = None
    ) -> tuple[Token, str]:
        """
        Make a token; its secret is never seen again.

        Raises:
            Forbidden: it would be able to do more than *by*, who makes it.
        """
        wanted = list(permissions)
        beyond = [p for p in wanted if by is not None and not by.may(p)]
        if beyond:
            raise Forbidden(f"Your own token may not do this: {', '.join(beyond)}.")
        secret = new_secret()
        token = self._token(name, wanted, secret)
        await self.store.add_token(token)
        self._by_hash[token.hash] = token
        return token, secret

    def all(self) -> Sequence[Token]:
        """Return every valid token, oldest first."""
        return sorted(self._by_hash.values(), key=lambda token: token.id)

    async def revoke(self, token_id: int) -> None:
        """
        Make a token invalid at once.

        Raises:
            NotFound: there is none.
        """
        if not await self.store.revoke_token(token_id, now=self.clock.now()):
            raise NotFound(f"There is no token {token_id}.")
        for token in self.all():
            if token.id == token_id:
                del self._by_hash[token.hash]

    def _token(
        self, name: str, permissions: Iterable[Permission], secret: str
    ) -> Token:
        return Token(
            id=self.ids(),
            hash=hash_secret(secret),
            name=name,
            permissions=frozenset(permissions),
            created_at=self.clock.now(),
        )

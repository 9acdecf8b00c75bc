"""Calls about tokens and scopes, and about who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import attrs

from pushserver.client.pages import iter_items

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pushserver.client.transport import Transport
    from pushserver.client.types import (
        Audit,
        AuditEntry,
        ListAuditQuery,
        Permission,
        Scope,
        Scopes,
        Token,
        TokenOptions,
        Tokens,
    )


@attrs.frozen
class TokenCalls:
    """List, create and revoke tokens."""

    _api: Transport

    async def list(self) -> Tokens:
        """Return the tokens, without their secrets."""
        return await self._api.call("GET", "tokens")

    async def create(
        self,
        name: str,
        permissions: Sequence[Permission],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[TokenOptions],
    ) -> Token:
        """Create a token; its secret, `token`, is shown only this once."""
        given = {key: value for key, value in options.items() if value}
        return await self._api.create(
            "tokens",
            body={"name": name, "permissions": [*permissions], **given},
            idempotency_key=idempotency_key,
        )

    async def revoke(self, token_id: str, *, force: bool = False) -> None:
        """Make a token invalid; with *force* also the last administrator's."""
        params = {"force": "true"} if force else {}
        await self._api.request("DELETE", "tokens", token_id, params=params)


@attrs.frozen
class ScopeCalls:
    """List, create and delete scopes."""

    _api: Transport

    async def list(self) -> Scopes:
        """Return the scopes that the token may see."""
        return await self._api.call("GET", "scopes")

    async def create(self, name: str, *, idempotency_key: str | None = None) -> Scope:
        """Create a scope; its first token is shown only this once."""
        return await self._api.create(
            "scopes", body={"name": name}, idempotency_key=idempotency_key
        )

    async def create_token(
        self,
        scope_id: str,
        name: str,
        permissions: Sequence[Permission],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[TokenOptions],
    ) -> Token:
        """Create a token for another scope; its secret is shown only this once."""
        return await self._api.create(
            *("scopes", scope_id, "tokens"),
            body={"name": name, "permissions": [*permissions], **options},
            idempotency_key=idempotency_key,
        )

    async def delete(self, scope_id: str) -> None:
        """Delete a scope in which there is nothing but tokens."""
        await self._api.request("DELETE", "scopes", scope_id)


@attrs.frozen
class AuditCalls:
    """List who did what."""

    _api: Transport

    async def list(self, **query: Unpack[ListAuditQuery]) -> Audit:
        """Return a page of the audit, newest first; with `after` oldest first."""
        return await self._api.call("GET", "audit", params=query)

    def iterate(self, **query: Unpack[ListAuditQuery]) -> AsyncIterator[AuditEntry]:
        """Yield the entries of all pages, or `limit` of them, as `list` orders them."""
        return iter_items(self.list, **query)

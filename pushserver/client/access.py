"""Calls about tokens and scopes, and about who did what."""

from collections.abc import Sequence
from typing import Any

import attrs

from pushserver.client.answers import Json
from pushserver.client.transport import Transport


@attrs.frozen
class TokenCalls:
    """List, create and revoke tokens."""

    _api: Transport

    async def list(self, **filters: Any) -> Json:
        """Return the tokens, without their secrets."""
        return await self._api.call("GET", "tokens", params=filters)

    async def create(
        self, name: str, permissions: Sequence[str], **limits: Any
    ) -> Json:
        """Create a token; its secret is shown only this once."""
        given = {key: value for key, value in limits.items() if value}
        body = {"name": name, "permissions": [*permissions], **given}
        return await self._api.call("POST", "tokens", body=body)

    async def revoke(self, token_id: str, *, force: bool = False) -> None:
        """Make a token invalid; with *force* also the last administrator's."""
        params = {"force": "true"} if force else {}
        await self._api.request("DELETE", "tokens", token_id, params=params)


@attrs.frozen
class ScopeCalls:
    """List, create and delete scopes."""

    _api: Transport

    async def list(self) -> Json:
        """Return the scopes that the token may see."""
        return await self._api.call("GET", "scopes")

    async def create(self, name: str) -> Json:
        """Create a scope; its first token is shown only this once."""
        return await self._api.call("POST", "scopes", body={"name": name})

    async def create_token(
        self, scope_id: str, name: str, permissions: Sequence[str]
    ) -> Json:
        """Create a token for another scope; its secret is shown only this once."""
        body = {"name": name, "permissions": [*permissions]}
        return await self._api.call("POST", "scopes", scope_id, "tokens", body=body)

    async def delete(self, scope_id: str) -> None:
        """Delete a scope in which there is nothing but tokens."""
        await self._api.request("DELETE", "scopes", scope_id)


@attrs.frozen
class AuditCalls:
    """List who did what."""

    _api: Transport

    async def list(self, **filters: Any) -> Json:
        """Return a page of the audit, newest first; with `after` oldest first."""
        return await self._api.call("GET", "audit", params=filters)

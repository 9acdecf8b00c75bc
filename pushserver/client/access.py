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

    async def create(self, name: str, permissions: Sequence[str]) -> Json:
        """Create a token; its secret is shown only this once."""
        body = {"name": name, "permissions": [*permissions]}
        return await self._api.call("POST", "tokens", body=body)

    async def revoke(self, token_id: str) -> None:
        """Make a token invalid."""
        await self._api.request("DELETE", "tokens", token_id)


@attrs.frozen
class ScopeCalls:
    """List and create scopes."""

    _api: Transport

    async def list(self) -> Json:
        """Return the scopes that the token may see."""
        return await self._api.call("GET", "scopes")

    async def create(self, name: str) -> Json:
        """Create a scope; its first token is shown only this once."""
        return await self._api.call("POST", "scopes", body={"name": name})


@attrs.frozen
class AuditCalls:
    """List who did what."""

    _api: Transport

    async def list(self, **filters: Any) -> Json:
        """Return a page of the audit, newest first; with `after` oldest first."""
        return await self._api.call("GET", "audit", params=filters)

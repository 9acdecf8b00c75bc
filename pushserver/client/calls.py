"""Every call of the API, as a method."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.client.operations import OperationCalls
from pushserver.client.shadows import ShadowCalls
from pushserver.client.subscriptions import SubscriptionCalls
from pushserver.client.transport import ApiResponse, Json, QueryParams
from pushserver.client.upgrades import UpgradeCalls

OCTETS = "application/octet-stream"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
#: Seconds that an import may take: a whole fleet is one transaction.
IMPORT_WAIT = 600


@attrs.frozen(kw_only=True)
class RequestPreferences:
    """How to enqueue: the idempotency key, and the seconds to wait for the outcome."""

    idempotency_key: str | None = None
    wait: int | None = None

    def call_arguments(self) -> dict[str, Any]:
        """Return this as arguments of a call."""
        return {
            "idempotency_key": self.idempotency_key,
            "headers": {"Prefer": f"wait={self.wait}"} if self.wait else {},
            "wait": self.wait,
        }


_NO_PREFERENCES = RequestPreferences()


@attrs.define
class Client(OperationCalls, UpgradeCalls, ShadowCalls, SubscriptionCalls):
    """Every call: of devices, commands, results, tokens, scopes and the bases."""

    async def enqueue(
        self,
        device_id: str,
        command: Mapping[str, Any],
        preferences: RequestPreferences = _NO_PREFERENCES,
    ) -> Json:
        """Enqueue one command."""
        return await self._enqueue(device_id, preferences, body=command)

    async def enqueue_many(
        self,
        device_id: str,
        commands: Sequence[Json],
        preferences: RequestPreferences = _NO_PREFERENCES,
    ) -> list[Json]:
        """Enqueue all of *commands*, or none."""
        answer = await self._enqueue(device_id, preferences, body=commands)
        return list(answer["items"])

    async def enqueue_bytes(
        self,
        device_id: str,
        content: bytes,
        fields: QueryParams,
        preferences: RequestPreferences = _NO_PREFERENCES,
    ) -> Json:
        """Enqueue raw bytes, such as a photo; *fields* are the command's others."""
        raw = {"content": content, "content_type": OCTETS, "params": fields}
        return await self._enqueue(device_id, preferences, **raw)

    async def _enqueue(
        self, device_id: str, preferences: RequestPreferences, **content: Any
    ) -> Json:
        options = content | preferences.call_arguments()
        return await self._call("POST", "devices", device_id, "commands", **options)

    async def commands(self, **filters: Any) -> Json:
        """Return a page of commands, newest first."""
        return await self._call("GET", "commands", params=filters)

    async def command(self, command_id: str, *, wait: int | None = None) -> Json:
        """Return one command; *wait* seconds for its outcome."""
        params = {"wait": wait}
        return await self._call("GET", "commands", command_id, params=params, wait=wait)

    async def command_result(self, command_id: str) -> tuple[bytes, str | None]:
        """Return a result as the device posted it, and its content type."""
        answer = await self._request("GET", "commands", command_id, "result")
        return answer.content, answer.headers.get("Content-Type")

    async def cancel_command(self, command_id: str) -> Json:
        """Cancel a command that was not handed out."""
        return await self._call("DELETE", "commands", command_id)

    async def retry_command(self, command_id: str) -> Json:
        """Enqueue a new command like this one."""
        return await self._call("POST", "commands", command_id, "retry")

    async def results(self, *, wait: int | None = None, **filters: Any) -> Json:
        """Return a page of results, oldest first; *wait* seconds for at least one."""
        params = {"wait": wait, **filters}
        return await self._call("GET", "results", params=params, wait=wait)

    async def devices(self, **filters: Any) -> Json:
        """Return a page of devices."""
        return await self._call("GET", "devices", params=filters)

    async def device(self, device_id: str) -> Json:
        """Return one device."""
        return await self._call("GET", "devices", device_id)

    async def put_device(self, device_id: str, **fields: Any) -> Json:
        """Create a device, or replace what is known of it."""
        return await self._call("PUT", "devices", device_id, body=fields)

    async def patch_device(self, device_id: str, **fields: Any) -> Json:
        """Change some of a device's fields."""
        return await self._call("PATCH", "devices", device_id, body=fields)

    async def delete_device(self, device_id: str) -> None:
        """Remove a device; what is pending for it is canceled."""
        await self._request("DELETE", "devices", device_id)

    async def adopt_device(self, device_id: str) -> Json:
        """Adopt a device that polled by itself."""
        return await self._call("POST", "devices", device_id, "adopt")

    async def create_device_key(self, device_id: str, *, enforce: bool = False) -> Json:
        """Make a key for a device; it is shown this once."""
        body = {"enforce": True} if enforce else {}
        return await self._call("POST", "devices", device_id, "key", body=body)

    async def import_devices(self, content: bytes, content_type: str = NDJSON) -> Json:
        """Create or update a fleet from NDJSON or CSV."""
        raw = {"content": content, "content_type": content_type}
        wait = IMPORT_WAIT
        return await self._call("POST", "devices", "import", wait=wait, **raw)

    async def tokens(self, **filters: Any) -> Json:
        """Return the tokens, without their secrets."""
        return await self._call("GET", "tokens", params=filters)

    async def create_token(self, name: str, permissions: Sequence[str]) -> Json:
        """Make a token; its secret is shown this once."""
        body = {"name": name, "permissions": list(permissions)}
        return await self._call("POST", "tokens", body=body)

    async def revoke_token(self, token_id: str) -> None:
        """Revoke a token."""
        await self._request("DELETE", "tokens", token_id)

    async def scopes(self) -> Json:
        """Return the scopes that the token may know of."""
        return await self._call("GET", "scopes")

    async def create_scope(self, name: str) -> Json:
        """Make a scope; its first token is shown this once."""
        return await self._call("POST", "scopes", body={"name": name})

    async def purge(self, before: str) -> Json:
        """Delete a part of the history from before an instant; repeat until done."""
        return await self._call("POST", "purge", body={"before": before})

    async def openapi(self) -> Json:
        """Return the API's description."""
        return await self._call("GET", "openapi.json")

    async def probe(self, path: str) -> ApiResponse:
        """Return the answer to *path* at the server's root, a refusal included."""
        return await self._send("GET", path)

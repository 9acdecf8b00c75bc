"""Calls about devices and their shadows."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import attrs

from pushserver.client.answers import Json
from pushserver.client.transport import Transport, translate_network_errors

NDJSON = "application/x-ndjson"
CSV = "text/csv"
#: Seconds that an import may take: it writes a whole fleet.
IMPORT_WAIT = 600


@attrs.frozen
class DeviceCalls:
    """Create, adopt, change, import, export and delete devices."""

    _api: Transport

    async def list(self, **filters: Any) -> Json:
        """Return a page of devices; ordered by id, unless `sort` says otherwise."""
        return await self._api.call("GET", "devices", params=filters)

    async def get(self, device_id: str) -> Json:
        """Return one device."""
        return await self._api.call("GET", "devices", device_id)

    async def put(self, device_id: str, **fields: Any) -> Json:
        """Create a device, or replace its fields."""
        return await self._api.call("PUT", "devices", device_id, body=fields)

    async def patch(self, device_id: str, **fields: Any) -> Json:
        """Change some of a device's fields."""
        return await self._api.call("PATCH", "devices", device_id, body=fields)

    async def delete(self, device_id: str) -> None:
        """Delete a device and cancel its waiting commands."""
        await self._api.request("DELETE", "devices", device_id)

    async def adopt(self, device_id: str) -> Json:
        """Adopt a device, such as one in quarantine."""
        return await self._api.call("POST", "devices", device_id, "adopt")

    async def create_key(self, device_id: str, *, enforce: bool | None = None) -> Json:
        """Create a key for a device; it is shown only this once."""
        body = {} if enforce is None else {"enforce": enforce}
        return await self._api.call("POST", "devices", device_id, "key", body=body)

    async def create_keys(self, targets: Json, *, enforce: bool | None = None) -> bytes:
        """Create keys for many devices; return them as CSV, this once."""
        options = {} if enforce is None else {"enforce": enforce}
        answer = await self._api.request(
            "POST",
            *("devices", "keys"),
            body={"targets": targets, **options},
            headers={"Accept": CSV},
            wait=IMPORT_WAIT,
        )
        return answer.content

    async def import_file(
        self, content: bytes, content_type: str = NDJSON, *, dry_run: bool = False
    ) -> Json:
        """Create or change many devices from NDJSON or CSV, or say what would be."""
        raw = {"content": content, "content_type": content_type}
        params = {"dryRun": True} if dry_run else {}
        return await self._api.call(
            "POST", "devices", "import", wait=IMPORT_WAIT, params=params, **raw
        )

    async def export_file(
        self, content_type: str = NDJSON, **filters: Any
    ) -> AsyncIterator[bytes]:
        """Return what is set of all devices as NDJSON or CSV, piece by piece."""
        headers = {"Accept": content_type}
        async with self._api.open_stream(
            "devices", "export", params=filters, headers=headers
        ) as response:
            with translate_network_errors(self._api.server):
                async for chunk in response.content.iter_any():
                    yield chunk


@attrs.frozen
class ShadowCalls:
    """Read shadows and change what is desired, of one device or of many."""

    _api: Transport

    async def get(self, device_id: str) -> Json:
        """Return what is desired and reported of a device."""
        return await self._api.call("GET", "devices", device_id, "shadow")

    async def update_desired(
        self,
        device_id: str,
        desired: Json,
        *,
        if_match: str | None = None,
        expires_in: int | None = None,
    ) -> Json:
        """Change what is desired of a device; return its shadow."""
        return await self._api.call(
            "PATCH",
            *("devices", device_id, "shadow"),
            body=desired,
            params={"expiresIn": expires_in},
            headers={} if if_match is None else {"If-Match": f'"{if_match}"'},
        )

    async def refresh(
        self, device_id: str, keys: Mapping[str, Sequence[str]]
    ) -> Sequence[Json]:
        """Read all known properties from a device, and *keys*; return the commands."""
        path = ("devices", device_id, "shadow", "refresh")
        items: Sequence[Json] = (await self._api.call("POST", *path, body=keys))[
            "items"
        ]
        return items

    async def update_desired_of_many(
        self,
        targets: Json,
        desired: Json,
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Change what is desired of many devices; return the task that sends it."""
        body = {"targets": targets, "desired": desired, **fields}
        return await self._api.call(
            "PATCH", "shadows", body=body, idempotency_key=idempotency_key
        )

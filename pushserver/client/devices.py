"""Calls about devices and their shadows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import attrs

from pushserver.client.open_stream import OpenStream
from pushserver.client.pages import iter_items
from pushserver.client.transport import Transport, translate_network_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    import aiohttp

    from pushserver.client.types import (
        Command,
        Device,
        DeviceImport,
        DeviceInput,
        DeviceKey,
        Devices,
        DryRun,
        ExportDevicesQuery,
        ListDevicesQuery,
        Shadow,
        ShadowsOptions,
        TargetsInput,
        Task,
    )

NDJSON = "application/x-ndjson"
CSV = "text/csv"
#: Seconds that an import may take: it writes a whole fleet.
IMPORT_WAIT = 600


@attrs.frozen
class DeviceCalls:
    """Create, adopt, change, import, export and delete devices."""

    _api: Transport

    async def list(self, **query: Unpack[ListDevicesQuery]) -> Devices:
        """Return a page of devices; ordered by id, unless `sort` says otherwise."""
        return await self._api.call("GET", "devices", params=query)

    def iterate(self, **query: Unpack[ListDevicesQuery]) -> AsyncIterator[Device]:
        """Yield the devices of all pages, or `limit` of them, as `list` orders them."""
        return iter_items(self.list, **query)

    async def get(self, device_id: str) -> Device:
        """Return one device."""
        return await self._api.call("GET", "devices", device_id)

    async def put(self, device_id: str, **fields: Unpack[DeviceInput]) -> Device:
        """Create a device, or replace its fields."""
        return await self._api.call("PUT", "devices", device_id, body=fields)

    async def patch(self, device_id: str, **fields: Unpack[DeviceInput]) -> Device:
        """Change some of a device's fields."""
        return await self._api.call("PATCH", "devices", device_id, body=fields)

    async def delete(self, device_id: str) -> None:
        """Delete a device and cancel its waiting commands."""
        await self._api.request("DELETE", "devices", device_id)

    async def adopt(self, device_id: str) -> Device:
        """Adopt a device, such as one in quarantine."""
        return await self._api.call("POST", "devices", device_id, "adopt")

    async def create_key(
        self,
        device_id: str,
        *,
        enforce: bool | None = None,
        idempotency_key: str | None = None,
    ) -> DeviceKey:
        """Create a key for a device; it is shown only this once."""
        return await self._api.create(
            *("devices", device_id, "key"),
            body={} if enforce is None else {"enforce": enforce},
            idempotency_key=idempotency_key,
        )

    async def create_keys(
        self,
        targets: TargetsInput,
        *,
        enforce: bool | None = None,
        idempotency_key: str | None = None,
    ) -> bytes:
        """Create keys for many devices; return them as CSV, this once."""
        options = {} if enforce is None else {"enforce": enforce}
        answer = await self._api.request(
            "POST",
            *("devices", "keys"),
            body={"targets": targets, **options},
            headers={"Accept": CSV},
            idempotency_key=self._api.key(idempotency_key),
            wait=IMPORT_WAIT,
        )
        return answer.content

    async def import_file(
        self,
        content: bytes,
        content_type: str = NDJSON,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> DeviceImport:
        """Create or change many devices from NDJSON or CSV, or say what would be."""
        return await self._api.create(
            *("devices", "import"),
            content=content,
            content_type=content_type,
            params={"dryRun": True} if dry_run else {},
            idempotency_key=idempotency_key,
            wait=IMPORT_WAIT,
        )

    async def export_file(
        self, content_type: str = NDJSON, **query: Unpack[ExportDevicesQuery]
    ) -> AsyncIterator[bytes]:
        """Return what is set of all devices as NDJSON or CSV, piece by piece."""
        options = {"params": query, "headers": {"Accept": content_type}}
        path = ("devices", "export")
        async with OpenStream(self._api, path, _chunks, options) as chunks:
            with translate_network_errors(self._api.server):
                async for chunk in chunks:
                    yield chunk


def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    return response.content.iter_any()


@attrs.frozen
class ShadowCalls:
    """Read shadows and change what is desired, of one device or of many."""

    _api: Transport

    async def get(self, device_id: str) -> Shadow:
        """Return what is desired and reported of a device."""
        return await self._api.call("GET", "devices", device_id, "shadow")

    async def update_desired(
        self,
        device_id: str,
        desired: Mapping[str, Any],
        *,
        if_match: str | int | None = None,
        expires_in: float | None = None,
    ) -> Shadow:
        """
        Change what is desired of a device; return its shadow.

        *desired* is a JSON merge patch: properties by the name of their service; None
        takes one away. With *if_match*, a `version`, nothing is changed if that is not
        the shadow's any more. The commands wait *expires_in* seconds for the device.
        """
        return await self._api.call(
            "PATCH",
            *("devices", device_id, "shadow"),
            body=desired,
            params={"expiresIn": expires_in},
            headers={} if if_match is None else {"If-Match": f'"{if_match}"'},
        )

    async def refresh(
        self,
        device_id: str,
        keys: Mapping[str, Sequence[str]],
        *,
        idempotency_key: str | None = None,
    ) -> Sequence[Command]:
        """Read all known properties from a device, and *keys*; return the commands."""
        path = ("devices", device_id, "shadow", "refresh")
        answer = await self._api.create(
            *path, body=keys, idempotency_key=idempotency_key
        )
        return answer["items"]

    async def update_desired_of_many(
        self,
        targets: TargetsInput,
        desired: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[ShadowsOptions],
    ) -> Task:
        """Change what is desired of many devices; return the task that sends it."""
        body = {"targets": targets, "desired": desired, **options}
        return await self._api.create(
            "shadows", method="PATCH", body=body, idempotency_key=idempotency_key
        )

    async def preview_desired_of_many(
        self,
        targets: TargetsInput,
        desired: Mapping[str, Any],
        **options: Unpack[ShadowsOptions],
    ) -> DryRun:
        """Return the devices that it would change, and change none."""
        body = {"targets": targets, "desired": desired, **options, "dryRun": True}
        return await self._api.call("PATCH", "shadows", body=body)

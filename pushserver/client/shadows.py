"""The calls of shadows: desired and reported properties of devices."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.client.transport import BaseClient, Json


@attrs.define
class ShadowCalls(BaseClient):
    """Shadows of single devices and of many."""

    async def shadow(self, device_id: str) -> Json:
        """Return what is desired and known of a device."""
        return await self._call("GET", "devices", device_id, "shadow")

    async def update_desired(
        self,
        device_id: str,
        desired: Json,
        *,
        if_match: str | None = None,
        expires_in: int | None = None,
    ) -> Json:
        """Change what is desired of a device; return its shadow."""
        headers = {} if if_match is None else {"If-Match": f'"{if_match}"'}
        params = {"expiresIn": expires_in}
        return await self._call(
            "PATCH",
            "devices",
            device_id,
            "shadow",
            body=desired,
            params=params,
            headers=headers,
        )

    async def refresh_shadow(
        self, device_id: str, keys: Mapping[str, Sequence[str]]
    ) -> list[Json]:
        """Ask a device for all that is known of, and for *keys*."""
        return list(
            (
                await self._call(
                    "POST", "devices", device_id, "shadow", "refresh", body=keys
                )
            )["items"]
        )

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
        return await self._call(
            "PATCH", "shadows", body=body, idempotency_key=idempotency_key
        )

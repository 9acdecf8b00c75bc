"""Calls about blobs: bytes that are uploaded once, for many commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pushserver.client.commands import OCTETS

if TYPE_CHECKING:
    from pushserver.client.transport import Transport
    from pushserver.client.types import Blob


@attrs.frozen
class BlobCalls:
    """Upload and download bytes."""

    _api: Transport

    async def upload(self, content: bytes) -> Blob:
        """Upload bytes; the `id` of the answer is the `bodyBlob` of commands."""
        return await self._api.create("blobs", content=content, content_type=OCTETS)

    async def download(self, blob_id: str) -> bytes:
        """Return the bytes of a blob."""
        return (await self._api.request("GET", "blobs", blob_id)).content

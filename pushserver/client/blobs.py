"""Calls about blobs: bytes that are uploaded once, for many commands."""

import attrs

from pushserver.client.answers import Json
from pushserver.client.commands import OCTETS
from pushserver.client.transport import Transport


@attrs.frozen
class BlobCalls:
    """Upload and download bytes."""

    _api: Transport

    async def upload(self, content: bytes) -> Json:
        """Upload bytes; the `id` of the answer is the `bodyBlob` of commands."""
        return await self._api.call(
            "POST", "blobs", content=content, content_type=OCTETS
        )

    async def download(self, blob_id: str) -> bytes:
        """Return the bytes of a blob."""
        return (await self._api.request("GET", "blobs", blob_id)).content

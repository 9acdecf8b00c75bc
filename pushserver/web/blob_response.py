"""Responses with the bytes of blobs, which are sent as they are read."""

from base64 import b64encode

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.model.blob import Blob
from pushserver.services.blobs import Blobs
from pushserver.web.blob_parts import AnswerParts
from pushserver.web.connection import connection_of
from pushserver.web.draining import write_and_drain


class BlobResponse(web.StreamResponse):
    """
    A response of bytes, and of blobs between them: as they are, or as base64.

    `prepare` sends its head, `send_parts` the rest; of a blob, a piece at a time is in
    memory.
    """

    def __init__(
        self,
        parts: AnswerParts,
        blobs: Blobs,
        content_type: str,
        *,
        is_base64: bool = False,
    ) -> None:
        super().__init__(headers={"Content-Type": content_type})
        self._parts, self._blobs, self._is_base64 = parts, blobs, is_base64
        self.content_length = sum(map(self._length_of, parts))

    def _length_of(self, part: bytes | Blob) -> int:
        if isinstance(part, bytes):
            return len(part)
        return -(-part.size // 3) * 4 if self._is_base64 else part.size

    async def send_parts(self) -> None:
        """
        Send the body.

        Raises:
            ConnectionError: the peer is gone, or the store: the connection is closed,
                so that nobody takes a part for the whole.
        """
        for part in self._parts:
            if isinstance(part, bytes):
                await self._send(part)
            else:
                await self._send_blob(part)

    async def _send_blob(self, blob: Blob) -> None:
        left = blob.size
        try:
            async for piece in self._blobs.pieces(blob):
                left -= len(piece)
                await self._send(b64encode(piece) if self._is_base64 else piece)
        except Unavailable:
            pass
        if left:
            assert self._req is not None  # noqa: S101 - it is prepared
            connection_of(self._req).abort()
            raise ConnectionResetError("The blob cannot be read to its end.")

    async def _send(self, data: bytes) -> None:
        assert self._req is not None  # noqa: S101 - it is prepared
        await write_and_drain(self._req, self, data)

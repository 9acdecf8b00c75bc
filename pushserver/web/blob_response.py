"""Responses with the bytes of blobs, which are sent as they are read."""

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.services.blobs import Blobs
from pushserver.web.blob_parts import AnswerParts, BlobPart
from pushserver.web.connection import connection_of
from pushserver.web.draining import write_and_drain


class BlobResponse(web.StreamResponse):
    """
    A response of bytes, and of blobs between them.

    `prepare` sends its head, `send_parts` the rest; of a blob, a piece at a time is in
    memory.
    """

    def __init__(self, parts: AnswerParts, blobs: Blobs, content_type: str) -> None:
        super().__init__(headers={"Content-Type": content_type})
        self._parts, self._blobs = parts, blobs
        self.content_length = sum(
            len(part) if isinstance(part, bytes) else part.length for part in parts
        )

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

    async def _send_blob(self, part: BlobPart) -> None:
        left = part.blob.size
        try:
            async for piece in self._blobs.pieces(part.blob):
                left -= len(piece)
                await self._send(part.encode(piece))
        except Unavailable:
            pass
        if left:
            assert self._req is not None  # noqa: S101 - it is prepared
            connection_of(self._req).abort()
            raise ConnectionResetError("The blob cannot be read to its end.")

    async def _send(self, data: bytes) -> None:
        assert self._req is not None  # noqa: S101 - it is prepared
        await write_and_drain(self._req, self, data)

"""Reads request bodies: bounded in size and in time, never decompressed."""

import asyncio

import attrs
from aiohttp import ClientConnectionError, StreamReader, web

from pushserver.errors import TooLarge

#: The largest accepted body, in bytes.
MAX_BODY_SIZE = 64 * 1024 * 1024
#: Seconds without a byte after which a body counts as broken off.
BODY_IDLE_TIMEOUT = 30.0


@attrs.frozen
class Body:
    """The bytes that arrived; `is_complete` is False if the end is missing."""

    content: bytes
    is_complete: bool = True


async def read_body(request: web.Request) -> Body:
    """
    Read the body, or the part of it that arrives.

    Raises:
        TooLarge: its Content-Length or its bytes exceed the limit.
    """
    content = request.content
    if content.is_eof():
        return Body(content.read_nowait())
    if (request.content_length or 0) > MAX_BODY_SIZE:
        raise body_too_large()
    return await _read_chunks(content)


async def _read_chunks(content: StreamReader) -> Body:
    chunks, size = [], 0
    try:
        while not content.at_eof():
            async with asyncio.timeout(BODY_IDLE_TIMEOUT):
                chunk = await content.readany()
            size += len(chunk)
            if size > MAX_BODY_SIZE:
                raise body_too_large()
            chunks.append(chunk)
    except (TimeoutError, ClientConnectionError, ConnectionError):
        return Body(b"".join(chunks), is_complete=False)
    return Body(b"".join(chunks))


def body_too_large() -> TooLarge:
    """Return the error for a body over the limit."""
    return TooLarge(f"A body may have at most {MAX_BODY_SIZE} bytes (64 MiB).")

"""Reading a request's body: whole, bounded, never inflated, never for ever."""

import asyncio

import attrs
from aiohttp import ClientConnectionError, StreamReader, web

from pushserver.errors import TooLarge

#: The largest body that is taken, in bytes.
LIMIT = 64 * 1024 * 1024
#: Seconds without a byte after which the rest is not waited for.
SILENCE = 30.0


@attrs.frozen
class Body:
    """What arrived. `complete` is False if the end did not."""

    data: bytes
    complete: bool = True


async def read_body(request: web.Request) -> Body:
    """
    Read the body, or as much of it as comes.

    Raises:
        TooLarge: it is over the limit, by what it announces or by what it sends.
    """
    content = request.content
    if content.is_eof():
        return Body(content.read_nowait())
    if (request.content_length or 0) > LIMIT:
        raise too_large()
    return await _read_slowly(content)


async def _read_slowly(content: StreamReader) -> Body:
    chunks, size = [], 0
    try:
        while not content.at_eof():
            async with asyncio.timeout(SILENCE):
                chunk = await content.readany()
            size += len(chunk)
            if size > LIMIT:
                raise too_large()
            chunks.append(chunk)
    except (TimeoutError, ClientConnectionError, ConnectionError):
        return Body(b"".join(chunks), complete=False)
    return Body(b"".join(chunks))


def too_large() -> TooLarge:
    """Return the refusal of a body over the limit."""
    return TooLarge(f"A body may have at most {LIMIT} bytes (64 MiB).")

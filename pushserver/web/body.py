"""Reads request bodies: bounded in size and in time, never decompressed."""

import asyncio
from functools import partial

import attrs
from aiohttp import ClientConnectionError, StreamReader, web
from aiohttp.streams import EmptyStreamReader

from pushserver.errors import (
    BodyTimeout,
    LengthRequired,
    Malformed,
    PushServerError,
    TooLarge,
)
from pushserver.web.connection import (
    LINGER,
    LONG_LINGER,
    announces_no_length,
    connection_of,
)

#: The largest accepted body, in bytes.
MAX_BODY_SIZE = 64 * 1024 * 1024
#: Seconds without a byte after which a body counts as broken off.
BODY_IDLE_TIMEOUT = 30.0
#: Seconds for which a body is waited for that was not announced.
UNANNOUNCED_WAIT = 5.0


@attrs.frozen
class Body:
    """
    The bytes that arrived.

    `error` says why they are not all, or not taken: to be raised once they are kept.
    """

    content: bytes
    error: PushServerError | None = None


NO_BODY = Body(b"")


async def read_body(request: web.Request) -> Body:
    """
    Read the body, or the part of it that arrives.

    Without its end the connection is of no more use: it is closed with the answer.
    """
    content = request.content
    piece = connection_of(request).unannounced
    if piece:
        return Body(piece, refuse_unannounced(request))
    if content.is_eof():
        data = _take_buffered(content)
        body = Body(data) if len(data) <= MAX_BODY_SIZE else Body(b"", _too_large())
    elif (request.content_length or 0) > MAX_BODY_SIZE:
        body = Body(b"", _too_large())
    else:
        body = await _read_chunks(content)
    if body.error is not None:
        linger = LONG_LINGER if isinstance(body.error, TooLarge) else LINGER
        connection_of(request).end_body(content, linger)
    return body


async def read_result(request: web.Request) -> Body:
    """Read a body; one that was not announced is told from none by waiting for it."""
    if announces_no_length(request):
        await connection_of(request).await_unannounced(UNANNOUNCED_WAIT)
    return await read_body(request)


def refuse_unannounced(request: web.Request) -> LengthRequired:
    """Return the error for a body that was not announced, and close after it."""
    connection_of(request).end_body(request.content)
    return LengthRequired("A body needs a Content-Length, or chunks.")


async def _read_chunks(content: StreamReader) -> Body:
    chunks, size = [], 0
    try:
        while not content.at_eof():
            async with asyncio.timeout(BODY_IDLE_TIMEOUT):
                chunk = await content.readany()
            size += len(chunk)
            if size > MAX_BODY_SIZE:
                return Body(b"", _too_large())
            chunks.append(chunk)
    except (
        TimeoutError,
        ClientConnectionError,
        ConnectionError,
        PushServerError,
    ) as error:
        # What came just before the error has not been read yet; it may be the end.
        chunks.append(_take_buffered(content))
        reason = None if content.is_eof() else _reason_of(error)
        return Body(b"".join(chunks), reason)
    return Body(b"".join(chunks))


def _take_buffered(content: StreamReader) -> bytes:
    """Return what arrived and was not read, also after an error."""
    if isinstance(content, EmptyStreamReader):
        return b""
    return b"".join(iter(partial(content._read_nowait, -1), b""))


def _reason_of(error: Exception) -> PushServerError:
    """Return what to answer to a body whose end did not come."""
    if isinstance(error, PushServerError):
        return error
    if isinstance(error, TimeoutError):
        return BodyTimeout(
            f"No byte of the body came for {BODY_IDLE_TIMEOUT:.0f} seconds."
        )
    return Malformed("The body ended before its Content-Length was reached.")


def _too_large() -> TooLarge:
    return TooLarge(f"A body may have at most {MAX_BODY_SIZE} bytes (64 MiB).")

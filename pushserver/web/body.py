"""Reads request bodies: bounded in size and in time, never decompressed.

Who asks is known before: of whoever was not let in, only the beginning is read.
"""

import asyncio
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial

import attrs
from aiohttp import ClientConnectionError, StreamReader, web

from pushserver.errors import (
    BodyTimeout,
    LengthRequired,
    Malformed,
    PushServerError,
    TooLarge,
    Unavailable,
)
from pushserver.fair_turns import CALLER
from pushserver.web.body_budget import MEBIBYTE
from pushserver.web.body_framing import announces_no_length
from pushserver.web.connection import (
    LINGER,
    LONG_LINGER,
    MAX_BEGINNING,
    connection_of,
)
from pushserver.web.spool import FREE_BYTES, MAX_IN_MEMORY, Spool
from pushserver.web.stranger_bounds import REQUEST_BYTES

#: The largest accepted body, in bytes.
MAX_BODY_SIZE = 64 * MEBIBYTE
#: The largest body of a call that says little.
MAX_SMALL_BODY = MEBIBYTE
#: Seconds without a byte after which a body counts as broken off.
BODY_IDLE_TIMEOUT = 30.0
#: Seconds that a body has in any case, and how many bytes of it have to come for each
#: further one.
BODY_TIMEOUT, LEAST_PACE = 300.0, 100
#: Seconds for which a body is waited for that was not announced.
UNANNOUNCED_WAIT = 5.0


@attrs.frozen
class Body:
    """
    The bytes that arrived.

    `error` says why they are not all, or not taken: to be raised once they are kept.
    `is_cut`: there were more than anybody wanted, and the connection is closed. `drop`
    is called, if there is one, as soon as they are kept: others wait for it.
    """

    content: bytes
    error: PushServerError | None = None
    is_cut: bool = False
    drop: Callable[[], None] | None = None


NO_BODY = Body(b"")
#: What reading raises when the rest does not come.
_BROKEN_OFF = (TimeoutError, ClientConnectionError, ConnectionError, PushServerError)


async def read_body(request: web.Request, *, limit: int = MAX_BODY_SIZE) -> Body:
    """
    Read the body of somebody who was let in, or what arrives of it; *limit* at most.

    Without its end the connection is of no more use: it is closed with the answer.

    Raises:
        Unavailable: there is no room.
    """
    return await _read_body(request, CALLER.get(), limit, waits=False)


async def _read_body(
    request: web.Request, caller: Hashable, limit: int, *, waits: bool
) -> Body:
    """Read a body of the caller's; who *waits* does so until there is room for it."""
    content = request.content
    piece = connection_of(request).unannounced_body(request)
    if piece:
        return Body(piece, refuse_unannounced(request))
    if content.is_eof():
        data = _take_buffered(content)
        body = Body(data) if len(data) <= limit else Body(b"", _too_large(limit))
    elif (request.content_length or 0) > limit:
        body = Body(b"", _too_large(limit))
    else:
        with closing(connection_of(request).body_budget.new_spool()) as spool:
            body = await _receive(request, spool, caller, limit, waits=waits)
    if body.error is not None:
        linger = LONG_LINGER if isinstance(body.error, TooLarge) else LINGER
        connection_of(request).end_body(content, linger)
    return body


async def receive_body(
    request: web.Request, spool: Spool, limit: int
) -> PushServerError | None:
    """
    Receive the body of somebody who was let in into *spool*; return what is wrong.

    Without its end the connection is closed with the answer, as by `read_body`.

    Raises:
        Unavailable: there is no room.
    """
    error: PushServerError | None
    if connection_of(request).unannounced_body(request):
        return refuse_unannounced(request)
    if (request.content_length or 0) > limit:
        error = _too_large(limit)
    else:
        with _room(request, CALLER.get()):
            error = await _receive_into(request, spool, waits=False, limit=limit)
    if error is not None:
        linger = LONG_LINGER if isinstance(error, TooLarge) else LINGER
        connection_of(request).end_body(request.content, linger)
    return error


async def read_result(request: web.Request, caller: Hashable = None) -> Body:
    """
    Read a body; wait a while for one that was not announced.

    Unless it is known to be a device's own, it takes the caller's room while it comes.
    """
    if announces_no_length(request):
        await connection_of(request).await_unannounced(UNANNOUNCED_WAIT)
    return await _read_body(request, caller, MAX_BODY_SIZE, waits=True)


async def read_refused_result(request: web.Request) -> Body:
    """Read the beginning of a result that nobody waits for."""
    connection = connection_of(request)
    if announces_no_length(request):
        connection.begin_wait()
        try:
            await connection.await_unannounced(UNANNOUNCED_WAIT)
        finally:
            connection.end_wait()
    return await read_beginning(request)


async def read_beginning(request: web.Request) -> Body:
    """
    Read the first bytes of a body, for a limited time, and no more.

    A longer one ends the connection. So does one that has to be waited for, while there
    is no room for that.
    """
    connection = connection_of(request)
    piece = connection.unannounced_body(request)
    if piece:
        return Body(piece[:MAX_BEGINNING], refuse_unannounced(request))
    content, data, error = request.content, b"", None
    try:
        async with asyncio.timeout(BODY_IDLE_TIMEOUT):
            while len(data) <= MAX_BEGINNING and not content.at_eof():
                if not content._buffer:
                    connection.begin_wait(REQUEST_BYTES + len(data))
                data += await content.readany()
    except _BROKEN_OFF as reason:
        data += _take_buffered(content)
        error = None if content.is_eof() else _reason_of(reason)
        reason.__traceback__ = None
    finally:
        connection.end_wait()
    is_cut = len(data) > MAX_BEGINNING
    if is_cut or error is not None:
        connection.end_body(content)
    return Body(data[:MAX_BEGINNING], None if is_cut else error, is_cut)


def refuse_unannounced(request: web.Request) -> LengthRequired:
    """Return the error for a body that was not announced, and close after it."""
    connection_of(request).end_body(request.content)
    return LengthRequired("A body needs a Content-Length, or chunks.")


async def _receive(
    request: web.Request, spool: Spool, caller: Hashable, limit: int, *, waits: bool
) -> Body:
    """Receive a body; a large one takes room before, and its turn after."""
    budget = connection_of(request).body_budget
    with _room(request, caller):
        error = await _receive_into(request, spool, waits=waits, limit=limit)
    if isinstance(error, TooLarge):
        return Body(b"", error)
    is_long = spool.size > MAX_IN_MEMORY
    drop = await budget.take_turn() if waits and is_long else None
    try:
        return Body(await spool.take(), error, drop=drop)
    except OSError:
        return Body(b"", _no_room())


def _room(request: web.Request, caller: Hashable) -> AbstractContextManager[None]:
    """Take room for a body of the caller's while it arrives, if there is any."""
    if caller is None or request.content.is_eof():
        return nullcontext()
    length, most = request.content_length, FREE_BYTES
    size = REQUEST_BYTES + (most if length is None else min(length, most))
    room = connection_of(request).body_budget.arriving
    return room.arriving(caller, size, partial(end_arriving, request))


def end_arriving(request: web.Request) -> None:
    """End a body that still arrives, of which nothing is left."""
    connection_of(request).end_for_others()
    request.task.cancel()


async def _receive_into(
    request: web.Request, spool: Spool, *, waits: bool, limit: int
) -> PushServerError | None:
    """Receive a body into *spool*; a large one takes room before."""
    budget = connection_of(request).body_budget
    content, length, error = request.content, request.content_length, None
    if length is None or length <= FREE_BYTES:
        error = await _fill(spool, content, FREE_BYTES)
    if error is None and not content.at_eof():
        expected = limit if length is None else length
        if waits:
            await budget.wait(expected)
        else:
            budget.take(expected)
        with budget.transfers.under_way(lambda: spool.size, partial(_end, request)):
            error = await _fill(spool, content, limit)
    return _too_large(limit) if spool.size > limit else error


def _end(request: web.Request) -> None:
    request._cancel(BodyTimeout("The body came too slowly, and others need its room."))


async def _fill(
    spool: Spool, content: StreamReader, limit: int
) -> PushServerError | None:
    """
    Read until the end, or beyond *limit*; return why it does not come, or too slowly.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        while spool.size <= limit and not content.at_eof():
            # No name for the piece: it would keep it while the next one is awaited.
            await spool.write(await _read_piece(content))
            # Reading parses what comes next, so tiny chunks would never have it wait.
            await asyncio.sleep(0)
            seconds = BODY_TIMEOUT + spool.size / LEAST_PACE
            if not content.at_eof() and loop.time() - began > seconds:
                return BodyTimeout("The body came too slowly.")
    except _BROKEN_OFF as error:
        # It keeps all that has called this, and some of that has it.
        error.__traceback__ = None
        # What came just before the error has not been read yet; it may be the end.
        await spool.write(_take_buffered(content))
        return None if content.is_eof() else _reason_of(error)
    except OSError:
        return _no_room()
    return None


async def _read_piece(content: StreamReader) -> bytes:
    async with asyncio.timeout(BODY_IDLE_TIMEOUT):
        return await content.readany()


def _take_buffered(content: StreamReader) -> bytes:
    """Return what arrived and was not read, also after an error."""
    pieces = []
    while not content.at_eof() and (piece := content._read_nowait(-1)):
        pieces.append(piece)
    return b"".join(pieces)


def _reason_of(error: Exception) -> PushServerError:
    """Return what to answer to a body whose end did not come."""
    if isinstance(error, PushServerError):
        return error
    if isinstance(error, TimeoutError):
        return BodyTimeout(
            f"No byte of the body came for {BODY_IDLE_TIMEOUT:.0f} seconds."
        )
    return Malformed("The body ended before its Content-Length was reached.")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"This body may have at most {limit} bytes.")


def _no_room() -> Unavailable:
    return Unavailable("There is no room for the body. Try again.")

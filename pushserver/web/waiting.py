"""Ends the wait of a call whose program is gone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from pushserver.web.connection import connection_of


@asynccontextmanager
async def while_peer_stays(request: web.Request) -> AsyncIterator[None]:
    """
    End the block early once the peer sends no more, or too much: it may have left.

    It may also have closed its side alone, and read on: so what follows the block
    answers it. Of a peer that is gone for sure the handler is cancelled.
    """
    connection, loop = connection_of(request), asyncio.get_running_loop()
    timeout = asyncio.timeout(None)

    def end() -> None:
        if timeout.when() is None:
            timeout.reschedule(loop.time())

    try:
        async with timeout:
            with connection.abandonable(request, end):
                if connection.may_have_ended or connection.transport is None:
                    end()
                yield
    except TimeoutError:
        if not timeout.expired():
            raise


@contextmanager
def cancelled_when_lost(request: web.Request) -> Iterator[None]:
    """Cancel the handler in the block once its peer is gone; one may read on."""
    connection = connection_of(request)
    if connection.transport is None:
        request.task.cancel()
    with connection.abandonable(request, _wait_on):
        yield


def _wait_on() -> None:
    """Do nothing: whoever sends no more still reads what it waits for."""

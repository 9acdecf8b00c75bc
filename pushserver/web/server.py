"""The HTTP server, with deadlines against slow clients.

aiohttp waits for ever for the first request of a connection, and for the rest of a
header that has begun. Here both take at most `HEADER_TIMEOUT` seconds; idle connections
are closed after `KEEPALIVE_TIMEOUT`. What the parser refuses is answered in the words
of `unparsable`, and no response tells which versions serve here.
"""

import asyncio
import re
from collections import Counter
from functools import partial
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from pushserver.errors import PushServerError
from pushserver.web.app_factory import bypass_router
from pushserver.web.middleware import CANCEL_ON_DISCONNECT
from pushserver.web.problems import INTERNAL_ERROR, render_error
from pushserver.web.services import SERVICES
from pushserver.web.unparsable import record_unparsable, unparsable_response

#: Seconds for a request's header to arrive, and for a new connection's first one.
HEADER_TIMEOUT = 10.0
#: Seconds after which a kept-alive connection without a request is closed.
KEEPALIVE_TIMEOUT = 75.0
#: Seconds to wait at shutdown for bodies that have begun to arrive.
SHUTDOWN_BODY_WAIT = 3.0
#: Seconds to wait at shutdown for the first request of a just-accepted connection: its
#: client cannot know that the server is stopping.
FIRST_REQUEST_WAIT = 0.5
_DRAIN_CHECK_INTERVAL = 0.02
_SWEEP_INTERVAL = 1.0
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)


class HttpRequest(web.Request):
    """A request whose response does not tell which versions serve here."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Drop the header that aiohttp adds to each response of its own."""
        response.headers.pop(hdrs.SERVER, None)
        await super()._prepare_hook(response)


class HttpConnection(RequestHandler):
    """
    A connection that knows since when it waits for a request's header.

    Once the parser has refused something, nothing that follows is read.
    """

    __slots__ = ("counts", "header_awaited_since", "is_unparsable")

    def __init__(self, server: "Server", **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self.counts = server.counts
        self.header_awaited_since: float | None = self._loop.time()
        self.is_unparsable = False

    def data_received(self, data: bytes) -> None:
        """Receive bytes; unless they complete a request, the header's time starts."""
        if self.is_unparsable:
            return
        end = _end_of_result(data) if data[:5] == b"POST " else 0
        if end:
            # Bytes beyond the Content-Length would make aiohttp drop the result, too.
            super().data_received(data[:end])
            data = data[end:]
        super().data_received(data)
        if self._messages or self._current_request is not None:
            self.header_awaited_since = None
        elif self.header_awaited_since is None and self._waiter is not None:
            self.header_awaited_since = self._loop.time()
        if self._messages and isinstance(error := self._messages[-1][0], _ErrInfo):
            self.is_unparsable = True
            self._abort_unparsable_body(error.exc)

    def _abort_unparsable_body(self, error: BaseException) -> None:
        """If it is the rest of a body that cannot be parsed, answer that request."""
        request = self._current_request
        if request is not None and self.is_receiving:
            # Its answer is the last one, and there is nothing to read before that.
            self._lingering_time = 0
            self._messages.clear()
            record_unparsable(self.counts, request.remote, error)
            request._cancel(ConnectionResetError("The body cannot be parsed."))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused, or what no handler has caught."""
        if isinstance(exc, HttpProcessingError):
            record_unparsable(self.counts, request.remote, exc)
            return unparsable_response(exc)
        super().handle_error(request, status, exc, message)
        response = render_error(PushServerError(INTERNAL_ERROR))
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the handler if it only waits, with nothing left to do for its peer."""
        task, request = self._task_handler, self._current_request
        super().connection_lost(exc)
        if (
            task is not None
            and request is not None
            and request.get(CANCEL_ON_DISCONNECT)
        ):
            task.cancel()

    @property
    def is_receiving(self) -> bool:
        """Tell whether the rest of a request's body is still to come."""
        request = self._current_request
        return request is not None and not request.content.is_eof()

    @property
    def is_request_expected(self) -> bool:
        """Tell whether the first request is likely to arrive in a moment."""
        since = self.header_awaited_since
        return since is not None and self._loop.time() - since < FIRST_REQUEST_WAIT

    def abort_body(self) -> None:
        """End the body early: the handler gets what has arrived."""
        request = self._current_request
        if request is not None and self.is_receiving:
            request._cancel(ConnectionResetError("The server is stopping."))

    def close_if_slow(self, now: float) -> None:
        """Close the connection if its header took too long."""
        if (
            self.header_awaited_since is not None
            and now - self.header_awaited_since > HEADER_TIMEOUT
        ):
            self.force_close()


def _end_of_result(data: bytes) -> int:
    """Return the end of a complete POST that more bytes follow, else 0."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    length = _LENGTH.search(data, 0, head + 2)
    end = head + 4 + int(length[1]) if length else len(data)
    return end if end < len(data) else 0


class Server(web.Server):
    """Creates connections with deadlines, and closes those that miss them."""

    def __init__(self, *args: Any, counts: Counter[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.counts = counts

    def __call__(self) -> RequestHandler:
        """Create the protocol of a new connection."""
        return HttpConnection(self, loop=self._loop, **self._kwargs)

    def pre_shutdown(self) -> None:
        """Close idle connections; a closed one could not receive its body."""
        receiving = set(self.receiving_connections())
        for connection in self.connections:
            if connection not in receiving:
                connection.close()

    def receiving_connections(self) -> list[HttpConnection]:
        """Return the connections on which a request is arriving, or about to."""
        connections = (c for c in self.connections if isinstance(c, HttpConnection))
        return [
            each
            for each in connections
            if each.is_receiving or each.is_request_expected
        ]

    async def drain_bodies(self, seconds: float) -> None:
        """Wait up to *seconds* for bodies in progress, then end the others early."""
        for _ in range(round(seconds / _DRAIN_CHECK_INTERVAL)):
            if not self.receiving_connections():
                break
            await asyncio.sleep(_DRAIN_CHECK_INTERVAL)
        for connection in self.receiving_connections():
            connection.abort_body()
        self.pre_shutdown()

    def sweep(self) -> None:
        """Close the connections whose header took too long."""
        now = self._loop.time()
        for connection in list(self.connections):
            if isinstance(connection, HttpConnection):
                connection.close_if_slow(now)


class Runner(web.AppRunner):
    """Runs an application on such a server."""

    _sweeper: asyncio.Task[None] | None = None

    def __init__(self, app: web.Application) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=KEEPALIVE_TIMEOUT,
            shutdown_timeout=8.0,
        )

    async def _make_server(self) -> web.Server:
        base_server = await super()._make_server()
        server = Server(
            bypass_router(self.app, base_server.request_handler),
            request_factory=partial(self.app._make_request, _cls=HttpRequest),
            counts=self.app[SERVICES].counts,
            **base_server._kwargs,
        )
        self._sweeper = asyncio.create_task(_sweep(server), name="sweep")
        return server

    async def shutdown(self) -> None:
        """Wait for bodies in progress before connections are closed."""
        if isinstance(self.server, Server):
            await self.server.drain_bodies(SHUTDOWN_BODY_WAIT)
        await super().shutdown()

    async def _cleanup_server(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        await super()._cleanup_server()


async def _sweep(server: Server) -> None:
    while True:
        await asyncio.sleep(_SWEEP_INTERVAL)
        server.sweep()

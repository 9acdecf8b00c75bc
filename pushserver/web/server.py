"""The HTTP server, with deadlines against slow clients.

aiohttp waits for ever for the first request of a connection, and for the rest of a
header that has begun. Here both take at most `HEADER_TIMEOUT` seconds; idle connections
are closed after `KEEPALIVE_TIMEOUT`. What the parser refuses is answered in the words
of `unparsable`, and no response tells which versions serve here.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from pushserver.errors import Unavailable
from pushserver.services.off_loop import in_pieces
from pushserver.web.app_factory import bypass_router
from pushserver.web.backlog import Backlog
from pushserver.web.body_budget import BodyBudget
from pushserver.web.client_limit import with_client_limit
from pushserver.web.connection import LINGER, HttpConnection
from pushserver.web.connection_limits import ConnectionLimits
from pushserver.web.fast_connection import FastLaneConnection, TakeRequest
from pushserver.web.fast_lane import FastLane
from pushserver.web.head_budget import HeadBudget
from pushserver.web.parse_turns import ParseTurns
from pushserver.web.proxies import Proxies
from pushserver.web.request import HttpRequest
from pushserver.web.services import SERVICES

log = structlog.get_logger(__name__)

#: Seconds for a request's header to arrive, and for a new connection's first one.
HEADER_TIMEOUT = 10.0
#: Seconds after which a kept-alive connection without a request is closed.
KEEPALIVE_TIMEOUT = 75.0
#: Seconds after which a stop ends all connections: ten are promised for all of it.
SHUTDOWN_TIMEOUT = 6.0
#: Seconds of these that are left for the answers after the last body.
_MIN_ANSWER_WAIT = 1.0
#: Seconds for what is cancelled then.
_CANCEL_WAIT = 0.2
#: Seconds without a byte after which a stop does not wait for a body any longer.
SHUTDOWN_BODY_WAIT = 3.0
#: Bytes of a body that a connection reads ahead; it stops at twice as many.
READ_SIZE = 65_536
_DRAIN_CHECK_INTERVAL = 0.02
_SWEEP_INTERVAL = 1.0


class Server(web.Server):
    """Creates connections with deadlines, and closes those that miss them."""

    def __init__(
        self,
        *args: Any,
        counts: Counter[str],
        body_budget: BodyBudget,
        head_budget: HeadBudget,
        proxies: Proxies,
        limits: ConnectionLimits,
        fast_lane: TakeRequest | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.counts = counts
        self.body_budget = body_budget
        self.head_budget = head_budget
        self.proxies = proxies
        self.limits = limits
        self.fast_lane = fast_lane
        self.backlog = Backlog((), self)
        self._parse_turns = ParseTurns()
        self._open: set[HttpConnection] = set()

    def __call__(self) -> RequestHandler:
        """Create the protocol of a new connection."""
        shared: dict[str, Any] = {
            "counts": self.counts,
            "body_budget": self.body_budget,
            "head_budget": self.head_budget,
            "proxies": self.proxies,
            "turns": self._parse_turns,
            "loop": self._loop,
            **self._kwargs,
        }
        if self.fast_lane is None:
            return HttpConnection(self, **shared)
        return FastLaneConnection(self, self.fast_lane, **shared)

    def connection_made(
        self, handler: RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Count a new connection, and close it at once if there are too many."""
        super().connection_made(handler, transport)
        self.backlog.accept()
        assert isinstance(handler, HttpConnection)  # noqa: S101 - `__call__` made it
        self._open.add(handler)
        if not self.limits.admit(handler, self._open):
            # aiohttp has yet to start it, and fails if it is lost before.
            self._loop.call_soon(handler.abort)

    def connection_lost(
        self, handler: RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Count a connection no longer."""
        super().connection_lost(handler, exc)
        if isinstance(handler, HttpConnection) and handler in self._open:
            self._open.remove(handler)
            self.limits.forget(handler)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Wait up to *timeout* seconds for answers that run, then end them all."""
        deadline = self._loop.time() + (timeout or 0)
        while any(each.is_busy for each in self._open):
            if self._loop.time() >= deadline:
                break
            await asyncio.sleep(_DRAIN_CHECK_INTERVAL)
        for each in list(self._open):
            # What was answered, and is still on its way, must not be reset.
            if each.is_busy:
                each.abort()
        await super().shutdown(_CANCEL_WAIT)

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

    async def drain_bodies(self, seconds: float, idle: float) -> None:
        """
        Wait up to *seconds* for bodies that arrive, then end the others early.

        One that stalls for *idle* seconds is not waited for.
        """
        deadline = self._loop.time() + seconds
        while arriving := self.receiving_connections():
            now = self._loop.time()
            for connection in arriving:
                if now >= deadline or now - connection.received_at >= idle:
                    connection.abort_body(Unavailable("The server is stopping."))
            if now >= deadline:
                break
            await asyncio.sleep(_DRAIN_CHECK_INTERVAL)
        self.pre_shutdown()

    async def sweep(self) -> None:
        """Close what is idle, or slow with a header, or takes the last files."""
        self.limits.spare_files(self._open)
        now = self._loop.time()
        async for connection in in_pieces(list(self.connections)):
            if isinstance(connection, HttpConnection):
                connection.close_if_slow(now - HEADER_TIMEOUT)
                connection.close_if_idle(now, KEEPALIVE_TIMEOUT)


class Runner(web.AppRunner):
    """Runs an application on such a server."""

    _sweeper: asyncio.Task[None] | None = None

    def __init__(
        self, app: web.Application, limits: ConnectionLimits, *, fast_lane: bool = True
    ) -> None:
        self._limits = limits
        self._has_fast_lane = fast_lane
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=0,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
            lingering_time=LINGER,
            read_bufsize=READ_SIZE,
        )

    def accept_together(self, listeners: Sequence[socket.socket]) -> None:
        """Accept several connections in a turn at what the sites listen at."""
        assert isinstance(self.server, Server)  # noqa: S101 - `_make_server` made it
        self.server.backlog = Backlog(listeners, self.server)

    async def _make_server(self) -> web.Server:
        base_server, services = await super()._make_server(), self.app[SERVICES]
        handler = bypass_router(self.app, base_server.request_handler)
        handler = services.request_starts.in_turn(handler)
        if self._limits.per_address:
            handler = with_client_limit(services, self._limits, handler)
        server = Server(
            handler,
            request_factory=partial(_begin_request, self.app),
            counts=services.counts,
            body_budget=services.body_budget,
            head_budget=services.head_budget,
            proxies=services.proxies,
            limits=self._limits,
            fast_lane=FastLane(services).take if self._has_fast_lane else None,
            **base_server._kwargs,
        )
        self._sweeper = asyncio.create_task(_sweep(server), name="sweep")
        return server

    async def shutdown(self) -> None:
        """Wait for bodies in progress before connections are closed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SHUTDOWN_TIMEOUT
        self.app[SERVICES].body_budget.close()
        if isinstance(self.server, Server):
            body_time = SHUTDOWN_TIMEOUT - _MIN_ANSWER_WAIT
            await self.server.drain_bodies(body_time, SHUTDOWN_BODY_WAIT)
        self._shutdown_timeout = max(deadline - loop.time(), 0)
        await super().shutdown()

    async def _cleanup_server(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        await super()._cleanup_server()


def _begin_request(
    app: web.Application,
    _message: RawRequestMessage,
    content: StreamReader,
    connection: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.Request:
    """Make a request, and have its connection know that it is begun."""
    assert isinstance(connection, HttpConnection)  # noqa: S101 - `Server` made it
    message = connection.begin_head()
    request = app._make_request(
        message, content, connection, writer, task, _cls=HttpRequest
    )
    connection.begin_request(request)
    return request


async def _sweep(server: Server) -> None:
    while True:
        await asyncio.sleep(_SWEEP_INTERVAL)
        try:
            await server.sweep()
        except Exception:
            log.exception("sweep.failed")

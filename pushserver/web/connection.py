"""One HTTP connection: since when it waits, and whether a body really ends.

aiohttp's own does not tell a handler that the chunks of its body are broken.
"""

import asyncio
from collections import Counter
from typing import Any

from aiohttp import web
from aiohttp.helpers import set_exception
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import _ErrInfo

from pushserver.errors import BrokenBody, PushServerError
from pushserver.model.network import network_of
from pushserver.web.body_budget import BodyBudget
from pushserver.web.body_framing import end_of_request
from pushserver.web.problems import INTERNAL_ERROR, render_error
from pushserver.web.proxies import Headers, Proxies, RequestOrigin
from pushserver.web.unannounced_body import UnannouncedBodyConnection
from pushserver.web.unparsable import record_unparsable, unparsable_response

#: Seconds to wait at shutdown for the first request of a just-accepted connection: its
#: client cannot know that the server is stopping.
FIRST_REQUEST_WAIT = 0.5
#: Seconds for which more is read, and dropped, after a body was ended early, or was too
#: large: a connection that is closed while bytes arrive takes the answer with it.
LINGER, LONG_LINGER = 1.0, 10.0
#: So many requests that came together, or what looks like some, are parsed one by one.
_MAX_FED_ALONE = 16
#: Bytes that are read of the body of whoever was not let in.
MAX_BEGINNING = 4096


class HttpConnection(UnannouncedBodyConnection):
    """
    A connection that knows since when it waits for a request's header.

    `received_at` is when bytes came last, by the loop's clock. `peer_address` is that
    of the other side, which is a proxy's if it `is_from_proxy`; None on a Unix socket.
    With `has_counted_requests` they are bounded by client while they are under way.
    """

    __slots__ = (
        "body_budget",
        "counted_address",
        "counts",
        "has_counted_requests",
        "header_awaited_since",
        "idle_since",
        "is_from_proxy",
        "peer_address",
        "proxies",
        "received_at",
    )

    def __init__(
        self,
        server: web.Server,
        counts: Counter[str],
        body_budget: BodyBudget,
        proxies: Proxies,
        **kwargs: Any,
    ) -> None:
        super().__init__(server, **kwargs)
        self.counts = counts
        self.body_budget = body_budget
        self.proxies = proxies
        self.peer_address: str | None = None
        self.is_from_proxy = False
        self.has_counted_requests = False
        self.counted_address: str | None = None
        self.received_at: float = self._loop.time()
        self.header_awaited_since: float | None = self.received_at
        self.idle_since: float = self.received_at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find out who is on the other side."""
        peer = transport.get_extra_info("peername")
        self.peer_address = str(peer[0]) if isinstance(peer, tuple) else None
        self._network = network_of(self.peer_address)
        self.is_from_proxy = self.proxies.is_trusted(self.peer_address)
        super().connection_made(transport)

    def find_origin(self, headers: Headers) -> RequestOrigin:
        """Return where a request with *headers* comes from."""
        if not self.is_from_proxy:
            return RequestOrigin(self.peer_address)
        return self.proxies.find_origin(self.peer_address, headers)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; unless they complete a request, the header's time starts."""
        if self.is_unparsable:
            self._drop(len(data))
        elif data:
            self._pace(data)
        else:
            self._receive_bytes(data)

    def _receive_bytes(self, data: bytes) -> None:
        self.received_at = self._loop.time()
        start = 0
        for _ in range(_MAX_FED_ALONE):
            if self._is_paused or not (end := end_of_request(data, start)):
                break
            # What is broken behind it would make aiohttp drop the request, too.
            self._feed(data[start:end])
            start = end
        self._feed_in_pieces(data[start:])
        if self._messages or self._current_request is not None:
            self.header_awaited_since = None
        elif self.header_awaited_since is None and self._waiter is not None:
            self.header_awaited_since = self.received_at

    def _feed(self, data: bytes) -> None:
        """Let aiohttp parse *data*, unless it is a body of which no header told."""
        if self.is_unparsable or self._keeps_unannounced(data):
            return
        super()._feed(data)
        newest = self._messages[-1][0] if self._messages else None
        if isinstance(newest, _ErrInfo):
            self.is_unparsable = True
            self._abort_unparsable_body(newest.exc)
        elif self._has_tiny_chunks:
            self._break_tiny_chunks()

    def _abort_unparsable_body(self, error: BaseException) -> None:
        """If it is a body that cannot be parsed, answer its request, and no other."""
        request = self._current_request
        content = request.content if request is not None and not self._close else None
        if len(self._messages) > 1:
            content = self._messages[-2][1]
        if content is not None and not content.is_eof():
            self._messages.pop()
            record_unparsable(self.counts, self.peer_address, error)
            set_exception(content, BrokenBody("The body's chunks are broken."))

    def _break_tiny_chunks(self) -> None:
        """Tell whoever reads the newest body that it is not read on."""
        self.is_unparsable = True
        error = BrokenBody("The body's chunks are too small.")
        record_unparsable(self.counts, self.peer_address, error)
        if self._newest_body is not None:
            set_exception(self._newest_body, error)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused, or what no handler has caught."""
        if isinstance(exc, HttpProcessingError):
            # Its request has no headers that could tell of a client behind a proxy.
            record_unparsable(self.counts, self.peer_address, exc)
            return unparsable_response(exc)
        super().handle_error(request, status, exc, message)
        response = render_error(PushServerError(INTERNAL_ERROR))
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what only waits, with nothing left to do for its peer."""
        super().connection_lost(exc)
        if self.abandon is not None:
            self.abandon()

    @property
    def is_busy(self) -> bool:
        """Tell whether an answer is under way, or still to be begun."""
        return self._request_in_progress or bool(self._messages)

    @property
    def is_receiving(self) -> bool:
        """Tell whether the rest of a request's body is still to come, and wanted."""
        request = self._current_request
        return request is not None and not request.content.is_eof() and not self._close

    @property
    def is_ending(self) -> bool:
        """Tell whether the connection is closed after its present request."""
        return bool(self._close or self._force_close)

    @property
    def is_request_expected(self) -> bool:
        """Tell whether the first request is likely to arrive in a moment."""
        since = self.header_awaited_since
        return since is not None and self._loop.time() - since < FIRST_REQUEST_WAIT

    def abort_body(self, reason: PushServerError) -> None:
        """End the body early: the handler gets what has arrived, and *reason*."""
        request = self._current_request
        if request is not None and self.is_receiving:
            request._cancel(reason)

    def end_body(self, content: Any, linger: float = LINGER) -> None:
        """Drop the rest of the body, and close *linger* seconds after the answer."""
        content._exception = None
        self._lingering_time = linger
        self.close()

    def end_unread(self, request: web.BaseRequest) -> None:
        """Close after an answer that needed no body, unless the body is short."""
        content, length = request.content, request.content_length
        if not content.at_eof() and (length is None or length > MAX_BEGINNING):
            self.end_body(content)

    def close_if_slow(self, not_since: float) -> None:
        """Close the connection if it has waited for its header since *not_since*."""
        since = self.header_awaited_since
        if since is not None and since < not_since:
            self.force_close()

    def close_if_idle(self, now: float, timeout: float) -> None:
        """Close it if it was idle for *timeout* seconds, as frequent looks tell."""
        if not self.is_idle or self.received_at >= self.idle_since:
            self.idle_since = now
        elif now - self.idle_since >= timeout:
            self.force_close()


def connection_of(request: web.BaseRequest) -> HttpConnection:
    """Return the connection on which *request* came."""
    connection: HttpConnection = request.protocol  # type: ignore[assignment]
    return connection

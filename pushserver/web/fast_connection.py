"""A connection that answers plain requests before aiohttp parses them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from aiohttp import web
from aiohttp.http import StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDictProxy

from pushserver.errors import PushServerError
from pushserver.web.connection import HttpConnection
from pushserver.web.middleware import Handler, LoggedRequest, answer_logged
from pushserver.web.plain_request import parse_head
from pushserver.web.proxies import RequestOrigin
from pushserver.web.request import HttpRequest
from pushserver.web.request_identity import IDENTITY
from pushserver.web.response import SmallResponse

#: Begins to answer what came on a connection; unless it does, aiohttp gets the bytes.
TakeRequest = Callable[[bytes, "FastLaneConnection"], bool]


class FastLaneConnection(HttpConnection):
    """
    A connection whose plain requests the lane answers.

    One that is under way, maybe in a `_task`, stands where aiohttp has the request that
    it answers: what comes behind it is parsed, bounded, and waits as everywhere. What
    tells aiohttp of the next request is `_aside` then.
    """

    __slots__ = ("_aside", "_take", "_task")

    def __init__(self, server: web.Server, take: TakeRequest, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._take = take
        self._aside: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Take a plain request, or hand the bytes over to aiohttp."""
        may_take = self.is_idle and self._ends_whole and not self.has_counted_requests
        try:
            is_taken = may_take and self._take(data, self)
        except PushServerError:
            # The handlers say what is wrong.
            is_taken = False
        if is_taken:
            self.received_at = self._loop.time()
            self.header_awaited_since = None
        else:
            super().data_received(data)

    def begin(self) -> None:
        """Begin to answer a request: aiohttp begins none meanwhile."""
        self._aside, self._waiter = self._waiter, None
        self._request_in_progress = self.is_let_in = True

    def write(self, data: bytes) -> None:
        """Write, if there is still somebody to read."""
        if self.transport is not None:
            self.transport.write(data)

    def end_request(self, _drained: object = None) -> None:
        """Have aiohttp go on with what has come meanwhile, when the answer has left."""
        if self.transport is not None and self.writing_paused:
            drained = asyncio.gather(self.drain(), return_exceptions=True)
            drained.add_done_callback(self.end_request)
            return
        self._request_in_progress = self.is_let_in = False
        self._aside, self._waiter = None, self._aside
        if self.is_ending:
            self.force_close()
        elif self._messages and self._waiter is not None:
            self._waiter.set_result(None)

    def go_on(self, lane_request: "LaneRequest", work: Handler) -> None:
        """Have *work* answer a request as a handler of aiohttp does, errors and all."""
        handler = partial(answer_logged, work, lambda _request: lane_request)
        self._task = self._loop.create_task(self._go_on(lane_request, handler))

    async def _go_on(self, lane_request: "LaneRequest", handler: Handler) -> None:
        message, stays = parse_head(lane_request.data), False
        assert message and self._task  # noqa: PT018, S101 - it was plain; this is it
        of_connection = self, StreamWriter(self, self._loop), self._task, self._loop
        request = HttpRequest(message, EMPTY_PAYLOAD, *of_connection)
        if lane_request.identity is not None:
            request[IDENTITY] = lane_request.identity
        try:
            response, is_lost = await self._handle_request(request, None, handler)  # type: ignore[arg-type]
            stays = bool(response.keep_alive) and not is_lost
        except ConnectionError:
            pass
        finally:
            if not stays:
                self.force_close()
            self.end_request()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Have aiohttp wait for nothing."""
        self._waiter = self._waiter or self._aside
        super().connection_lost(exc)


@attrs.define(eq=False)
class LaneRequest(LoggedRequest):
    """A plain request, also as it came."""

    headers: CIMultiDictProxy[str]
    body: bytes
    data: bytes
    connection: FastLaneConnection

    @property
    def origin(self) -> RequestOrigin:
        """Where it comes from, and how it was made."""
        return self.connection.find_origin(self.headers)

    def answer(self, response: SmallResponse) -> None:
        """Write the answer, and have it counted and logged."""
        self.record(response)
        self.connection.write(response.begin() + response.body)
        self.connection.end_request()

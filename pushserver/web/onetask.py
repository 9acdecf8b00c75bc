"""aiohttp's connection with one task for all of its requests.

aiohttp's own makes a task for each request, so that each has context variables of its
own; there are none here. Before Python 3.12, whose tasks start at once, each of them
costs two turns of the event loop. What happens to a request, and in which order, is the
same as in `RequestHandler.start`.
"""

import asyncio

from aiohttp import StreamReader, web
from aiohttp.http import StreamWriter
from aiohttp.web_protocol import (
    _PAYLOAD_ACCESS_ERROR,
    ERROR,
    RequestHandler,
    _ErrInfo,
    _RequestHandler,
)

#: Seconds for which the rest of a body is read that its handler did not want.
LINGER = 10.0


class OneTask(RequestHandler):
    """Takes the requests of one connection in turn."""

    __slots__ = ()

    async def start(self) -> None:
        """Serve requests until the connection is to be closed."""
        while not self._force_close:
            if not self._messages:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            if not await self._serve(*self._next()):
                break
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    def _next(self) -> tuple[web.BaseRequest, _RequestHandler]:
        """Take the next request; return it and who answers it."""
        message, payload = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        handler = self._request_handler
        if isinstance(message, _ErrInfo):
            handler, message = self._make_error_handler(message), ERROR
        make, task = self._request_factory, self._task_handler
        assert make is not None  # noqa: S101 - as long as there is a connection
        assert handler is not None  # noqa: S101
        writer = StreamWriter(self, self._loop)
        return make(message, payload, self, writer, task), handler  # type: ignore[arg-type]

    async def _serve(self, request: web.BaseRequest, handler: _RequestHandler) -> bool:
        """Answer one request; tell whether there may be another."""
        try:
            response, gone = await self._handle_request(request, None, handler)
            self._keepalive = bool(response.keep_alive) and not gone
            if not request.content.is_eof() and not gone:
                await self._linger(request.content)
            request.content.set_exception(_PAYLOAD_ACCESS_ERROR)
        except ConnectionError:
            self._keepalive = False
        except asyncio.CancelledError:
            self.force_close()
            raise
        except Exception as error:  # noqa: BLE001 - told to the log
            self.log_exception("Unhandled exception", exc_info=error)
            self.force_close()
        finally:
            request._task = None  # type: ignore[assignment]  # no circle of references
        return self._is_kept()

    async def _linger(self, payload: StreamReader) -> None:
        """Read for a while what a handler left of a body."""
        try:
            async with asyncio.timeout(LINGER):
                while not (payload.is_eof() or self._force_close):
                    await payload.readany()
        except TimeoutError:
            self.close()

    def _is_kept(self) -> bool:
        """Tell whether the connection is kept, and begin to count its idleness."""
        if not self._keepalive or self._close or self._force_close:
            return False
        until = self._loop.time() + self._keepalive_timeout
        self._next_keepalive_close_time = until
        if self._keepalive_handle is None:
            handle = self._loop.call_at(until, self._process_keepalive)
            self._keepalive_handle = handle
        return True

"""A connection that keeps the beginning of a body that its request did not announce.

aiohttp's own takes a POST that announces no body for one without a body, and what
follows for the next request.
"""

import asyncio
import re
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from pushserver.web.body_framing import END_OF_HEAD, announces_no_body
from pushserver.web.head_budget import HeadBudget
from pushserver.web.stranger_bounds import StrangerBoundedConnection

#: Bytes that are kept of such a body.
_MAX_UNANNOUNCED = 65_536
#: How the next request begins, as far as it has arrived; not how a body does.
_NEXT_REQUEST = re.compile(rb"[\r\n]*[A-Z]{0,16}(?:\Z| [/*hH]| \Z)")


class UnannouncedBodyConnection(StrangerBoundedConnection):
    """
    A connection that ends with a body that was not announced, and waits for one.

    `_unannounced` is what has come of it, `_unannounced_of` the head of its request.
    """

    __slots__ = ("_unannounced", "_unannounced_of", "_wakeup")

    def __init__(
        self, server: web.Server, head_budget: HeadBudget, **kwargs: Any
    ) -> None:
        super().__init__(server, head_budget, **kwargs)
        self._unannounced = bytearray()
        self._unannounced_of: object = None
        self._wakeup: asyncio.Event | None = None

    def unannounced_body(self, request: web.BaseRequest) -> bytes:
        """Return the beginning of a body that the request did not announce, if any."""
        has_one = self._unannounced and self._unannounced_of is request._message
        return bytes(self._unannounced) if has_one else b""

    async def await_unannounced(self, seconds: float) -> None:
        """Wait for a body that the request did not announce, for *seconds*."""
        is_over = self.is_half_closed or self.transport is None
        if not self._unannounced and not is_over:
            self._wakeup = asyncio.Event()
            try:
                async with asyncio.timeout(seconds):
                    await self._wakeup.wait()
            except TimeoutError:
                pass
            finally:
                self._wakeup = None

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes both
        """Tell whether anything is to be answered; no body will come any more."""
        stays_open = super().eof_received()
        self._wake()
        return stays_open

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait for no body any more."""
        super().connection_lost(exc)
        self._wake()

    def _keeps_unannounced(self, data: bytes) -> bool:
        """Keep *data* if it is a body of which no header told; tell whether it is."""
        is_one = bool(self._messages or self._current_request)
        if not is_one or not self._is_unannounced(data):
            return False
        # Nobody knows where it ends: no request can follow it.
        if not self._unannounced:
            self._close_after_last_answer()
            self._unannounced_of = self._newest_message
        self._unannounced += data[: _MAX_UNANNOUNCED - len(self._unannounced)]
        self._wake()
        return True

    def _is_unannounced(self, data: bytes) -> bool:
        if self._unannounced or not data:
            return bool(self._unannounced)
        message = self._newest_message
        return (
            isinstance(message, RawRequestMessage)
            and self._last_fed == END_OF_HEAD
            and announces_no_body(message)
            and _NEXT_REQUEST.match(data) is None
        )

    @property
    def _newest_message(self) -> object:
        if self._messages:
            return self._messages[-1][0]
        request = self._current_request
        return None if request is None else request._message

    @property
    def _body_bytes(self) -> int:
        """The memory that bodies take, that which was not announced among them."""
        return super()._body_bytes + len(self._unannounced)

    def _wake(self) -> None:
        if self._wakeup is not None:
            self._wakeup.set()

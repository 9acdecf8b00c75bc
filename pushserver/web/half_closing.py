"""A connection whose client may close its side once it has asked, and read on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import attrs
from aiohttp import StreamReader, web
from aiohttp.helpers import set_exception
from aiohttp.http_parser import RawRequestMessage

from pushserver.errors import Malformed
from pushserver.web.draining import DrainingConnection

_Call = Callable[[], object]


class _NoTimer:
    """Stands for aiohttp's timer, which would take a tenth of an idle connection."""

    def cancel(self) -> None:
        """Do nothing: the sweep closes what is idle, the fast lane's, too."""


_NO_TIMER: Any = _NoTimer()


class HalfClosableConnection(DrainingConnection):
    """
    A connection that is not over before its answers are.

    `is_half_closed`: the client has closed its side. `_newest_body` is the body of the
    request that came last. `abandon` is there while what answers a request only waits:
    it ends that when the client disconnects. `release` has it answer when the client
    sends no more, but may still read.
    """

    __slots__ = ("_newest_body", "abandon", "is_half_closed", "release")

    def __init__(self, server: web.Server, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._keepalive_handle = _NO_TIMER
        self.is_half_closed = False
        self._newest_body: StreamReader | None = None
        self.abandon: _Call | None = None
        self.release: _Call | None = None

    def begin_request(self, request: web.BaseRequest) -> None:
        """Know the request that is answered next a turn before aiohttp would."""
        # What is parsed in that turn may be the rest of its body, or its end.
        self._current_request = request
        self._request_in_progress = True

    def abandonable(
        self, request: web.BaseRequest, release: _Call | None = None
    ) -> AbstractContextManager[None]:
        """
        Cancel the handler, which only waits in the block, when the client disconnects.

        Others run to completion, so that what was posted before is still stored.
        """
        return _Abandonable(self, request, release)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes both
        """Stay open until all that was asked is answered; tell whether anything was."""
        is_endless = self.abandon is not None and self.release is None
        if is_endless or self.is_idle or self._is_untouched or self._is_lingering:
            return False
        self.is_half_closed = True
        self._end_input()
        self._release_waiting()
        return True

    def _release_waiting(self) -> None:
        """Have a request answered that only waits."""
        if self.release is not None:
            self.release()

    @property
    def is_idle(self) -> bool:
        """Tell whether it waits for a request, or for the end of a request's head."""
        return self._waiter is not None and not self._messages

    @property
    def _is_untouched(self) -> bool:
        """Tell whether its end has come before anybody waited for a request."""
        is_asked = self._request_in_progress or self._messages
        return self._waiter is None and not is_asked

    @property
    def _is_lingering(self) -> bool:
        """Tell whether all is answered, and the rest of a body is being dropped."""
        body = self._newest_body
        if body is None or body.is_eof() or self._request_in_progress:
            return False
        return body._waiter is not None

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what failed here, but not how a body ended that nobody reads."""
        body = self._newest_body
        dropped = (
            None if body is None or self._request_in_progress else body.exception()
        )
        if dropped is None or dropped is not kwargs.get("exc_info"):
            super().log_exception(*args, **kwargs)

    def _end_input(self) -> None:
        """End the connection with the answers to what has come; no more will."""
        self._end_arriving_body()
        self._close_after_last_answer()

    def _end_arriving_body(self) -> None:
        """Tell whoever reads the newest body, now or later, that its end is missing."""
        content = self._newest_body
        if content is not None and not content.is_eof():
            set_exception(content, Malformed("The body ended before its length."))

    def _close_after_last_answer(self) -> None:
        if not self._messages:
            self.close()
            return
        message, content = self._messages.pop()
        if isinstance(message, RawRequestMessage):
            message = message._replace(should_close=True)
        self._messages.append((message, content))


@attrs.frozen(eq=False)
class _Abandonable:
    """
    A handler that only waits: there may be many, and a generator takes more.

    It knows its task by the request, which forgets it: the error by which a task ends
    has all frames that it came through, and these may have this.
    """

    connection: HalfClosableConnection
    request: web.BaseRequest
    release: _Call | None

    def __enter__(self) -> None:
        self.connection.abandon = self.request.task.cancel
        self.connection.release = self.release

    def __exit__(self, *_raised: object) -> None:
        self.connection.abandon = self.connection.release = None

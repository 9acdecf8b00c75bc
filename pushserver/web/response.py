"""Small responses, written at once.

aiohttp's `Response` builds its headers anew for each response, which for an empty one
takes longer than finding out that it is empty. This one is all that aiohttp's
connection asks of a response (`prepare`, `write_eof`, `keep_alive`), for bodies that
are in memory anyway.
"""

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import cast

import attrs
from aiohttp import HttpVersion11, web, web_response

from pushserver.clock import wall_nanoseconds
from pushserver.web.draining import DrainingConnection
from pushserver.web.request import is_head
from pushserver.web.spooled_response import LongResponse

#: A larger body, in bytes, is written piece by piece, as the peer takes it.
MAX_SINGLE_WRITE = 65_536

_REASONS = {status.value: status.phrase for status in HTTPStatus}


@attrs.define(eq=False)
class SmallResponse:
    """
    A response that is written in one piece.

    `is_idle_poll` keeps the answer to an idle poll out of the log. `is_last`: the
    connection is closed after it.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = ""
    headers: Mapping[str, str] | None = None
    is_idle_poll: bool = False
    is_last: bool = attrs.field(default=False, init=False)
    keep_alive: bool | None = attrs.field(default=None, init=False)
    _connection: DrainingConnection | None = attrs.field(default=None, init=False)

    @property
    def content_length(self) -> int:
        """The bytes of the body."""
        return len(self.body)

    def force_close(self) -> None:
        """Close the connection after this response."""
        self.is_last = True

    def add_header(self, name: str, value: str) -> None:
        """Send a header besides; those that were given may be other responses', too."""
        self.headers = {**self.headers, name: value} if self.headers else {name: value}

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the response, once."""
        if self.keep_alive is not None:
            return
        self._connection = connection = cast("DrainingConnection", request.protocol)
        transport = connection.transport
        stays = request.keep_alive and not self.is_last
        head = self.begin(is_http11=request.version == HttpVersion11, stays=stays)
        if transport is None:
            raise ConnectionResetError("The peer is gone.")
        transport.write(head if is_head(request) else head + self.body)

    def begin(self, *, is_http11: bool = True, stays: bool = True) -> bytes:
        """Return the head, which is written now; the connection may stay after it."""
        self.keep_alive = stays
        head = plain_head(self.status, self.content_type, len(self.body))
        if self.headers or not (is_http11 and stays):
            return self._extended(head, is_http11)
        return head

    async def write_eof(self, _data: bytes = b"") -> None:
        """Wait until the peer has taken what `prepare` has written."""
        if self._connection is not None and self._connection.writing_paused:
            await self._connection.drain()

    def _extended(self, default_head: bytes, is_http11: bool) -> bytes:
        """Add what most responses do not need to their head."""
        extra_lines = ""
        for name, value in (self.headers or {}).items():
            extra_lines += f"{name}: {value}\r\n"
        if is_http11 != self.keep_alive:
            choice = "close" if is_http11 else "keep-alive"
            extra_lines += f"Connection: {choice}\r\n"
        head = default_head[:-2] + extra_lines.encode("utf-8", "replace") + b"\r\n"
        return head if is_http11 else head.replace(b"HTTP/1.1", b"HTTP/1.0", 1)


def plain_head(status: int = 200, content_type: str = "", length: int = 0) -> bytes:
    """Return a head as it is now; without arguments, all that an idle poll gets."""
    return _cached_head(wall_nanoseconds() // 10**9, status, content_type, length)


@lru_cache(maxsize=256)
def _cached_head(second: int, status: int, content_type: str, length: int) -> bytes:
    """Return the head; the responses of a second share a few of them."""
    content_type_line = f"Content-Type: {content_type}\r\n" if content_type else ""
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n{content_type_line}"
        f"Content-Length: {length}\r\nDate: {_date(second)}\r\n\r\n"
    ).encode()


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return *second* as HTTP writes it."""
    return formatdate(second, usegmt=True)


def _date_now() -> str:
    return _date(wall_nanoseconds() // 10**9)


# Past the year 2262 aiohttp's own would raise, and no answer leave.
web_response.rfc822_formatted_time = _date_now  # type: ignore[attr-defined]


def make_response(
    body: bytes = b"",
    *,
    status: int = 200,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Return a response in the form that suits its size."""
    if len(body) <= MAX_SINGLE_WRITE:
        response = SmallResponse(body, status, content_type, headers)
        return cast("web.StreamResponse", response)
    return LongResponse(
        [body], status=status, content_type=content_type, headers=headers
    )


def whole_response(body: bytes, content_type: str) -> web.StreamResponse:
    """Return a response of any size, written in one piece, for who flushes it."""
    return cast("web.StreamResponse", SmallResponse(body, content_type=content_type))


def idle_poll_response() -> web.StreamResponse:
    """Return the empty response to an idle poll."""
    return cast("web.StreamResponse", SmallResponse(is_idle_poll=True))

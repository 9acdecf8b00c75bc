"""Small answers, written at once.

aiohttp's `Response` builds its headers anew for each answer, which for an empty one
takes longer than finding out that it is empty. This one is all that aiohttp's
connection asks of a response (`prepare`, `write_eof`, `keep_alive`), for bodies that
fit into a socket's buffer.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from aiohttp import HttpVersion11, web

#: A larger body goes through aiohttp, which waits for the peer to take it.
MAX_SINGLE_WRITE = 65_536

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class SmallResponse:
    """An answer that is written in one piece."""

    __slots__ = (
        "body",
        "content_type",
        "headers",
        "is_idle_poll",
        "keep_alive",
        "status",
    )

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
        is_idle: bool = False,
    ) -> None:
        self.body = body
        self.status = status
        self.content_type = content_type
        self.headers = headers
        self.is_idle_poll = is_idle
        self.keep_alive: bool | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the answer, once."""
        if self.keep_alive is not None:
            return
        self.keep_alive = request.keep_alive
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("The peer is gone.")
        transport.write(self._head(request.version == HttpVersion11) + self.body)

    async def write_eof(self, _data: bytes = b"") -> None:
        """Do nothing: `prepare` has written everything."""

    def _head(self, is_http11: bool) -> bytes:
        second, length = int(time.time()), len(self.body)
        default_head = _cached_head(second, self.status, self.content_type, length)
        if is_http11 and self.keep_alive and not self.headers:
            return default_head
        headers = dict(self.headers or {})
        if is_http11 != self.keep_alive:
            headers["Connection"] = "close" if is_http11 else "keep-alive"
        extra_lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = default_head[:-2] + extra_lines.encode("utf-8", "replace") + b"\r\n"
        return head if is_http11 else head.replace(b"HTTP/1.1", b"HTTP/1.0", 1)


@lru_cache(maxsize=256)
def _cached_head(second: int, status: int, content_type: str, length: int) -> bytes:
    """Return the head; in the same second most answers have one of a few."""
    content_type_line = f"Content-Type: {content_type}\r\n" if content_type else ""
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n{content_type_line}"
        f"Content-Length: {length}\r\nDate: {_date(second)}\r\n\r\n"
    ).encode()


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return *second* as HTTP writes it."""
    return formatdate(second, usegmt=True)


def make_response(
    body: bytes = b"",
    *,
    status: int = 200,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Return the answer in the form that suits its size."""
    if len(body) <= MAX_SINGLE_WRITE:
        answer = SmallResponse(
            body, status=status, content_type=content_type, headers=headers
        )
        return cast("web.StreamResponse", answer)
    return web.Response(
        body=body, status=status, content_type=content_type, headers=headers
    )


def idle_poll_response() -> web.StreamResponse:
    """Return the empty answer to an idle poll."""
    return cast("web.StreamResponse", SmallResponse(is_idle=True))

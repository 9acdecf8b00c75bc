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
LARGEST = 65_536

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Answer:
    """An answer that is written in one piece."""

    __slots__ = ("body", "content_type", "headers", "is_idle", "keep_alive", "status")

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
        self.is_idle = is_idle
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

    def _head(self, modern: bool) -> bytes:
        second, length = int(time.time()), len(self.body)
        usual = _usual_head(second, self.status, self.content_type, length)
        if modern and self.keep_alive and not self.headers:
            return usual
        headers = dict(self.headers or {})
        if modern != self.keep_alive:
            headers["Connection"] = "close" if modern else "keep-alive"
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = usual[:-2] + more.encode("utf-8", "replace") + b"\r\n"
        return head if modern else head.replace(b"HTTP/1.1", b"HTTP/1.0", 1)


@lru_cache(maxsize=256)
def _usual_head(second: int, status: int, content_type: str, length: int) -> bytes:
    """Return the head; in the same second most answers have one of a few."""
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n{kind}"
        f"Content-Length: {length}\r\nDate: {_date(second)}\r\n\r\n"
    ).encode()


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return *second* as HTTP writes it."""
    return formatdate(second, usegmt=True)


def respond(
    body: bytes = b"",
    *,
    status: int = 200,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Return the answer in the form that suits its size."""
    if len(body) <= LARGEST:
        answer = Answer(body, status=status, content_type=content_type, headers=headers)
        return cast("web.StreamResponse", answer)
    return web.Response(
        body=body, status=status, content_type=content_type, headers=headers
    )


def idle() -> web.StreamResponse:
    """Return the empty answer to an idle poll."""
    return cast("web.StreamResponse", Answer(is_idle=True))

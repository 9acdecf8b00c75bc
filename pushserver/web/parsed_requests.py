"""What aiohttp has of requests, so that a connection keeps none that is answered.

Until the next one begins, and be it never, aiohttp has the head that it took last, the
request that it made of it, and in its parser that head again, twice.
"""

from typing import TYPE_CHECKING

from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import (
    ERROR,
    MAX_MSG_QUEUE_SIZE,
    RequestHandler,
    RequestPayloadError,
    _ErrInfo,
)

if TYPE_CHECKING:
    from aiohttp import StreamReader

    Parsed = tuple[RawRequestMessage | _ErrInfo, StreamReader]


class ParsedRequests(list["Parsed"]):
    """
    The requests that wait for the one before.

    It is `next_head` that begins; aiohttp, which would keep it, gets another in its
    place. `body` is that of the request that began last.
    """

    __slots__ = ("body", "next_head")

    def __init__(self) -> None:
        super().__init__()
        self.body: StreamReader = EMPTY_PAYLOAD

    def popleft(self) -> "Parsed":
        """Take the next one, as aiohttp does."""
        head, content = self.pop(0)
        self.body = content
        if isinstance(head, _ErrInfo):
            self.next_head = ERROR
            return head, content
        self.next_head = head
        return ERROR, content

    def take_head(self) -> RawRequestMessage:
        """Return the head of what was taken."""
        head, self.next_head = self.next_head, ERROR
        return head

    def drop_body(self) -> None:
        """Drop what has come of a body that nobody reads any more, if all has come."""
        if self.body.is_eof():
            self.body._buffer.clear()
            self.body._size = 0

    @property
    def body_size(self) -> int:
        """The bytes that have come of all bodies, and were not read."""
        bodies = [self.body, *(content for _, content in self)]
        # Of a request without one it has no size.
        return sum(each._size for each in bodies if each.total_bytes)


def new_parser(connection: RequestHandler, read_size: int) -> HttpRequestParser:
    """Return a parser as aiohttp makes one for a connection, which remembers none."""
    return HttpRequestParser(
        connection,
        connection._loop,
        read_size,
        max_line_size=connection.max_line_size,
        max_field_size=connection.max_field_size,
        max_headers=connection.max_headers,
        payload_exception=RequestPayloadError,
        auto_decompress=False,
        max_msg_queue_size=MAX_MSG_QUEUE_SIZE,
    )

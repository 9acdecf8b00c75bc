"""What aiohttp has of requests, so that a connection keeps none that is answered.

Until the next one begins, and be it never, aiohttp has the head that it took last, the
request that it made of it, and in its parser that head again, twice.
"""

from typing import TYPE_CHECKING

from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
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
    place.
    """

    __slots__ = ("next_head",)

    def popleft(self) -> "Parsed":
        """Take the next one, as aiohttp does."""
        head, content = self.pop(0)
        if isinstance(head, _ErrInfo):
            self.next_head = ERROR
            return head, content
        self.next_head = head
        return ERROR, content

    def take_head(self) -> RawRequestMessage:
        """Return the head of what was taken."""
        head, self.next_head = self.next_head, ERROR
        return head


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

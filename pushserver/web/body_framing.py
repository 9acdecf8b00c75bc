"""What the head of a request says of where its body ends."""

import re

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

_BODY_METHODS = ("POST", "PUT", "PATCH")
#: What ends the head of a request.
END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)


def announces_no_length(message: RawRequestMessage | web.BaseRequest) -> bool:
    """Tell whether a request that may have a body says nothing of one."""
    if message.method not in _BODY_METHODS or "Content-Length" in message.headers:
        return False
    return "Transfer-Encoding" not in message.headers


def announces_no_body(message: RawRequestMessage) -> bool:
    """Tell whether a request that may have a body says nothing of one, or of none."""
    is_empty = message.method in _BODY_METHODS and (
        message.headers.get("Content-Length") == "0"
    )
    return is_empty or announces_no_length(message)


def end_of_request(data: bytes, start: int) -> int:
    """
    Return the end of a whole request, or of a head, that more bytes follow, else 0.

    It begins at *start*. The head is parsed alone unless it says how long its body is:
    when what follows turns out to be broken, the request must be known already.
    """
    head = data.find(END_OF_HEAD, start)
    if head < 0 or head + 4 == len(data):
        return 0
    length = _LENGTH.search(data, start, head + 2)
    end = head + 4 + (int(length[1]) if length else 0)
    return end if end < len(data) else 0

"""Requests in their plainest form, recognised without parsing each of them anew.

The headers of a client repeat from request to request, so what aiohttp's own parser
said of them is remembered.
"""

import asyncio
import re
from functools import lru_cache

from aiohttp import hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from multidict import CIMultiDictProxy

from pushserver.web.body_framing import END_OF_HEAD
from pushserver.web.browser import is_from_browser

#: So many heads are remembered. A request whose head or body has more bytes than this
#: is not plain: it waits for its turn to be started, as `RequestStarts` gives it.
_REMEMBERED_HEADS, _MAX_HEAD, _MAX_BODY = 1024, 2048, 4096
_LINE = re.compile(rb"(GET|POST) (/[A-Za-z0-9_/?.~=&-]+) HTTP/1\.1\r\n")
#: Headers that change what a request is, or how it is answered.
_ODD_HEADERS = ("Content-Encoding", "Expect", "Idempotency-Key", "Prefer")
#: The method, target, headers and body of a request of which nothing is odd.
PlainRequest = tuple[str, str, CIMultiDictProxy[str], bytes]


def read_plain_request(data: bytes) -> PlainRequest | None:
    """Return the request that *data* is; None unless it is plain, and a whole one."""
    line = _LINE.match(data)
    end = data.find(END_OF_HEAD, 0, _MAX_HEAD) + len(END_OF_HEAD)
    if line is None or end <= line.end():
        return None
    headers = _read_headers(line[1], data[line.end() : end])
    if headers is None or int(headers.get(hdrs.CONTENT_LENGTH, 0)) != len(data) - end:
        return None
    return line[1].decode(), line[2].decode(), headers, data[end:]


@lru_cache(_REMEMBERED_HEADS)
def _read_headers(method: bytes, block: bytes) -> CIMultiDictProxy[str] | None:
    """Return the headers of a request; None if anything about them is odd."""
    message = parse_head(method + b" / HTTP/1.1\r\n" + block)
    if message is None or is_from_browser(message.headers):
        return None
    headers, size = message.headers, int(message.headers.get(hdrs.CONTENT_LENGTH, 0))
    is_odd = (
        bool(message.should_close or message.upgrade or message.chunked)
        or (size > 0) is not (message.method == hdrs.METH_POST)
        or size > _MAX_BODY
        or any(name in headers for name in _ODD_HEADERS)
    )
    return None if is_odd else headers


def parse_head(head: bytes) -> RawRequestMessage | None:
    """Return the head of a request as aiohttp has it; None if it is not just one."""
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 1, auto_decompress=False)
    try:
        messages, _upgraded, _tail = parser.feed_data(head)
    except HttpProcessingError:
        return None
    return messages[0][0] if len(messages) == 1 else None

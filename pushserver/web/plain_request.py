"""Requests in their plainest form, recognised without parsing each of them anew.

The headers of a client repeat from request to request. Each distinct block of them is
parsed once, by the parser that aiohttp uses for all others, and what it said is
remembered. Whatever is in the least odd is no plain request.
"""

import asyncio
import re
from functools import lru_cache
from typing import NamedTuple

from aiohttp import HttpVersion11, hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from multidict import CIMultiDictProxy
from yarl import URL

from pushserver.web.body_framing import END_OF_HEAD
from pushserver.web.browser import is_from_browser

#: A longer body, in bytes, is none of a plain request.
MAX_PLAIN_BODY = 65_536
#: So many blocks of headers are remembered, if they are no longer than this, in bytes.
_REMEMBERED_BLOCKS, _MAX_BLOCK = 1024, 2048
_REQUEST_LINE = re.compile(
    rb"(GET|POST) ((/[A-Za-z0-9_/-]{1,200})(?:\?([A-Za-z0-9_.~=&-]{1,1000}))?)"
    rb" HTTP/1\.1\r\n"
)
_BLOCK = re.compile(rb"(?:[A-Za-z0-9-]+:[\t -~]*\r\n)+\r\n")
_LENGTH = re.compile(r"[0-9]{1,6}", re.ASCII)
#: Headers that change what a request is, or how long it lasts.
_ODD_HEADERS = re.compile(
    r"expect|transfer-encoding|content-encoding|upgrade|te|trailer|prefer|forwarded"
    r"|via|x-forwarded-.*|sec-.*|proxy-.*|http2-settings|idempotency-key"
)


class PlainHead(NamedTuple):
    """What a block of headers says: as a message, and of the body."""

    message: RawRequestMessage
    headers: CIMultiDictProxy[str]
    body_size: int
    media_type: str


class PlainRequest(NamedTuple):
    """
    A request that is whole, and of which nothing is odd.

    `target` is its path with its query. `rest` is what arrived behind it.
    """

    method: str
    target: str
    path: str
    head: PlainHead
    body: bytes
    rest: bytes

    def message(self) -> RawRequestMessage:
        """Return it as aiohttp's parser would."""
        _, mark, query = self.target.partition("?")
        url = URL.build(path=self.path, query_string=mark and query, encoded=True)
        return self.head.message._replace(method=self.method, path=self.target, url=url)


@lru_cache(_REMEMBERED_BLOCKS)
def _read_block(method: bytes, block: bytes) -> PlainHead | None:
    """Return what the headers of a request say; None if anything about them is odd."""
    if not _BLOCK.fullmatch(block):
        return None
    message = _parse(method + b" / HTTP/1.1\r\n" + block)
    if message is None or _is_odd(message):
        return None
    headers = message.headers
    length = headers.get(hdrs.CONTENT_LENGTH, "0")
    size = int(length) if _LENGTH.fullmatch(length) else -1
    is_expected = 0 < size <= MAX_PLAIN_BODY if method == b"POST" else size == 0
    media_type = headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    return PlainHead(message, headers, size, media_type) if is_expected else None


def _parse(head: bytes) -> RawRequestMessage | None:
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 1, auto_decompress=False)
    try:
        messages, _upgraded, _tail = parser.feed_data(head)
    except HttpProcessingError:
        return None
    return messages[0][0] if len(messages) == 1 else None


def _is_odd(message: RawRequestMessage) -> bool:
    # Each of them once, however often it comes.
    names = {name.lower() for name in message.headers}
    return (
        message.version != HttpVersion11
        or bool(message.should_close or message.upgrade or message.chunked)
        or message.compression is not None
        or message.headers.get(hdrs.CONNECTION, "keep-alive").lower() != "keep-alive"
        or len(names) < len(message.headers)
        or any(map(_ODD_HEADERS.fullmatch, names))
        or is_from_browser(names)
    )


def read_plain_request(data: bytes) -> PlainRequest | None:
    """Return the request that *data* begins with; None unless it is plain and whole."""
    line = _REQUEST_LINE.match(data)
    if line is None:
        return None
    start = line.end()
    head_end = data.find(END_OF_HEAD, start, start + _MAX_BLOCK) + len(END_OF_HEAD)
    if head_end < start:
        return None
    method, target, path = line.group(1, 2, 3)
    head = _read_block(method, data[start:head_end])
    if head is None:
        return None
    end = head_end + head.body_size
    if end > len(data):
        return None
    words = method.decode(), target.decode(), path.decode()
    return PlainRequest(*words, head, data[head_end:end], data[end:])

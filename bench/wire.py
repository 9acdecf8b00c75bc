"""HTTP as the load client speaks it: prepared bytes out, whole answers in.

Written for speed, not for generality: one answer at a time on a connection, and each
says its `Content-Length`.
"""

import asyncio
import re
from collections.abc import Callable
from typing import cast

HOST = "127.0.0.1"
#: The bearer token that every server here takes.
TOKEN = "pst_0000000000000000000000000000000000000000bench"  # noqa: S105 - known to all
#: The first device's id; the others follow it.
FIRST_DEVICE = 4_408_801_109_440_000
OK = 200
CREATED = 201

CONTENT_LENGTH_PATTERN = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


class UnexpectedAnswer(Exception):
    """A server answered what it should not have: the run is worth nothing."""


def poll_request(device: int, uuid: str) -> bytes:
    """Return a device's poll."""
    return (
        f"GET /push?deviceId={device}&uuid={uuid} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    ).encode()


def enqueue_request(device: int, mark: str) -> bytes:
    """Return a program's order for *device*; its body carries *mark*."""
    body = (
        '{"verb":"POST","endpoint":"load_objects","body":{"object":"users","where":'
        f'{{"users":{{"name":"{mark}"}}}}}},"contentType":"application/json"}}'
    )
    return (
        f"POST /api/v1/devices/{device}/commands HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def result_request(device: int, uuid: str) -> bytes:
    """Return a device's result, of the size of the vendor's example (200 bytes)."""
    return (
        f"POST /result?deviceId={device}&uuid={uuid}&endpoint=load_objects HTTP/1.1\r\n"
        f"Host: {HOST}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(_RESULT_BODY)}\r\n\r\n{_RESULT_BODY}"
    ).encode()


_RESULT_BODY = (
    '{"response":{"users":[{"id":1,"registration":"Test","name":"Walter White",'
    '"password":"Heisenberg","salt":"","expires":0,"user_type_id":0,"begin_time":0,'
    '"end_time":0,"image_timestamp":0,"last_access":0}]}}'
)

OnAnswer = Callable[[int, bytes], None]


class LoadConnection(asyncio.Protocol):
    """One kept-alive connection: sends prepared bytes, hands on whole answers."""

    def __init__(self) -> None:
        self.on_answer: OnAnswer = _fail_unrequested
        self._partial = b""
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, on_answer: OnAnswer) -> None:
        """Send *request*; *on_answer* is called with its status and body."""
        self.on_answer = on_answer
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Put the answer together and hand it on when it is whole."""
        if self._partial:
            data = self._partial + data
        head = data.find(_END)
        length = CONTENT_LENGTH_PATTERN.search(data) if head > 0 else None
        if length is None and head > 0:
            raise UnexpectedAnswer(data)
        end = 0 if length is None else head + 4 + int(length[1])
        if length is None or len(data) < end:
            self._partial = data
            return
        self._partial = b""
        self.on_answer(int(data[9:12]), data[head + 4 : end])

    def connection_lost(self, exc: Exception | None) -> None:
        """Raise if it was the server that hung up."""
        if not self._closing:
            raise UnexpectedAnswer("the server closed a connection") from exc

    def close(self) -> None:
        """Hang up."""
        self._closing = True
        self._transport.abort()


def _fail_unrequested(status: int, body: bytes) -> None:
    raise UnexpectedAnswer(f"an answer that nobody asked for: {status} {body[:200]!r}")


async def connect(port: int, count: int) -> list[LoadConnection]:
    """Open *count* connections, a hundred at a time so that no backlog overflows."""
    loop = asyncio.get_running_loop()
    opened: list[LoadConnection] = []
    while len(opened) < count:
        batch = (
            loop.create_connection(LoadConnection, HOST, port)
            for _ in range(min(100, count - len(opened)))
        )
        opened += [connection for _, connection in await asyncio.gather(*batch)]
    return opened

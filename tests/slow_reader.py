"""A device on a slow line: it takes little of its answer at a time."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
from yarl import URL

#: Bytes that the kernel may keep for it; Linux doubles it.
_WINDOW = 16_384


@attrs.frozen
class SlowReader:
    """A connection whose answer is read only as far as a test says."""

    socket: socket.socket

    async def send(self, request: bytes) -> None:
        """Send a request."""
        await asyncio.get_running_loop().sock_sendall(self.socket, request)

    def widen(self) -> None:
        """Let the kernel keep more: on a busy machine each turn of a window is long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * _WINDOW)

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or what comes until the connection ends."""
        loop, received = asyncio.get_running_loop(), bytearray()
        while len(received) < count:
            piece = await loop.sock_recv(
                self.socket, min(_WINDOW, count - len(received))
            )
            if not piece:
                break
            received += piece
        return bytes(received)

    async def read_to_the_end(self) -> bytes:
        """Read until the connection ends, in whichever way."""
        received = bytearray()
        try:
            while piece := await self.read(1):
                received += piece + await self.read(_WINDOW - 1)
        except ConnectionError:
            pass
        return bytes(received)

    async def read_answer(self) -> tuple[bytes, int]:
        """Read an answer's head; return it, and how many bytes follow."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head, int(length)


@asynccontextmanager
async def slow_reader(server_url: str) -> AsyncIterator[SlowReader]:
    """Connect; the connection is closed at the end."""
    url = URL(server_url)
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (url.host, url.port))
        yield SlowReader(plain)

"""A connection that waits for its peer: nothing is begun while an answer is not taken.

aiohttp writes answers of up to 64 KiB without waiting. Whoever sends requests and reads
nothing would have them pile up here.
"""

import asyncio
import math
import socket
import struct
from contextlib import suppress
from typing import cast

import attrs
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

#: Seconds without a byte leaving after which the peer of an answer loses it.
WRITE_IDLE_TIMEOUT = 30.0
#: Bytes of an answer that the kernel may hold before they leave.
MAX_KERNEL_UNSENT = 16_384
_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_CHECKS_WHILE_IDLE = 10
#: As `SO_LINGER`: close without waiting for what has not left.
_RESET = struct.pack("ii", 1, 0)


@attrs.frozen
class _TakenResponse:
    """What is kept of a response that was taken."""

    keep_alive: bool | None


class DrainingConnection(RequestHandler):
    """A connection on which draining means that nothing is left in this process."""

    __slots__ = ()

    async def finish_response(
        self,
        request: web.BaseRequest,
        resp: web.StreamResponse,
        start_time: float | None,
    ) -> tuple[web.StreamResponse, bool]:
        """Write a response, and forget it: aiohttp has it until the next request."""
        response, is_lost = await super().finish_response(request, resp, start_time)
        taken = _TakenResponse(response.keep_alive)
        return cast("web.StreamResponse", taken), is_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the transport tell as soon as the kernel takes no more."""
        super().connection_made(transport)
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)

    @property
    def file_number(self) -> int:
        """The number of its socket among the process's files; -1: it is closed."""
        if self.transport is None:
            return -1
        return int(self.transport.get_extra_info("socket").fileno())

    @property
    def is_lost(self) -> bool:
        """Tell whether nothing that is written would leave any more."""
        return self.transport is None or self.transport.is_closing()

    @property
    def has_unsent(self) -> bool:
        """Tell whether bytes that were written wait in this process."""
        return self._paused or self.transport is None

    async def drain(self) -> None:
        """
        Wait until all that was written has left this process.

        Raises:
            ConnectionError: it was lost, or closed as no byte left for too long.
        """
        if self.has_unsent:
            await self._drain_helper()

    async def _drain_helper(self) -> None:
        """Wait, as aiohttp's own responses do, too; but not for ever."""
        unsent, moved_at = math.inf, self._loop.time()
        while self.transport is not None and self._paused:
            size = self.transport.get_write_buffer_size()
            if size < unsent:
                unsent, moved_at = size, self._loop.time()
            elif self._loop.time() - moved_at >= WRITE_IDLE_TIMEOUT:
                self.abort()
            if self._drain_waiter is None:
                self._drain_waiter = self._loop.create_future()
            interval = WRITE_IDLE_TIMEOUT / _CHECKS_WHILE_IDLE
            await asyncio.wait((self._drain_waiter,), timeout=interval)
        if self.transport is None:
            raise ConnectionResetError("The peer is gone.")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wake who waits for the peer, by no error: they find that it is gone."""
        # The frames through which an error rises have the future, which would have it:
        # garbage, which is old by then, with all of the request in it.
        waiter, self._drain_waiter = self._drain_waiter, None
        super().connection_lost(exc)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def abort(self) -> None:
        """Reset the connection: what was not taken is dropped, in the kernel, too."""
        self._set_option(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self.transport is not None:
            self.transport.abort()

    def bound_unsent(self, size: int) -> None:
        """Let the kernel hold few bytes of an answer of *size* that have not left."""
        if size >= MAX_KERNEL_UNSENT and _NOTSENT_LOWAT is not None:
            self._set_option(socket.IPPROTO_TCP, _NOTSENT_LOWAT, MAX_KERNEL_UNSENT)

    def _set_option(self, level: int, option: int, value: int | bytes) -> None:
        if self.transport is None:
            return
        raw_socket = self.transport.get_extra_info("socket")
        if raw_socket is not None:
            with suppress(OSError):
                raw_socket.setsockopt(level, option, value)


async def write_and_drain(
    request: web.BaseRequest, response: web.StreamResponse, data: bytes | memoryview
) -> None:
    """
    Write a piece of a stream, and wait until the peer takes it.

    Raises:
        ConnectionError: it was lost, or its peer reads nothing.
    """
    await response.write(data)
    # What is left of it is in the transport: nobody needs the whole any more.
    del data
    await cast("DrainingConnection", request.protocol).drain()

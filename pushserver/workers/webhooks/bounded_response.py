"""Bounds what is read of an answer: every byte counts, also those before its head.

aiohttp passes over interim answers (1xx) and what frames chunks without an end.
"""

import asyncio
import errno
import os
from typing import Any

import aiohttp

#: The most bytes of an answer, with its head and all that comes before.
MAX_ANSWER = 128 * 1024
#: How a connection failed whose peer answered with more.
TOO_LONG = errno.EMSGSIZE
#: The most bytes that are parsed without a pause: tiny interim answers take a few ms.
_MAX_PIECE = 4 * 1024


class BoundedResponse(aiohttp.ClientResponse):
    """A response of at most `MAX_ANSWER` bytes."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Read the head; the bytes of this answer count from here on."""
        transport = connection.transport
        if transport is not None:
            protocol = transport.get_protocol()
            if not isinstance(protocol, _BoundedProtocol):
                protocol = _BoundedProtocol(transport, protocol)
                transport.set_protocol(protocol)
            protocol.expect_answer()
        return await super().start(connection)


class _BoundedProtocol(asyncio.Protocol):
    """
    Stands before the protocol of a connection; hands on in pieces what comes.

    Between two pieces, whoever waits for the answer may close the connection.
    """

    def __init__(self, transport: asyncio.Transport, inner: Any) -> None:
        self._transport = transport
        self._inner = inner
        self._left = 0
        self._waiting = bytearray()
        self._is_scheduled = False
        self._is_lost = False
        self._error: Exception | None = None

    def expect_answer(self) -> None:
        """Allow the bytes of one answer more."""
        self._left = MAX_ANSWER

    def data_received(self, data: bytes) -> None:
        """Keep what may still come, and end the connection if that is not all."""
        if self._is_lost:
            return
        self._waiting += data[: self._left]
        if len(data) > self._left:
            self._is_lost, self._error = True, OSError(TOO_LONG, os.strerror(TOO_LONG))
            self._transport.abort()
        self._left -= min(len(data), self._left)
        self._schedule()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell it after the bytes that came before."""
        if not self._is_lost:
            self._is_lost, self._error = True, exc
            self._schedule()

    def eof_received(self) -> bool | None:
        """Hand it on; nothing is closed by it that waits here."""
        return self._inner.eof_received()  # type: ignore[no-any-return]

    def pause_writing(self) -> None:
        """Hand it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand it on."""
        self._inner.resume_writing()

    def _schedule(self) -> None:
        """Hand on the first piece at once, and each other one in a turn of its own."""
        if not self._is_scheduled:
            self._hand_on()

    def _hand_on(self) -> None:
        self._is_scheduled = False
        if self._inner.transport is None:  # whoever waited has closed it
            self._waiting.clear()
        piece = bytes(self._waiting[:_MAX_PIECE])
        del self._waiting[:_MAX_PIECE]
        if piece:
            self._inner.data_received(piece)
        if self._waiting:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._hand_on)
        elif self._is_lost:
            self._inner.connection_lost(self._error)

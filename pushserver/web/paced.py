"""A connection that parses in turns what takes long for its size.

aiohttp handles each chunk of a body in Python, some microseconds each: in what is read
at once there is room for 40,000 of one byte, and all connections are read in one turn
of the event loop.
"""

from typing import TYPE_CHECKING, Any

from pushserver.web.half_closing import HalfClosableConnection

if TYPE_CHECKING:
    import asyncio

    from aiohttp import StreamReader, web

#: Bytes that are parsed before looking how many of them were a body's.
_PIECE = 2048
#: So much of a piece has to be a body's for another to be parsed in the same turn.
_BODY_SHARE = 63 / 64
#: Bytes that a body may have around its chunks, and how many more for each of its own.
_FREE_FRAMING, _FRAMING_SHARE = 5_000, 1 / 8
#: Bytes that are dropped as they come, and how many seconds are between others.
_FREE_DROPS, _DROP_INTERVAL = 1_048_576, 0.01


class PacedConnection(HalfClosableConnection):
    """
    A connection that reads on only when all that came has been parsed, or dropped.

    `_unparsed` waits for its turn, `_next_turn`; `_framing` is how many bytes of the
    newest body were not its own, `_dropped` how many nobody wants. Once the parser has
    refused something, the connection `is_unparsable`: nothing that follows is parsed.
    """

    __slots__ = ("_dropped", "_framing", "_next_turn", "_unparsed", "is_unparsable")

    def __init__(self, server: "web.Server", **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self.is_unparsable = False
        self._dropped = self._framing = 0
        self._unparsed = b""
        self._next_turn: asyncio.Handle | None = None

    def _feed(self, data: bytes) -> None:
        """Let aiohttp parse *data*, and count what frames the newest body."""
        content, before = self._newest_body, _size_of(self._newest_body)
        super().data_received(data)
        if self._close:  # it was dropped
            return
        if self._messages:
            self._newest_body = self._messages[-1][1]
        if self._newest_body is not content:
            self._framing = 0
        elif content is not None and not content.is_eof():
            self._framing += len(data) - (content.total_bytes - before)

    @property
    def _has_tiny_chunks(self) -> bool:
        """Tell whether what frames the newest body is out of proportion to it."""
        body_size = _size_of(self._newest_body)
        return self._framing > _FREE_FRAMING + body_size * _FRAMING_SHARE

    def _feed_in_pieces(self, data: bytes) -> None:
        """Parse *data* as far as it is bodies; the rest, but its beginning, later."""
        if not data or self._close:
            self._feed(data)
            self._drop(len(data))
            return
        for start in range(0, len(data), _PIECE):
            content, before = self._newest_body, _size_of(self._newest_body)
            piece = data[start : start + _PIECE]
            self._feed(piece)
            size = _size_of(self._newest_body)
            size -= before if content is self._newest_body else 0
            if size < len(piece) * _BODY_SHARE or self._is_paused:
                self._defer(data[start + _PIECE :])
                break

    @property
    def _is_paused(self) -> bool:
        return self._reading_paused or self._buffer_paused

    def _defer(self, data: bytes) -> None:
        """Parse *data* in the loop's next turn, and read nothing before."""
        if data:
            self._unparsed = data
            self._pause_transport_reading()
            self._take_turn_after(0)

    def _drop(self, size: int) -> None:
        """Drop *size* bytes; when there were many, read on after a while."""
        self._dropped += size
        if self._dropped > _FREE_DROPS:
            self._pause_transport_reading()
            self._take_turn_after(_DROP_INTERVAL)

    def _take_turn_after(self, seconds: float) -> None:
        if self._next_turn is None:
            self._next_turn = self._loop.call_later(seconds, self._take_turn)

    def _take_turn(self) -> None:
        """Parse what waits for it, and read on when nothing does."""
        self._next_turn = None
        if self._is_paused:
            return
        data, self._unparsed = self._unparsed, b""
        if data and self.transport is not None and not self.is_unparsable:
            self._receive_bytes(data)
        if not self._is_paused:
            self._resume_transport_reading()

    def _receive_bytes(self, data: bytes) -> None:
        raise NotImplementedError

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on if aiohttp had stopped; it asks for it after each chunk and body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _resume_transport_reading(self) -> None:
        """Read on, unless something waits for its turn."""
        if self._unparsed:
            self._take_turn_after(0)
        elif self._next_turn is None:
            super()._resume_transport_reading()


def _size_of(content: "StreamReader | None") -> int:
    return 0 if content is None else content.total_bytes

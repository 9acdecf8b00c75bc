"""A connection that parses in turns what takes long for its size.

aiohttp handles each chunk of a body in Python, some microseconds each: in what is read
at once there is room for 40,000 of one byte, and all connections are read in one turn
of the event loop.
"""

from typing import TYPE_CHECKING, Any

from pushserver.web.half_closing import HalfClosableConnection
from pushserver.web.parse_turns import ParseTurns

if TYPE_CHECKING:
    from aiohttp import StreamReader, web

#: Bytes that are parsed before looking how many of them were a body's: first, and as
#: they double, at most.
_PIECE, _MAX_PIECE = 512, 2048
#: So much of a piece has to be a body's for another to be parsed in the same turn.
_BODY_SHARE = 31 / 32
#: Bytes that are parsed in one turn.
_MAX_AT_ONCE = 16_384
#: Bytes around a body that parse fast, and how many more for each of its own: once
#: there are more, no turn parses more than a piece.
_CHEAP_FRAMING, _CHEAP_SHARE = 256, 1 / 32
#: Bytes that a body may have around its chunks, and how many more for each of its own.
_FREE_FRAMING, _FRAMING_SHARE = 5_000, 1 / 8
#: Bytes that are dropped as turns come, and how many seconds are between others.
_FREE_DROPS, _DROP_INTERVAL = 1_048_576, 0.01


class PacedConnection(HalfClosableConnection):
    """
    A connection that reads on only when all that came has been parsed, or dropped.

    `_unparsed`, from `_position` on, waits for its turn, if it `_has_asked` for one;
    `_framing` is how many bytes of the newest body were not its own, `_dropped` how
    many nobody wants. Once the parser has refused something, the connection
    `is_unparsable`: nothing that follows is parsed.
    """

    __slots__ = (
        "_dropped",
        "_framing",
        "_has_asked",
        "_network",
        "_position",
        "_turns",
        "_unparsed",
        "is_unparsable",
    )

    def __init__(self, server: "web.Server", turns: ParseTurns, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self.is_unparsable = False
        self._dropped = self._framing = self._position = 0
        self._unparsed = b""
        self._turns = turns
        self._has_asked = False
        #: The other side's: networks take turns to be parsed.
        self._network = ""

    def _feed(self, data: bytes) -> None:
        """Let aiohttp parse *data*, and count what frames the newest body."""
        content, before = self._newest_body, size_of(self._newest_body)
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
    def is_idle(self) -> bool:
        """Tell whether it waits for a request, and has no part of one to parse."""
        return not self._unparsed and super().is_idle

    @property
    def _is_untouched(self) -> bool:
        """Tell whether it has no part of a request to parse, either."""
        return not self._unparsed and super()._is_untouched

    @property
    def _has_tiny_chunks(self) -> bool:
        """Tell whether what frames the newest body is out of proportion to it."""
        body_size = size_of(self._newest_body)
        return self._framing > _FREE_FRAMING + body_size * _FRAMING_SHARE

    def _pace(self, data: bytes) -> None:
        """Parse *data* if that is fast; else, and the rest, when it is its turn."""
        self._unparsed += data
        has_come_alone = len(self._unparsed) == len(data)
        if has_come_alone and not self._is_costly and self._turns.has_share():
            self._parse_some()
        if self._unparsed:
            self._pause_transport_reading()
            self._ask_for_turn()

    def _parse_some(self) -> None:
        """Parse the beginning of what waits for it; nothing is left once it is over."""
        start, end = self._position, len(self._unparsed)
        if not self._close:
            size = _PIECE if self._is_costly else _MAX_AT_ONCE
            end = min(start + size, end)
        self._position = end
        self._receive_bytes(self._unparsed[start:end])
        if self.is_unparsable or self._position >= len(self._unparsed):
            self._unparsed, self._position = b"", 0

    def _feed_in_pieces(self, data: bytes) -> None:
        """Parse *data* as far as it is bodies; the rest, but its beginning, later."""
        if not data or self._close:
            self._feed(data)
            self._drop(len(data))
            return
        start, piece_size = 0, self._first_piece(data)
        while start < len(data) and not self._is_paused:
            piece = data[start : start + piece_size]
            start += len(piece)
            if not self._feed_piece(piece):
                break
            piece_size = min(piece_size * 2, _MAX_PIECE)
        self._position -= len(data) - start

    def _first_piece(self, _data: bytes) -> int:
        """Return how many bytes to parse before looking how many were a body's."""
        return _PIECE

    def _feed_piece(self, piece: bytes) -> bool:
        """Parse *piece*; tell whether hardly anything but a body was in it."""
        content, before = self._newest_body, size_of(self._newest_body)
        self._feed(piece)
        size = size_of(self._newest_body)
        size -= before if content is self._newest_body else 0
        return size >= len(piece) * _BODY_SHARE

    @property
    def _is_costly(self) -> bool:
        """Tell whether what comes next is of a body in chunks that are short."""
        body = self._newest_body
        if body is None or body.is_eof():
            return False
        return self._framing > _CHEAP_FRAMING + body.total_bytes * _CHEAP_SHARE

    @property
    def _is_paused(self) -> bool:
        return self._reading_paused or self._buffer_paused

    @property
    def may_have_ended(self) -> bool:
        """Tell whether its client has closed its side, or would not be seen to."""
        return self.is_half_closed or self._is_paused

    def _pause_transport_reading(self) -> None:
        """Read no more; if that lasts until the answer, the answer must not wait."""
        super()._pause_transport_reading()
        if self._is_paused:
            self._release_waiting()

    def _drop(self, size: int) -> None:
        """Drop *size* bytes; read on at a turn, when there were many after a while."""
        self._dropped += size
        if not size:
            return
        self._pause_transport_reading()
        if self._dropped <= _FREE_DROPS:
            self._ask_for_turn()
        elif not self._has_asked:
            self._has_asked = True
            self._loop.call_later(
                _DROP_INTERVAL, self._turns.ask, self._take_turn, self._network
            )

    def _ask_for_turn(self) -> None:
        if not self._has_asked:
            self._has_asked = True
            self._turns.ask(self._take_turn, self._network)

    def _take_turn(self) -> None:
        """Parse what waits for it, and read on when nothing does."""
        self._has_asked = False
        if self._is_paused:
            return
        if self._unparsed and self.transport is not None:
            self._parse_some()
            if self.is_half_closed:
                self._end_input()
                if self.is_idle:
                    self.force_close()
        if not self._is_paused:
            self._resume_transport_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Parse no more of what came: it would wait for its turn for ever."""
        super().connection_lost(exc)
        self._unparsed, self._position = b"", 0

    def _end_input(self) -> None:
        """Do it when all that has come is parsed."""
        if not self._unparsed:
            super()._end_input()

    def _receive_bytes(self, data: bytes) -> None:
        raise NotImplementedError

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on if aiohttp had stopped; it asks for it after each chunk and body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _resume_transport_reading(self) -> None:
        """Read on, unless something waits for its turn."""
        if self._unparsed:
            self._ask_for_turn()
        elif not self._has_asked:
            super()._resume_transport_reading()


def size_of(content: "StreamReader | None") -> int:
    """Return how many bytes of a body have come."""
    return 0 if content is None else content.total_bytes

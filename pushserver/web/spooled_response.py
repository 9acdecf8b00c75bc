"""Large answers: kept in a file while their peer takes them, however long that is."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, cast

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.model.network import network_of
from pushserver.services.off_loop import begin_piece, give_way, may_begin
from pushserver.web.body_budget import BodyBudget
from pushserver.web.draining import write_and_drain
from pushserver.web.request import is_head
from pushserver.web.spool import MAX_IN_MEMORY, Spool

if TYPE_CHECKING:
    from pushserver.web.connection import HttpConnection

#: So many bytes are written at once.
_PIECE_SIZE = 128 * 1024
#: Of what everybody gets, strangers too, a connection has a copy of so many bytes.
_SHARED_PIECE = 16 * 1024


class LongResponse(web.StreamResponse):
    """
    A response whose body is in pieces: one piece would be a copy of them.

    While its peer takes it, it is where bodies are that arrive: in the memory that all
    share, or in a file.
    """

    def __init__(
        self,
        pieces: Sequence[bytes | memoryview],
        *,
        status: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status=status, headers=headers)
        if content_type:
            self.content_type = content_type
        self.content_length = sum(map(len, pieces))
        self.pieces = pieces

    @property
    def body(self) -> bytes:
        """The body in one piece, for who stores it."""
        return b"".join(self.pieces)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body, piece by piece, as the peer takes it."""
        assert self._req is not None  # noqa: S101 - it is prepared
        pieces, self.pieces = self.pieces, ()
        if not is_head(self._req):
            connection = cast("HttpConnection", self._req.protocol)
            with closing(connection.body_budget.new_spool()) as spool:
                await fill_or_abort(spool, pieces, connection)
                del pieces
                await write_from(spool, self._req, self)
        await super().write_eof(data)


class SharedResponse(LongResponse):
    """A response whose pieces all get who ask: they are in memory anyway."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body, piece by piece, as the peer takes it."""
        assert self._req is not None  # noqa: S101 - it is prepared
        connection = cast("HttpConnection", self._req.protocol)
        network = network_of(self._req.remote)
        for piece in () if is_head(self._req) else self.pieces:
            # The kernel may take all at once: each is written at its turn.
            if not may_begin():
                with connection.waiting_here():
                    await give_way(network)
            await write_and_drain(self._req, self, piece)
        await web.StreamResponse.write_eof(self, data)


def shared_pieces(body: bytes) -> list[bytes | memoryview]:
    """Return the pieces of a body that all get who ask: it is in memory once."""
    whole = memoryview(body)
    return [
        whole[start : start + _SHARED_PIECE]
        for start in range(0, len(body), _SHARED_PIECE)
    ]


class SpooledResponse(web.StreamResponse):
    """A response whose body is in a file."""

    def __init__(self, source: web.StreamResponse, spool: Spool) -> None:
        super().__init__(status=source.status, headers=source.headers)
        self.content_length = spool.size
        self._spool = spool

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body, piece by piece, as the peer takes it."""
        assert self._req is not None  # noqa: S101 - it is prepared
        connection, spool = cast("HttpConnection", self._req.protocol), self._spool
        transfers = connection.body_budget.transfers
        with (
            closing(spool),
            transfers.under_way(lambda: spool.position, connection.abort),
        ):
            if not is_head(self._req):
                await write_from(spool, self._req, self)
        await super().write_eof(data)


async def fill_or_abort(
    spool: Spool, pieces: Sequence[bytes | memoryview], connection: "HttpConnection"
) -> None:
    """
    Have a spool hold what the peer of a connection gets.

    Raises:
        ConnectionError: there is no room; the connection is lost.
    """
    try:
        await _fill(spool, pieces)
    except OSError:
        connection.abort()
        raise ConnectionResetError("No room for the answer.") from None


async def _fill(spool: Spool, pieces: Sequence[bytes | memoryview]) -> None:
    for piece in pieces:
        await spool.write(piece)
    await spool.rewind()


async def write_from(
    spool: Spool,
    request: web.BaseRequest,
    response: web.StreamResponse,
    piece_size: int = _PIECE_SIZE,
) -> None:
    """Write what a spool holds, piece by piece, as the peer takes it."""
    while piece := await spool.read(piece_size):
        await begin_piece()
        await write_and_drain(request, response, piece)


async def spooled(
    response: web.StreamResponse, budget: BodyBudget
) -> web.StreamResponse:
    """
    Return a response that is not in memory, if it would be long there.

    Raises:
        Unavailable: there is no room.
    """
    pieces = _pieces_of(response)
    size = sum(map(len, pieces))
    if size <= MAX_IN_MEMORY:
        return response
    budget.take(size)
    spool = budget.new_spool()
    try:
        await _fill(spool, pieces)
    except OSError:
        spool.close()
        raise Unavailable("There is no room for the answer. Try again.") from None
    return SpooledResponse(response, spool)


def _pieces_of(response: web.StreamResponse) -> Sequence[bytes | memoryview]:
    """Return the pieces of a body that is in memory."""
    if isinstance(response, LongResponse):
        return response.pieces
    body = response.body if isinstance(response, web.Response) else None
    return [body] if isinstance(body, bytes) else []

"""Large answers: kept in a file while their peer takes them, however long that is."""

from collections.abc import Awaitable, Callable
from contextlib import closing

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.web.body_budget import BodyBudget
from pushserver.web.draining import write_and_drain
from pushserver.web.request import is_head
from pushserver.web.spool import MAX_IN_MEMORY, Spool

#: So many bytes are written at once.
_PIECE_SIZE = 128 * 1024


class SpooledResponse(web.StreamResponse):
    """A response whose body is in a file."""

    def __init__(self, source: web.Response, spool: Spool) -> None:
        super().__init__(status=source.status, headers=source.headers)
        self.content_length = spool.size
        self._spool = spool

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body, piece by piece, as the peer takes it."""
        assert self._req is not None  # noqa: S101 - it is prepared
        with closing(self._spool):
            while not is_head(self._req) and (
                piece := await self._spool.read(_PIECE_SIZE)
            ):
                await write_and_drain(self._req, self, piece)
        await super().write_eof(data)


async def respond_in_turn(
    budget: BodyBudget, respond: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """
    Respond with what may be large: one response at a time is in memory.

    Raises:
        Unavailable: too many are under way.
    """
    async with budget.turn:
        response = await respond()
        if not isinstance(response, web.Response) or not isinstance(
            body := response.body, bytes
        ):
            return response
        return await _spooled(response, body, budget)


async def _spooled(
    response: web.Response, body: bytes, budget: BodyBudget
) -> web.StreamResponse:
    if len(body) <= MAX_IN_MEMORY:
        return response
    budget.take(len(body))
    spool = Spool(budget.folder)
    try:
        await spool.write(body)
        await spool.rewind()
    except OSError:
        spool.close()
        raise Unavailable("There is no room for the answer. Try again.") from None
    return SpooledResponse(response, spool)

"""Reads what may be large, or take long, for few calls at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web

from pushserver.fair_turns import FairTurns
from pushserver.web.api.authorized_call import AuthorizedCall
from pushserver.web.api.reach import require_reach
from pushserver.web.api.token_life import require_valid
from pushserver.web.spooled_response import spooled
from pushserver.web.waiting import cancelled_when_lost

C = TypeVar("C", bound=AuthorizedCall)


async def respond_in_turn(
    call: AuthorizedCall, respond: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """
    Respond with what may be large: one response at a time is in memory.

    Tokens take turns. Whoever leaves before its own is cancelled.

    Raises:
        TooMany: as many of the token's calls wait as may.
        Unauthorized: the token was revoked while it waited.
        NotFound: what the path names is no longer within its reach.
        Unavailable: too many responses are under way.
    """
    budget = call.services.body_budget
    async with _turn(call, budget.turn):
        return await spooled(await respond(), budget)


async def list_in_turn(
    handler: Callable[[C], Awaitable[web.StreamResponse]], call: C
) -> web.StreamResponse:
    """
    Respond with a list, or what takes as long to read: a few are made at a time.

    Raises what `respond_in_turn` does.
    """
    budget = call.services.body_budget
    async with _turn(call, budget.list_turns):
        return await spooled(await handler(call), budget)


@asynccontextmanager
async def _turn(call: AuthorizedCall, turn: FairTurns) -> AsyncIterator[None]:
    call.services.body_budget.require_read(turn)
    with cancelled_when_lost(call.request):
        has_waited = await turn.acquire()
    try:
        if has_waited:
            await require_valid(call)
            await require_reach(call)
        yield
    finally:
        turn.release()

"""Results over the API: what devices posted, in the order it came."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from pushserver.model.command import Result
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission
from pushserver.services.outcomes import ring_or_pass
from pushserver.services.queue import LOOK
from pushserver.storage.base import Store
from pushserver.web.api.command_types import ResultsOut, ResultsQuery
from pushserver.web.api.route import (
    LONGEST_WAIT,
    Call,
    Route,
    answer,
    capped,
    next_link,
)
from pushserver.web.api.views import result_out


async def list_results(call: Call[ResultsQuery, None]) -> web.StreamResponse:
    """List results after the cursor; with `wait`, not before there is one."""
    results = await _wait(call)
    cursor = str(results[-1].id) if results else call.query.cursor
    page = ResultsOut(items=[result_out(r) for r in results], next_cursor=cursor)
    return answer(page, headers=next_link(call.request, cursor))


async def _wait(call: Call[ResultsQuery, None]) -> Sequence[Result]:
    until = asyncio.get_running_loop().time() + min(call.query.wait, LONGEST_WAIT)
    while True:
        with call.services.outcomes.of_results(call.scope_id) as bell:
            results = await _read(call.services.store, call.scope_id, call.query)
            left = until - asyncio.get_running_loop().time()
            if results or left <= 0 or call.services.holds.is_closed:
                return results
            shared = call.services.store.is_shared
            await ring_or_pass(bell, min(left, LOOK) if shared else left)


async def _read(store: Store, scope_id: int, query: ResultsQuery) -> Sequence[Result]:
    device_id = None
    if query.device_id is not None:
        device_id = parse_int64(query.device_id, what="deviceId", pointer="/deviceId")
    return await store.results(
        scope_id,
        after=parse_int64(query.cursor, what="cursor", pointer="/cursor"),
        limit=capped(query.limit),
        device_id=device_id,
        orphan=query.orphan,
    )


ROUTES = (
    Route(
        method="GET",
        path="/results",
        name="listResults",
        summary="List what devices posted, in the order it came, orphans too",
        handler=list_results,
        permission=Permission.RESULTS_READ,
        query=ResultsQuery,
        answer=ResultsOut,
        problems=(422, 503),
    ),
)

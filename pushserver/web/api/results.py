"""Results over the API: what devices posted, in the order it came."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from pushserver.model.command import Result
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission
from pushserver.services.completion_waiters import wait_at_most
from pushserver.services.queue import RECHECK_INTERVAL
from pushserver.storage.base import Store
from pushserver.web.api.command_types import ResultsOut, ResultsQuery
from pushserver.web.api.route import (
    MAX_WAIT,
    ApiCall,
    ApiRoute,
    cap_limit,
    json_response,
    next_link,
)
from pushserver.web.api.views import result_out


async def list_results(call: ApiCall[ResultsQuery, None]) -> web.StreamResponse:
    """List results after the cursor; with `wait`, not before there is one."""
    results = await _wait_for_results(call)
    cursor = str(results[-1].id) if results else call.query.cursor
    page = ResultsOut(items=[result_out(r) for r in results], next_cursor=cursor)
    return json_response(page, headers=next_link(call.request, cursor))


async def _wait_for_results(call: ApiCall[ResultsQuery, None]) -> Sequence[Result]:
    until = asyncio.get_running_loop().time() + min(call.query.wait, MAX_WAIT)
    while True:
        with call.services.completion_waiters.results_waiter(call.scope_id) as wakeup:
            results = await _results_page(
                call.services.store, call.scope_id, call.query
            )
            left = until - asyncio.get_running_loop().time()
            if results or left <= 0 or call.services.holds.is_closed:
                return results
            shared = call.services.store.is_shared
            await wait_at_most(wakeup, min(left, RECHECK_INTERVAL) if shared else left)


async def _results_page(
    store: Store, scope_id: int, query: ResultsQuery
) -> Sequence[Result]:
    device_id = None
    if query.device_id is not None:
        device_id = parse_int64(
            query.device_id, field_name="deviceId", pointer="/deviceId"
        )
    return await store.results(
        scope_id,
        after=parse_int64(query.cursor, field_name="cursor", pointer="/cursor"),
        limit=cap_limit(query.limit),
        device_id=device_id,
        orphan=query.orphan,
    )


ROUTES = (
    ApiRoute(
        method="GET",
        path="/results",
        name="listResults",
        summary="List what devices posted, in the order it came, orphans too",
        handler=list_results,
        permission=Permission.RESULTS_READ,
        query_type=ResultsQuery,
        response_type=ResultsOut,
        error_statuses=(422, 503),
    ),
)

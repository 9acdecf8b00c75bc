"""Results over the API: what devices posted, in the order it came."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from aiohttp import web

from pushserver.model.command import Result
from pushserver.model.ids import MAX_INT64, is_ahead
from pushserver.model.token import Permission
from pushserver.services.off_loop import in_pieces
from pushserver.services.result_waiting import wait_for_results
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_requests import ResultsQuery
from pushserver.web.api.command_types import ResultOut, ResultsOut
from pushserver.web.api.command_views import result_out
from pushserver.web.api.device_fields import optional_device_id
from pushserver.web.api.query import MAX_WAIT, cap_limit, optional_int64
from pushserver.web.api.reading_turn import respond_in_turn
from pushserver.web.api.responses import json_response, next_link
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag

routes = Routes(Tag.RESULTS, Permission.RESULTS_READ, Permission.RESULTS_READ)


@routes(
    "GET",
    "/results",
    "listResults",
    ResultsOut,
    errors=(429,),
    response_headers=("Link",),
    limits_itself=True,
    in_turn=False,
)
async def list_results(call: ApiCall[ResultsQuery, None]) -> web.StreamResponse:
    """
    List what devices posted, in the order it came, orphans too.

    With `wait`, not before there is something after the cursor.
    """
    query, services = call.query, call.services
    after = optional_int64(query.cursor, "cursor") or 0
    device_id = optional_device_id(call, query.device_id)

    async def read(
        limit: int, *, after: int, newest_before: int | None = None
    ) -> Sequence[Result]:
        # Tags may change while the call waits, and with them what the token reaches.
        return await services.store.results(
            call.scope_id,
            after=after,
            limit=limit,
            device_id=device_id,
            orphan=query.orphan,
            device_ids=await services.token_reach.device_ids(call.token),
            newest_before=newest_before,
        )

    if is_ahead(after, services.clock.now()):
        # It was made while a clock was ahead: nothing comes after it for so long.
        newest = await read(1, after=0, newest_before=MAX_INT64)
        after = min(after, newest[0].id if newest else 0)
    read_page = partial(read, after=after)
    if query.wait:
        async with call.waiting(query.wait):
            await wait_for_results(
                services.store,
                services.completion_waiters,
                call.scope_id,
                partial(read_page, 1),
                min(query.wait, MAX_WAIT),
            )
    page = partial(
        _results_page, call, partial(read_page, cap_limit(query.limit)), after
    )
    return await respond_in_turn(call, page)


async def _results_page(
    call: ApiCall[ResultsQuery, None],
    read: Callable[[], Awaitable[Sequence[Result]]],
    after: int,
) -> web.StreamResponse:
    results = await read()
    cursor = str(results[-1].id if results else after)
    metadata = await _metadata(call, results)

    def render(result: Result) -> ResultOut:
        return result_out(
            call.services.protocols,
            result,
            device_name=_device_name(call, result),
            metadata=metadata.get(result.command_id or 0),
        )

    items = [render(each) async for each in in_pieces(results)]
    page = ResultsOut(items=items, next_cursor=cursor)
    return json_response(page, headers=next_link(call.request, cursor))


async def _metadata(
    call: ApiCall[ResultsQuery, None], results: Sequence[Result]
) -> Mapping[int, str]:
    """Return what came with the commands of *results*, for who may read those."""
    if not call.token.has_permission(Permission.COMMANDS_READ):
        return {}
    command_ids = {each.command_id for each in results if each.command_id is not None}
    return await call.services.store.metadata_of_commands(call.scope_id, command_ids)


def _device_name(call: ApiCall[ResultsQuery, None], result: Result) -> str | None:
    """Return what people call the result's device, for who may read devices."""
    if not call.token.has_permission(Permission.DEVICES_READ):
        return None
    device = call.services.devices.find(call.scope_id, result.device_id)
    return None if device is None else device.name

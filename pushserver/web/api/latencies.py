"""How long things took, over the API."""

from aiohttp import web

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.web.api.call import ApiCall
from pushserver.web.api.latency_types import (
    LatenciesOut,
    LatencyOut,
    LatencyPointOut,
    LatencyQuery,
)
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag

routes = Routes(Tag.SERVER, Permission.METRICS_READ, Permission.METRICS_READ)


@routes("GET", "/latencies", "getLatencies", LatenciesOut)
async def get_latencies(call: ApiCall[LatencyQuery, None]) -> web.StreamResponse:
    """
    Tell how long commands, commits and the event loop took over the last hour or day.

    It is of all servers, and of every scope: outside the first scope there is nothing.
    The last minute may be missing.
    """
    if call.scope_id != DEFAULT_SCOPE_ID:
        return json_response(LatenciesOut(items=[]))
    summaries = await call.services.latency_history.read(call.query.period)
    return json_response(
        LatenciesOut(
            items=[
                render(
                    LatencyOut,
                    each,
                    points=[render(LatencyPointOut, point) for point in each.points],
                )
                for each in summaries
            ]
        )
    )

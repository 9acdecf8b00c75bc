"""The API about itself: its description, and what the server is doing."""

from aiohttp import web

from pushserver import __version__
from pushserver.clock import rfc3339
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.token import Permission
from pushserver.web.api.access_types import ServerOut
from pushserver.web.api.route import Call, Route, answer


async def server(call: Call[None, None]) -> web.StreamResponse:
    """Tell what this server is doing, and what it has refused."""
    services, first = call.services, call.scope_id == FIRST_SCOPE
    return answer(
        ServerOut(
            version=__version__,
            started_at=rfc3339(services.started_at),
            now=rfc3339(services.clock.now()),
            devices=sum(1 for _ in services.fleet.of(call.scope_id)),
            held_polls=services.fleet.held_polls(call.scope_id),
            counts=dict(services.fleet.counts) if first else None,
        )
    )


ROUTES = (
    Route(
        method="GET",
        path="/server",
        name="getServer",
        summary="Tell what this server is doing, and what it has refused",
        handler=server,
        permission=Permission.DEVICES_READ,
        answer=ServerOut,
    ),
)

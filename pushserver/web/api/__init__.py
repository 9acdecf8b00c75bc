"""The admin API: every call that programs, scripts and the command line make."""

import re
from collections.abc import Awaitable
from typing import Any

import msgspec
from aiohttp import web

from pushserver.web.api import (
    about,
    commands,
    deliveries,
    devices,
    events,
    openapi,
    operations,
    purge,
    results,
    scopes,
    shadow,
    subscriptions,
    tasks,
    tokens,
    upgrades,
)
from pushserver.web.api.route import BASE, Call, Route, rendered
from pushserver.web.around import Handler, around
from pushserver.web.services import Services


async def describe(_call: Call[None, None]) -> web.StreamResponse:
    """Return this API's description."""
    return rendered(_DOCUMENT)


ROUTES: tuple[Route[Any, Any], ...] = (
    *commands.ROUTES,
    *results.ROUTES,
    *devices.ROUTES,
    *operations.ROUTES,
    *tasks.ROUTES,
    *upgrades.ROUTES,
    *shadow.ROUTES,
    *subscriptions.ROUTES,
    *deliveries.ROUTES,
    *events.ROUTES,
    *tokens.ROUTES,
    *scopes.ROUTES,
    *purge.ROUTES,
    *about.ROUTES,
    Route(
        method="GET",
        path="/openapi.json",
        name="getOpenapi",
        summary="Describe this API; needs no token",
        handler=describe,
        permission=None,
        answer="application/json",
    ),
)

_DOCUMENT = msgspec.json.encode(openapi.document(ROUTES))

_ENQUEUE = next(route for route in ROUTES if route.name == "enqueue")
#: The paths of the one call that programs make all day.
HOT = re.compile(re.escape(BASE) + r"/devices/[0-9]+/commands", re.ASCII)


def hot(services: Services) -> Handler:
    """Return what answers a POST to one of the paths `HOT`."""

    def enqueue(request: web.Request) -> Awaitable[web.StreamResponse]:
        names = {"device_id": request.raw_path.split("/", 5)[4]}
        return _ENQUEUE.take(request, services, names)

    return around(enqueue)


def add_routes(router: web.UrlDispatcher) -> None:
    """Serve every route."""
    for route in ROUTES:
        router.add_route(route.method, BASE + route.path, around(route.serve))

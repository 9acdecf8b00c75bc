"""The face for Eclipse Kapua's clients: operations of a device, and what tells of them.

It is served where Kapua's page prints it, at the root, and where Kapua has it, at /v1.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import groupby

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.around import Handler, around
from pushserver.web.caller import authenticate
from pushserver.web.kapua import authentication, notifications, operations
from pushserver.web.kapua.call import Route
from pushserver.web.kapua.problems import render
from pushserver.web.services import SERVICES

BASES = ("", "/v1")
READ, WRITE = Permission.OPERATIONS_READ, Permission.OPERATIONS_WRITE
_OPERATIONS = "/{scopeId}/devices/{deviceId}/operations"
_OPERATION = f"{_OPERATIONS}/{{operationId}}"
_NOTIFICATIONS = f"{_OPERATION}/notifications"
_NOTIFICATION = f"{_NOTIFICATIONS}/{{notificationId}}"

#: Those of one path stand together, and words before ids that they could be.
ROUTES = (
    Route("POST", f"{_NOTIFICATIONS}/_query", notifications.query, READ),
    Route("POST", f"{_NOTIFICATIONS}/_count", notifications.count, READ),
    Route("GET", _NOTIFICATIONS, notifications.list_all, READ),
    Route("GET", _NOTIFICATION, notifications.get, READ),
    Route("DELETE", _NOTIFICATION, notifications.delete, WRITE),
    Route("POST", f"{_OPERATIONS}/_query", operations.query, READ),
    Route("POST", f"{_OPERATIONS}/_count", operations.count, READ),
    Route("GET", _OPERATIONS, operations.list_all, READ),
    Route("GET", _OPERATION, operations.get, READ),
    Route("DELETE", _OPERATION, operations.delete, WRITE),
)
LOGINS = {
    "/authentication/apikey": authentication.by_key,
    "/authentication/user": authentication.by_password,
}
#: No id of ours is like these; under a path that ends so a device calls.
_LAST_ID = r"Id:(?!(?:push|result)\Z)[^/]+}"
#: Answers a request that expects to be told to go on.
Expecting = Callable[[web.Request], Awaitable[None]]


def add_routes(router: web.UrlDispatcher, expect: Expecting) -> None:
    """Serve every call under each base."""
    for base in BASES:
        for path, routes in groupby(ROUTES, key=lambda route: route.path):
            handlers = {route.method: route.serve for route in routes}
            ends = path.endswith("Id}")
            place = path.removesuffix("Id}") + _LAST_ID if ends else path
            _add(router, base + place, handlers, expect)
        for path, login in LOGINS.items():
            _add(router, base + path, {"POST": login}, expect)


def _add(
    router: web.UrlDispatcher,
    path: str,
    handlers: Mapping[str, Handler],
    expect: Expecting,
) -> None:
    resource = router.add_resource(path)
    others = partial(_not_allowed, tuple(handlers))
    served: Mapping[str, Handler] = {**handlers, "*": others}
    for method, handler in served.items():
        resource.add_route(method, around(handler, render), expect_handler=expect)


async def _not_allowed(
    methods: Sequence[str], request: web.Request
) -> web.StreamResponse:
    """Refuse a method, though not before a caller without a token."""
    await authenticate(request, request.app[SERVICES])
    raise web.HTTPMethodNotAllowed(request.method, methods)

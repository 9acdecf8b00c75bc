"""The API for Eclipse Kapua's clients: devices, their operations and notifications.

It is served where Kapua's page prints it, at the root, and where Kapua has it, at /v1.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby

from aiohttp import web

from pushserver.metrics.recorder import Metrics, Responses
from pushserver.model.token import Permission
from pushserver.web.authentication import authenticate
from pushserver.web.kapua import devices, notifications, operations, sessions
from pushserver.web.kapua.devices import DEVICE_PARAMETERS, FETCH_PARAMETER
from pushserver.web.kapua.list_query import LIST_PARAMETERS
from pushserver.web.kapua.problems import render_error
from pushserver.web.kapua.route import OWN_SCOPE, KapuaRoute
from pushserver.web.middleware import (
    ANY_PATH,
    ExpectHandler,
    Handler,
    with_error_responses,
)
from pushserver.web.request_identity import identified
from pushserver.web.services import SERVICES
from pushserver.web.unknown_requests import PROGRAM_ROOTS

BASE_PATHS = ("", "/v1")
READ, WRITE = Permission.OPERATIONS_READ, Permission.OPERATIONS_WRITE
_READ_DEVICES = Permission.DEVICES_READ
_DEVICES = "/{scopeId}/devices"
_DEVICE = f"{_DEVICES}/{{deviceId}}"
_OPERATIONS = f"{_DEVICE}/operations"
_OPERATION = f"{_OPERATIONS}/{{operationId}}"
_NOTIFICATIONS = f"{_OPERATION}/notifications"
_NOTIFICATION = f"{_NOTIFICATIONS}/{{notificationId}}"

#: Routes of one path are adjacent; a fixed word comes before an id in its place.
ROUTES = (
    KapuaRoute("POST", f"{_NOTIFICATIONS}/_query", notifications.query, READ),
    KapuaRoute("POST", f"{_NOTIFICATIONS}/_count", notifications.count, READ),
    KapuaRoute("GET", _NOTIFICATIONS, notifications.list_all, READ, LIST_PARAMETERS),
    KapuaRoute("GET", _NOTIFICATION, notifications.get, READ),
    KapuaRoute("DELETE", _NOTIFICATION, notifications.delete, WRITE),
    KapuaRoute("POST", f"{_OPERATIONS}/_query", operations.query, READ),
    KapuaRoute("POST", f"{_OPERATIONS}/_count", operations.count, READ),
    KapuaRoute("GET", _OPERATIONS, operations.list_all, READ, LIST_PARAMETERS),
    KapuaRoute("GET", _OPERATION, operations.get, READ),
    KapuaRoute("DELETE", _OPERATION, operations.delete, WRITE),
    KapuaRoute("POST", f"{_DEVICES}/_query", devices.query, _READ_DEVICES),
    KapuaRoute("POST", f"{_DEVICES}/_count", devices.count, _READ_DEVICES),
    KapuaRoute(
        "GET",
        _DEVICES,
        devices.list_all,
        _READ_DEVICES,
        DEVICE_PARAMETERS,
        (FETCH_PARAMETER,),
    ),
    KapuaRoute("GET", _DEVICE, devices.get, _READ_DEVICES),
)
#: What sessions begin and end with: methods and handlers by their paths.
SESSION_ROUTES: Mapping[str, tuple[str, Handler]] = {
    "/authentication/apikey": ("POST", sessions.login_with_api_key),
    "/authentication/user": ("POST", sessions.login_with_password),
    "/authentication/refresh": ("POST", sessions.refresh),
    "/authentication/info": ("GET", sessions.show_info),
    "/authentication/logout": ("POST", sessions.log_out),
}
#: No scope has such an id: whoever calls that, has mistaken an address of the API.
_NO_SCOPES = "|".join(sorted(PROGRAM_ROOTS))
_SCOPE_ID = rf"{{scopeId:(?!(?i:{_NO_SCOPES})/)[^/]+}}"
#: Where else programs look for calls of Kapua's that are not served.
_UNKNOWN_PATHS = ("/v1", "/authentication", f"/{OWN_SCOPE}", _DEVICES)
_REST = "{rest:(?s:(?:/.*)?)}"
#: Our ids never equal `push` or `result`; paths that end so belong to devices.
_LAST_ID_PATTERN = r"Id:(?!(?:push|result)\Z)[^/]+}"


def add_routes(
    router: web.UrlDispatcher,
    expect_handler: ExpectHandler,
    answer_unknown: Handler,
    metrics: Metrics,
) -> None:
    """
    Serve every call under each base path.

    Whatever else comes there, *answer_unknown* answers: programs look for more of
    Kapua's calls, and devices may have any prefix before their own.
    """
    for base in BASE_PATHS:
        for path, routes in groupby(ROUTES, key=lambda route: route.path):
            handlers = {route.method: route.serve for route in routes}
            ends_with_id = path.endswith("Id}")
            resource_path = (
                path.removesuffix("Id}") + _LAST_ID_PATTERN if ends_with_id else path
            )
            count = partial(metrics.responses_of, route=base + path)
            _add_resource(router, base + resource_path, handlers, expect_handler, count)
        for path, (method, serve) in SESSION_ROUTES.items():
            count = partial(metrics.responses_of, route=base + path)
            _add_resource(router, base + path, {method: serve}, expect_handler, count)

    for path in _UNKNOWN_PATHS:
        others = metrics.responses_of("any", ANY_PATH)
        handler = with_error_responses(answer_unknown, others, render_error)
        any_path = path.replace("{scopeId}", _SCOPE_ID) + _REST
        router.add_route("*", any_path, handler, expect_handler=expect_handler)


def _add_resource(
    router: web.UrlDispatcher,
    path: str,
    handlers: Mapping[str, Handler],
    expect_handler: ExpectHandler,
    count: Callable[[str], Responses],
) -> None:
    resource = router.add_resource(path.replace("{scopeId}", _SCOPE_ID))
    # What is got can be asked for its head, too: HTTP asks for it, and Kapua does so.
    head = {"HEAD": handlers["GET"]} if "GET" in handlers else {}
    served = {**handlers, **head}
    method_not_allowed = partial(_not_allowed, tuple(served))
    all_handlers: Mapping[str, Handler] = {**served, "*": method_not_allowed}
    for method, handler in all_handlers.items():
        resource.add_route(
            method,
            with_error_responses(
                identified(handler),
                count("any" if method == "*" else method),
                render_error,
            ),
            expect_handler=expect_handler,
        )


async def _not_allowed(
    methods: Sequence[str], request: web.Request
) -> web.StreamResponse:
    """Refuse a method, after the check of the token as for any other call."""
    await authenticate(request, request.app[SERVICES])
    raise web.HTTPMethodNotAllowed(request.method, methods)

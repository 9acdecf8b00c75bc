"""Builds the one application that serves devices, programs and Kapua's clients."""

from collections.abc import Awaitable
from functools import partial

from aiohttp import web

from pushserver.web import api, console, device_api, health, kapua
from pushserver.web import metrics as scraped
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.middleware import ANY_PATH, Handler, with_error_responses
from pushserver.web.request_identity import identity_of
from pushserver.web.services import SERVICES, Services
from pushserver.web.unknown_requests import handle_unknown_request

#: Matches every path, even one that contains a newline.
_CATCH_ALL = "/{rest:(?s:.*)}"


def build_app(services: Services) -> web.Application:
    """Return the application that serves *services*."""
    app = web.Application()
    app[SERVICES] = services
    metrics = services.metrics
    api.add_routes(app.router, _send_continue, metrics)
    # Whoever calls what there is not must not fill memory with routes.
    others = metrics.responses_of("any", ANY_PATH)
    api_fallback = with_error_responses(partial(_unknown_api_call, services), others)
    app.router.add_route(
        "*", BASE_PATH + _CATCH_ALL, api_fallback, expect_handler=_send_continue
    )
    for path, probe in health.PROBES.items():
        app.router.add_get(path, probe, expect_handler=_send_continue)
    scrapes = metrics.responses_of("GET", scraped.PATH)
    get_metrics = with_error_responses(scraped.get_metrics, scrapes)
    app.router.add_get(scraped.PATH, get_metrics, expect_handler=_send_continue)
    for (method, path), handler in device_api.fast_path_handlers(services).items():
        app.router.add_route(method, path, handler, expect_handler=_send_continue)
    answer_unknown = partial(device_api.dispatch_any_path, services)
    console.add_routes(app.router, _send_continue, answer_unknown, metrics)
    kapua.add_routes(app.router, _send_continue, answer_unknown, metrics)
    rest = _unknown_handler(services)
    app.router.add_route("*", _CATCH_ALL, rest, expect_handler=_send_continue)
    return app


def _unknown_handler(services: Services) -> Handler:
    """Return what answers each request that has no address of its own."""
    return with_error_responses(
        partial(device_api.dispatch_any_path, services),
        services.metrics.responses_of("any", ANY_PATH),
    )


def bypass_router(app: web.Application, routed: Handler) -> Handler:
    """
    Return a handler that falls back to *routed*, the router, for uncommon paths.

    Routing would take a tenth of the time of a poll.
    """
    services = app[SERVICES]
    fast_handlers, enqueue_handler = (
        device_api.fast_path_handlers(services),
        api.fast_enqueue_handler(services),
    )
    unroutable = _unknown_handler(services)

    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        method, path = request.method, request.raw_path.partition("?")[0]
        handler = fast_handlers.get((method, path))
        if handler is None and method == "POST" and api.ENQUEUE_PATH.fullmatch(path):
            handler = enqueue_handler
        if handler is None or "Expect" in request.headers:
            return _route(routed, unroutable, request)
        return handler(request)

    return handle


async def _route(
    routed: Handler, unroutable: Handler, request: web.Request
) -> web.StreamResponse:
    """Route the request; what has no path (`OPTIONS *`, `CONNECT`) is unknown, too."""
    try:
        return await routed(request)
    except web.HTTPException:
        return await unroutable(request)


async def _send_continue(request: web.Request) -> None:
    """Answer `Expect: 100-continue`, and ignore other expectations."""
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _unknown_api_call(
    services: Services, request: web.Request
) -> web.StreamResponse:
    """Answer what looks like a call of the API but is none, or has another method."""
    response = await device_api.serve_recognised(services, request)
    if response is not None:
        return response
    identity_of(request)
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        allowed |= (await resource.resolve(request))[1]
    allowed.discard("*")
    if allowed:
        raise web.HTTPMethodNotAllowed(request.method, allowed)
    return await handle_unknown_request(services, request)

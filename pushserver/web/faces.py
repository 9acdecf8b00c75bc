"""All faces in one application."""

from collections.abc import Awaitable
from functools import partial

from aiohttp import web

from pushserver.web import api, device, health, kapua
from pushserver.web.api.route import BASE
from pushserver.web.around import Handler, around
from pushserver.web.services import SERVICES, Services

#: Every path, also with a line's end in it.
_ANYTHING = "/{rest:(?s:.*)}"


def build_app(services: Services) -> web.Application:
    """Return the application that serves *services*."""
    app = web.Application()
    app[SERVICES] = services
    api.add_routes(app.router)
    nothing = around(partial(_nothing_there, services))
    app.router.add_route("*", BASE + _ANYTHING, nothing)
    app.add_routes(health.ROUTES)
    for (method, path), handler in device.hot(services).items():
        app.router.add_route(method, path, handler, expect_handler=_go_on)
    kapua.add_routes(app.router, _go_on)
    rest = device.rest(services)
    app.router.add_route("*", _ANYTHING, rest, expect_handler=_go_on)
    return app


def past_the_router(app: web.Application, router: Handler) -> Handler:
    """
    Return a handler that asks *router* only where it has to.

    Finding the route of a poll would take a tenth of the poll.
    """
    services = app[SERVICES]
    hot, enqueue = device.hot(services), api.hot(services)

    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        method, path = request.method, request.raw_path.partition("?")[0]
        handler = hot.get((method, path))
        if handler is None and method == "POST" and api.HOT.fullmatch(path):
            handler = enqueue
        if handler is None or "Expect" in request.headers:
            return router(request)
        return handler(request)

    return handle


async def _go_on(request: web.Request) -> None:
    """Tell a device that its body is welcome, and nothing if it expects odd things."""
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _nothing_there(
    services: Services, request: web.Request
) -> web.StreamResponse:
    """Say that the API has no such call, or not with this method."""
    last = request.path.rstrip("/").rpartition("/")[2]
    if last in ("push", "result"):
        return await device.anything(services, request)
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        allowed |= (await resource.resolve(request))[1]
    allowed.discard("*")
    if allowed:
        raise web.HTTPMethodNotAllowed(request.method, allowed)
    raise web.HTTPNotFound(text=f"The API has no call {request.path[:200]}.")

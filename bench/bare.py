"""The bare handler: aiohttp answering nothing, the most that any handler can reach.

A GET is answered at once; a POST has its body read first. That is the least a poll, and
the least an enqueue or a result can cost.
"""

from aiohttp import web

from bench.serving import arguments, serve


async def idle(_request: web.Request) -> web.Response:
    """Answer a poll: nothing to do."""
    return web.Response()


async def taken(request: web.Request) -> web.Response:
    """Read the body and answer nothing."""
    await request.read()
    return web.Response()


ROUTES = (
    web.get("/push", idle),
    web.post("/result", taken),
    web.post("/api/v1/devices/{device_id}/commands", taken),
)


def build() -> web.Application:
    """Make the application."""
    app = web.Application()
    app.add_routes(ROUTES)
    return app


if __name__ == "__main__":
    serve(build, arguments().parse_args().port)

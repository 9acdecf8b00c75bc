"""The bare handler: aiohttp answering nothing, the most that any handler can reach.

A GET is answered at once; a POST has its body read first. That is the least a poll, and
the least an enqueue or a result can cost.
"""

from aiohttp import web

from bench.serving import argument_parser, serve


async def idle(_request: web.Request) -> web.Response:
    """Answer a poll: nothing to do."""
    return web.Response()


async def accept_body(request: web.Request) -> web.Response:
    """Read the body and answer nothing."""
    await request.read()
    return web.Response()


ROUTES = (
    web.get("/push", idle),
    web.post("/result", accept_body),
    web.post("/api/v1/devices/{device_id}/commands", accept_body),
)


def build() -> web.Application:
    """Make the application."""
    app = web.Application()
    app.add_routes(ROUTES)
    return app


if __name__ == "__main__":
    serve(build, argument_parser().parse_args().port)

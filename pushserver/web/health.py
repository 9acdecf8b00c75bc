"""Probes for load balancers and supervisors: liveness and readiness."""

from aiohttp import web

from pushserver.web.services import SERVICES


async def healthz(_request: web.Request) -> web.Response:
    """Tell that the process is alive."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Tell whether the server accepts commands: no shutdown runs, the store writes."""
    services = request.app[SERVICES]
    if services.holds.is_closed:
        return web.Response(status=503, text="stopping\n")
    if not await services.readiness.is_ready():
        return web.Response(status=503, text="the store is away\n")
    return web.Response(text="ok\n")


PROBES = {"/healthz": healthz, "/readyz": readyz}

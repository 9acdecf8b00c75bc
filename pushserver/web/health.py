"""Probes for load balancers and supervisors: liveness and readiness."""

import asyncio

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.web.services import SERVICES

#: Seconds within which the store must accept a write.
STORE_CHECK_TIMEOUT = 5.0


async def healthz(_request: web.Request) -> web.Response:
    """Tell that the process is alive."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Tell whether the server accepts commands: the store writes, no shutdown runs."""
    services = request.app[SERVICES]
    if services.holds.is_closed:
        return web.Response(status=503, text="stopping\n")
    try:
        async with asyncio.timeout(STORE_CHECK_TIMEOUT):
            await services.store.check_writable()
    except (Unavailable, TimeoutError):
        return web.Response(status=503, text="the store is away\n")
    return web.Response(text="ok\n")


PROBES = {"/healthz": healthz, "/readyz": readyz}

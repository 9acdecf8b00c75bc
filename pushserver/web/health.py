"""For machines: is the process alive, and can it do its work?"""

import asyncio

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.web.services import SERVICES

#: Seconds within which the store must answer.
STORE_CHECK_TIMEOUT = 5.0


async def healthz(_request: web.Request) -> web.Response:
    """Tell that the process is alive."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Tell whether commands can be taken: the store writes, nobody is stopping."""
    services = request.app[SERVICES]
    if services.holds.is_closed:
        return web.Response(status=503, text="stopping\n")
    try:
        async with asyncio.timeout(STORE_CHECK_TIMEOUT):
            await services.store.check_writable()
    except (Unavailable, TimeoutError):
        return web.Response(status=503, text="the store is away\n")
    return web.Response(text="ok\n")


ROUTES = (web.get("/healthz", healthz), web.get("/readyz", readyz))

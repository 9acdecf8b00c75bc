"""
Imported last by what forks programs: does once what each of them would do at its start.

It compiles the expressions of all routes, and keeps the garbage collector off what has
been imported: a program that collects its garbage would look at all of that, and so
copy it.
"""

import gc

from aiohttp import web

from pushserver.metrics.recorder import CommitMetrics, Metrics
from pushserver.web import api, console, kapua


async def _answer(_: web.Request) -> web.StreamResponse:
    return web.Response()


async def _expect(_: web.Request) -> None:
    """Expect nothing."""


def _compile_routes() -> None:
    router, metrics = web.UrlDispatcher(), Metrics(commits=CommitMetrics())
    api.add_routes(router, _expect, metrics)
    console.add_routes(router, _expect, _answer, metrics)
    kapua.add_routes(router, _expect, _answer, metrics)


_compile_routes()
gc.collect()
gc.freeze()

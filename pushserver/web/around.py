"""Around every request: errors become answers, and one line is logged at its end.

Handlers add to the line with `note`: ids, states and counts, never a payload, a key or
a token. An idle poll is counted, and the counts are logged now and then: a line for
each would cost more than the poll.
"""

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import structlog
from aiohttp import web

from pushserver.errors import PushServerError
from pushserver.web.address import without_key
from pushserver.web.problems import render as problem

log = structlog.get_logger("pushserver.requests")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Makes an answer of what a handler raised.
Render = Callable[[Exception], web.StreamResponse]

NOTES = web.RequestKey("notes", dict[str, object])
#: Set while a request's handler only waits: it is cancelled when its peer is gone.
#: All others finish: who hangs up early has not posted in vain.
ENDS_WITH_PEER = web.RequestKey("ends_with_peer", bool)


def note(request: web.Request, **fields: object) -> None:
    """Add *fields* to the line that will be logged for *request*."""
    request[NOTES].update(fields)


def around(handler: Handler, render: Render = problem) -> Handler:
    """
    Let *handler* answer; *render* what it raises; log one line.

    It is wrapped round each handler, which costs half of what a middleware does.
    """

    lines = log.bind()

    async def handle(request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        notes = request[NOTES] = {}
        try:
            response = await handler(request)
        except PushServerError as error:
            note(request, problem=error.code)
            response = render(error)
        except web.HTTPException as error:
            response = render(error)
        except Exception as error:
            log.exception("request.failed", method=request.method, path=_path(request))
            response = render(error)
        if not getattr(response, "is_idle", False):
            line = {
                "method": request.method,
                "path": _path(request),
                "status": response.status,
                "ms": round((time.perf_counter() - started) * 1000, 2),
            }
            lines.info("request", **{**notes, **line})
        return response

    return handle


def _path(request: web.Request) -> str:
    """Return the path without its query, and without a device's key."""
    raw = request.raw_path.partition("?")[0]
    if "/d/" in raw or "%" in raw:
        path = request.path
        if "/d/" in path:
            return quote(without_key(path)).replace(quote("…"), "…")[:200]
    return raw[:200]

"""Around every request: errors become answers, and one line is logged at its end.

Handlers add to the line with `add_log_fields`: ids, states and counts, never a payload,
a key or a token. An idle poll is counted, and the counts are logged now and then: a
line for each would cost more than the poll.
"""

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import structlog
from aiohttp import web

from pushserver.errors import PushServerError
from pushserver.web.device_url import redact_key
from pushserver.web.problems import render_error as problem

log = structlog.get_logger("pushserver.requests")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Makes an answer of what a handler raised.
ErrorRenderer = Callable[[Exception], web.StreamResponse]

LOG_FIELDS = web.RequestKey("notes", dict[str, object])
#: Set while a request's handler only waits: it is cancelled when its peer is gone.
#: All others finish: who hangs up early has not posted in vain.
CANCEL_ON_DISCONNECT = web.RequestKey("ends_with_peer", bool)


def add_log_fields(request: web.Request, **fields: object) -> None:
    """Add *fields* to the line that will be logged for *request*."""
    request[LOG_FIELDS].update(fields)


def with_error_responses(
    handler: Handler, render_error: ErrorRenderer = problem
) -> Handler:
    """
    Let *handler* answer; *render_error* what it raises; log one line.

    It is wrapped round each handler, which costs half of what a middleware does.
    """

    request_log = log.bind()

    async def handle(request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        log_fields = request[LOG_FIELDS] = {}
        try:
            response = await handler(request)
        except PushServerError as error:
            add_log_fields(request, problem=error.code)
            response = render_error(error)
        except web.HTTPException as error:
            response = render_error(error)
        except Exception as error:
            log.exception(
                "request.failed", method=request.method, path=_loggable_path(request)
            )
            response = render_error(error)
        if not getattr(response, "is_idle_poll", False):
            summary = {
                "method": request.method,
                "path": _loggable_path(request),
                "status": response.status,
                "ms": round((time.perf_counter() - started) * 1000, 2),
            }
            request_log.info("request", **{**log_fields, **summary})
        return response

    return handle


def _loggable_path(request: web.Request) -> str:
    """Return the path without its query, and without a device's key."""
    raw = request.raw_path.partition("?")[0]
    if "/d/" in raw or "%" in raw:
        path = request.path
        if "/d/" in path:
            return quote(redact_key(path)).replace(quote("…"), "…")[:200]
    return raw[:200]

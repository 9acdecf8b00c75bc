"""Around every request: errors become responses, and one line is logged at its end.

Handlers add to the line by `LOG_FIELDS` of the request: ids, states and counts, never a
payload, a key or a token. Idle polls are only counted, and the counts logged from time
to time: a line for each would cost more than the poll.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import attrs
import structlog
from aiohttp import web

from pushserver.errors import PushServerError
from pushserver.fair_turns import CALLER, DEVICES
from pushserver.metrics.recorder import Responses
from pushserver.web.connection import connection_of
from pushserver.web.device_url import mask_keys
from pushserver.web.problems import render_error as problem
from pushserver.web.request import PREPARED_STATUS
from pushserver.web.request_identity import (
    IDENTITY,
    REQUEST_ID_HEADER,
    RequestIdentity,
)
from pushserver.web.request_span import request_span
from pushserver.web.response import SmallResponse, make_response

log = structlog.get_logger("pushserver.requests")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Answers `Expect: 100-continue`.
ExpectHandler = Callable[[web.Request], Awaitable[None]]
#: Turns what a handler raised into a response; the request's id is known, or None.
ErrorRenderer = Callable[[Exception, str | None], web.StreamResponse]

#: The route of whatever has none of its own, as it is counted: devices' addresses with
#: keys or other prefixes, and calls that there are not.
ANY_PATH = "/{any}"

#: What is added to the log line of a request.
LOG_FIELDS = web.RequestKey("notes", dict[str, object])
_NO_FIELDS: Mapping[str, object] = MappingProxyType({})


@attrs.frozen(eq=False)
class RequestLog:
    """Counts the answers of a route, by their status in `responses`, and logs them."""

    responses: Responses
    _log: structlog.typing.FilteringBoundLogger = attrs.field(factory=log.bind)
    _is_logged: bool = attrs.field(init=False)

    @_is_logged.default
    def _is_enabled(self) -> bool:
        return self._log.is_enabled_for(logging.INFO)

    def record(
        self,
        method: str,
        path: str,
        status: int,
        started: float,
        log_fields: dict[str, object],
        identity: RequestIdentity | None = None,
    ) -> None:
        """Record an answer to a request to *path*, fit to be shown, since *started*."""
        self.responses[status] += 1
        collect = self.responses.spans.collect
        if identity is not None and collect is not None:
            seconds, route = time.perf_counter() - started, self.responses.route
            collect(request_span(method, route, status, seconds, identity))
        if self._is_logged:
            if identity is not None:
                log_fields.update(identity.log_fields)
            log_fields["method"] = method
            log_fields["path"] = path
            log_fields["status"] = status
            # To hundredths; `round` would go by way of text.
            took = int((time.perf_counter() - started) * 100_000 + 0.5)
            log_fields["ms"] = took / 100
            self._log.info("request", **log_fields)


def with_error_responses(
    handler: Handler,
    responses: Responses,
    render_error: ErrorRenderer = problem,
    fields: Mapping[str, object] = _NO_FIELDS,
) -> Handler:
    """
    Return *handler* with errors rendered by *render_error*, and one log line.

    *responses* counts its answers by status, but those to idle polls. The line has the
    *fields* from the start.

    An answer that its peer left in the middle is none: handlers need not expect that.
    Wrapping each handler costs half of what a middleware of aiohttp does.
    """

    request_log = RequestLog(responses)

    async def handle(request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        # The last request on this connection may have had a token.
        CALLER.set(DEVICES)
        log_fields = request[LOG_FIELDS] = {**fields}
        try:
            response = await handler(request)
        except PushServerError as error:
            log_fields["problem"] = error.code
            response = _refuse(request, render_error(error, _id_of(request)))
        except web.HTTPException as error:
            response = _refuse(request, render_error(error, _id_of(request)))
        except Exception as error:
            if _is_broken_off(request, error):
                log_fields["broken_off"] = True
                response = make_response(status=request[PREPARED_STATUS])
            else:
                log.exception(
                    "request.failed",
                    method=request.method,
                    path=shown_path(request.raw_path),
                    request_id=_id_of(request),
                )
                response = render_error(error, _id_of(request))
        if getattr(response, "is_idle_poll", False):
            return response
        identity = request.get(IDENTITY)
        if identity is not None and isinstance(response, SmallResponse):
            # The request adds it to those of aiohttp.
            response.add_header(REQUEST_ID_HEADER, identity.request_id)
        path, status = shown_path(request.raw_path), response.status
        request_log.record(request.method, path, status, started, log_fields, identity)
        return response

    return handle


def _is_broken_off(request: web.Request, error: Exception) -> bool:
    """Tell whether there is nobody any more who takes what was to be sent."""
    is_lost = isinstance(error, ConnectionError) and connection_of(request).is_lost
    return is_lost and PREPARED_STATUS in request


def _id_of(request: web.Request) -> str | None:
    identity = request.get(IDENTITY)
    return None if identity is None else identity.request_id


def _refuse(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Answer without reading the rest of a long body."""
    connection = connection_of(request)
    connection.end_unread(request)
    if connection.is_ending:
        response.force_close()
    return response


def shown_path(raw_path: str) -> str:
    """Return the path without its query, and without a device's key."""
    return mask_keys(raw_path.partition("?")[0])[:200]

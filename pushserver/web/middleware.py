"""Around every request: errors become responses, and one line is logged at its end.

Handlers add to the line by `LOG_FIELDS` of the request: ids, states and counts, never a
payload, a key or a token. Idle polls are only counted, and the counts logged from time
to time: a line for each would cost more than the poll.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

import attrs
import structlog
from aiohttp import web

from pushserver.authority import AUTHORITY
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


@attrs.frozen(eq=False)
class RequestLog:
    """Where the answers of a route are counted, by their status, and logged."""

    responses: Responses
    render_error: ErrorRenderer = problem
    log: structlog.typing.FilteringBoundLogger = attrs.field(factory=log.bind)
    is_enabled: bool = attrs.field(init=False)

    @is_enabled.default
    def _is_enabled(self) -> bool:
        return self.log.is_enabled_for(logging.INFO)

    def begin(self, request: web.Request) -> "LoggedRequest":
        """Return what is logged of a request that begins now."""
        return LoggedRequest(self, request.method, request.raw_path)


@attrs.define(eq=False)
class LoggedRequest:
    """
    A request whose answer is counted, and logged with these `fields`.

    A program's has an `identity`, in the end.
    """

    log: RequestLog
    method: str
    target: str
    fields: dict[str, object] = attrs.field(factory=dict, init=False)
    identity: RequestIdentity | None = attrs.field(default=None, init=False)
    _started: float = attrs.field(factory=time.perf_counter, init=False)

    def record(self, response: web.StreamResponse | SmallResponse) -> None:
        """Count and log the answer; a program's has the request's id."""
        seconds, fields = time.perf_counter() - self._started, self.fields
        self.log.responses[response.status] += 1
        if self.identity is not None:
            self._identify(self.identity, response, seconds)
        if self.log.is_enabled:
            fields["method"] = self.method
            fields["path"] = shown_path(self.target)
            fields["status"] = response.status
            # To hundredths; `round` would go by way of text.
            fields["ms"] = int(seconds * 100_000 + 0.5) / 100
            self.log.log.info("request", **fields)

    def _identify(
        self,
        identity: RequestIdentity,
        response: web.StreamResponse | SmallResponse,
        seconds: float,
    ) -> None:
        self.fields.update(identity.log_fields)
        if isinstance(response, SmallResponse):
            # The request adds it to those of aiohttp.
            response.add_header(REQUEST_ID_HEADER, identity.request_id)
        collect, route = self.log.responses.spans.collect, self.log.responses.route
        if collect is not None:
            method, status = self.method, response.status
            collect(request_span(method, route, status, seconds, identity))


def with_error_responses(
    handler: Handler,
    responses: Responses,
    render_error: ErrorRenderer = problem,
) -> Handler:
    """
    Return *handler* with errors rendered by *render_error*, and one log line.

    *responses* counts its answers by status, but those to idle polls.

    An answer that its peer left in the middle is none: handlers need not expect that.
    Wrapping each handler costs half of what a middleware of aiohttp does.
    """
    return partial(answer_logged, handler, RequestLog(responses, render_error).begin)


async def answer_logged(
    handler: Handler,
    begin_log: Callable[[web.Request], LoggedRequest],
    request: web.Request,
) -> web.StreamResponse:
    """Return the handler's answer, or its error's; count and log it."""
    # The last request on this connection may have had a token.
    CALLER.set(DEVICES)
    AUTHORITY.set(None)
    logged = begin_log(request)
    log_fields, render_error = logged.fields, logged.log.render_error
    request[LOG_FIELDS] = log_fields
    try:
        response = await handler(request)
    except (PushServerError, web.HTTPException) as error:
        response = _answer_error(request, error, render_error)
    except Exception as error:
        if not _is_left(request, error):
            log.exception(
                "request.failed",
                method=request.method,
                path=shown_path(request.raw_path),
                request_id=_id_of(request),
            )
        response = _answer_error(request, error, render_error)
    if not getattr(response, "is_idle_poll", False):
        logged.identity = request.get(IDENTITY)
        logged.record(response)
    return response


def _is_left(request: web.Request, error: Exception) -> bool:
    """Tell whether there is nobody any more who takes what was to be sent."""
    is_lost = isinstance(error, ConnectionError) and connection_of(request).is_lost
    return is_lost and PREPARED_STATUS in request


def _answer_error(
    request: web.Request, error: Exception, render_error: ErrorRenderer
) -> web.StreamResponse:
    """Return what answers an error; what has begun breaks off, and looks it."""
    log_fields = request[LOG_FIELDS]
    # The frames that it came through have what was sent, and the future that raised it:
    # together they would stay until the next collection of garbage.
    error.__traceback__ = None
    if isinstance(error, PushServerError):
        log_fields["problem"] = error.code
    if PREPARED_STATUS in request:
        log_fields["broken_off"] = True
        connection_of(request).abort()
        return make_response(status=request[PREPARED_STATUS])
    return _refuse(request, render_error(error, _id_of(request)))


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

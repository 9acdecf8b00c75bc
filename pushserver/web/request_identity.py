"""By what a program's request is found again: its id, and the trace it belongs to.

Requests of devices have neither: their answers are as the devices know them, to the
byte, and what their log lines name is the trace of the command.
"""

import re
from collections.abc import Awaitable, Callable
from random import getrandbits
from typing import NamedTuple

from aiohttp import web
from multidict import MultiMapping

from pushserver.model.trace import TRACEPARENT_HEADER, TRACESTATE_HEADER, Trace
from pushserver.web.device_url import mask_keys_in_text

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: The header with a request's id, of requests and of their answers.
REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[!-~]{1,64}", re.ASCII)


class RequestIdentity(NamedTuple):
    """A request's id, and its span in a trace; the `parent` that it named caused it."""

    request_id: str
    trace: Trace
    parent: Trace | None

    @property
    def log_fields(self) -> dict[str, object]:
        """What the log line of the request says of it."""
        return {"request_id": self.request_id, "trace_id": self.trace.trace_id}


#: The identity of a program's request, once somebody asked for it.
IDENTITY = web.RequestKey("identity", RequestIdentity)


def identity_of(request: web.Request) -> RequestIdentity:
    """Return the identity of a request; its answer and its log line have it, too."""
    identity = request.get(IDENTITY)
    if identity is None:
        identity = request[IDENTITY] = identity_in(request.headers)
    return identity


def identity_in(headers: MultiMapping[str]) -> RequestIdentity:
    """Return the identity of a request with *headers*; what they lack is made."""
    parent = _parent_of(headers)
    trace = Trace.begin() if parent is None else parent.child()
    request_id = _request_id_of(headers.get(REQUEST_ID_HEADER))
    return RequestIdentity(request_id, trace, parent)


def identified(handler: Handler) -> Handler:
    """Return a *handler* whose every answer has the request's id."""

    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        identity_of(request)
        return handler(request)

    return handle


def trace_fields(trace_id: str | None) -> dict[str, str]:
    """Return what a log line says of the trace of a command."""
    return {} if trace_id is None else {"trace_id": trace_id}


def _request_id_of(given: str | None) -> str:
    """
    Return the id in a request's header, or a new one.

    A proxy may set it. It tells requests apart, so nobody must be unable to guess it.
    It is logged and kept: a device's key, which was typed there, is none.
    """
    if (
        given is not None
        and _REQUEST_ID.fullmatch(given)
        and given == mask_keys_in_text(given)
    ):
        return given
    return f"{getrandbits(64):016x}"


def _parent_of(headers: MultiMapping[str]) -> Trace | None:
    """Return the span that caused a request, if it names a valid one."""
    if TRACEPARENT_HEADER not in headers:
        return None
    given = headers.getall(TRACEPARENT_HEADER)
    if len(given) != 1:
        return None
    state = ",".join(headers.getall(TRACESTATE_HEADER, ()))
    # Kept like the request's id.
    return Trace.parse(given[0], state if state == mask_keys_in_text(state) else "")

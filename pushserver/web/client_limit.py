"""A bound on the requests of one client that trusted proxies pass on at a time.

A proxy's connection is its client's while it has a request of that one.
"""

from functools import partial

from aiohttp import web

from pushserver.errors import TooMany
from pushserver.protocols.base import RequestKind
from pushserver.web.connection import connection_of
from pushserver.web.connection_limits import ConnectionLimits
from pushserver.web.middleware import ANY_PATH, Handler, with_error_responses
from pushserver.web.request_identity import identity_of
from pushserver.web.response import idle_poll_response
from pushserver.web.services import Services


def with_client_limit(
    services: Services, limits: ConnectionLimits, handle: Handler
) -> Handler:
    """Return *handle* with what a client has beyond *limits* refused."""
    refuse = with_error_responses(
        partial(_refuse, services), services.metrics.responses_of("any", ANY_PATH)
    )
    proxies = services.proxies

    async def handle_counted(request: web.Request) -> web.StreamResponse:
        connection = connection_of(request)
        # One that hides its client stands for many others.
        if not connection.has_counted_requests or proxies.is_trusted(request.remote):
            return await handle(request)
        try:
            fits = limits.count(connection, request.remote)
            return await (handle if fits else refuse)(request)
        finally:
            limits.forget(connection)

    return handle_counted


async def _refuse(services: Services, request: web.Request) -> web.StreamResponse:
    """
    Answer a poll as if idle.

    Raises:
        TooMany: it is no poll.
    """
    calls = (
        protocol.recognise(request.method, request.raw_path, request.headers)
        for protocol in services.protocols.installed
    )
    call = next((each for each in calls if each is not None), None)
    if call is None:
        # It is a program's, so the answer has the request's id.
        identity_of(request)
    elif call.kind is RequestKind.POLL:
        return idle_poll_response()
    raise TooMany("Too many requests of this address are under way.")

"""Authentication of programs by the token in their request."""

import os
import re

from aiohttp import web

from pushserver.errors import Unauthorized
from pushserver.model.actor import Actor
from pushserver.model.token import Token
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.services import Services

_REQUEST_ID = re.compile(r"[!-~]{1,64}", re.ASCII)


async def authenticate(
    request: web.Request, services: Services, authorization: str | None = None
) -> Token:
    """
    Return the token in the request's own header, or else in *authorization*.

    A wrong one is answered slowly if many come from its address; a right one never is.

    Raises:
        Unauthorized: there is no token, or it is not valid.
        TooManyWrongTokens: it is not valid, like too many of this address.
        Unavailable: another server may have made or revoked it, and the store is away.
    """
    header = authorization or request.headers.get("Authorization")
    try:
        token = services.tokens.authenticate(header)
        await services.cluster_sync.confirm_tokens()
        if not services.tokens.is_valid(token):
            token = services.tokens.authenticate(header)
    except Unauthorized:
        token = await _authenticate_late(request, services, header)
    request[LOG_FIELDS]["token_id"] = token.id
    return token


async def _authenticate_late(
    request: web.Request, services: Services, header: str | None
) -> Token:
    """Return the token of *header* if another server has made it just now."""
    if header and await services.cluster_sync.catch_up():
        try:
            return services.tokens.authenticate(header)
        except Unauthorized:
            pass
    if header:
        await services.wrong_tokens.slow_down(request.remote)
    return services.tokens.authenticate(header)


def request_actor(request: web.Request, token: Token) -> Actor:
    """
    Return who makes a request, and from where.

    Its id is that of the header `X-Request-ID`, which a proxy may set, or a new one.
    The log line of the request has it, too.
    """
    log_fields = request[LOG_FIELDS]
    if "request_id" not in log_fields:
        given = request.headers.get("X-Request-ID", "")
        is_id = _REQUEST_ID.fullmatch(given) is not None
        log_fields["request_id"] = given if is_id else os.urandom(8).hex()
    request_id = str(log_fields["request_id"])
    return Actor(token.id, token.name, request.remote, request_id)

"""Authentication of programs by the token in their request."""

import re
from random import getrandbits

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
    Return the token in the request's own header, or else in *authorization*; log it.

    Raises whatever `find_token` does.
    """
    header = authorization or request.headers.get("Authorization")
    token = await find_token(services, header, request.remote)
    request[LOG_FIELDS]["token_id"] = token.id
    return token


async def find_token(
    services: Services, authorization: str | None, address: str | None
) -> Token:
    """
    Return the token in a header `Authorization` that came from *address*.

    A wrong one is answered slowly if many come from its address; a right one never is.

    Raises:
        Unauthorized: there is no token, or it is not valid.
        TooManyWrongTokens: it is not valid, like too many of this address.
        Unavailable: another server may have made or revoked it, and the store is away.
    """
    try:
        token = services.tokens.authenticate(authorization)
        if services.cluster_sync.may_have_missed_tokens():
            await services.cluster_sync.catch_up()
            token = services.tokens.authenticate(authorization)
    except Unauthorized:
        token = await _find_late_token(services, authorization, address)
    return token


async def _find_late_token(
    services: Services, authorization: str | None, address: str | None
) -> Token:
    """Return the token of a header if another server has made it just now."""
    if authorization and await services.cluster_sync.catch_up():
        try:
            return services.tokens.authenticate(authorization)
        except Unauthorized:
            pass
    if authorization:
        await services.wrong_tokens.slow_down(address)
    return services.tokens.authenticate(authorization)


def request_id_of(given: str | None) -> str:
    """
    Return the id of a request: that of its header `X-Request-ID`, or a new one.

    A proxy may set it. It tells requests apart, so nobody must be unable to guess it.
    """
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"{getrandbits(64):016x}"


def request_actor(request: web.Request, token: Token) -> Actor:
    """
    Return who makes a request, and from where.

    The log line of the request has its id, too.
    """
    log_fields = request[LOG_FIELDS]
    if "request_id" not in log_fields:
        log_fields["request_id"] = request_id_of(request.headers.get("X-Request-ID"))
    request_id = str(log_fields["request_id"])
    return Actor(token.id, token.name, request.remote, request_id)

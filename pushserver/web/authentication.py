"""Authentication of programs by the token in their request."""

from aiohttp import web

from pushserver.errors import Unauthorized
from pushserver.model.token import Token
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.services import Services


async def authenticate(
    request: web.Request, services: Services, authorization: str | None = None
) -> Token:
    """
    Return the token in the request's own header, or else in *authorization*.

    Raises:
        Unauthorized: there is no token, or it is not valid.
        Unavailable: another server may have made or revoked it, and the store is away.
    """
    header = authorization or request.headers.get("Authorization")
    try:
        token = services.tokens.authenticate(header)
        await services.cluster_sync.confirm_tokens()
        if not services.tokens.is_valid(token):
            token = services.tokens.authenticate(header)
    except Unauthorized:
        if not (header and await services.cluster_sync.catch_up()):
            raise
        token = services.tokens.authenticate(header)
    request[LOG_FIELDS]["token_id"] = token.id
    return token

"""Who calls a program's face, by the token in the request."""

from aiohttp import web

from pushserver.errors import Unauthorized
from pushserver.model.token import Token
from pushserver.web.middleware import add_log_fields
from pushserver.web.services import Services


async def authenticate(
    request: web.Request, services: Services, authorization: str | None = None
) -> Token:
    """
    Return the token of a request: of its own header, unless *authorization* is given.

    Raises:
        Unauthorized: there is none, or it is not valid.
        Unavailable: another server may have made it, and the store is away.
    """
    header = authorization or request.headers.get("Authorization")
    try:
        token = services.tokens.authenticate(header)
    except Unauthorized:
        if not (header and await services.cluster_sync.catch_up()):
            raise
        token = services.tokens.authenticate(header)
    add_log_fields(request, token_id=token.id)
    return token

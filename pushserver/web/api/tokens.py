"""Tokens over the API."""

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.answer import respond
from pushserver.web.api.access_types import TokenIn, TokenOut, TokensOut
from pushserver.web.api.route import Call, Route, answer
from pushserver.web.api.views import token_out


async def make(call: Call[None, TokenIn]) -> web.StreamResponse:
    """Make a token; its secret is shown here and never again."""
    wanted = call.body
    token, secret = await call.services.tokens.make(
        call.scope_id, wanted.name, wanted.permissions, by=call.token
    )
    return answer(token_out(token, secret), status=201)


async def list_tokens(call: Call[None, None]) -> web.StreamResponse:
    """List the valid tokens, without their secrets."""
    tokens = call.services.tokens.all(call.scope_id)
    return answer(TokensOut([token_out(token) for token in tokens]))


async def revoke(call: Call[None, None]) -> web.StreamResponse:
    """Make a token invalid at once."""
    token_id = call.int64("token_id")
    await call.services.tokens.revoke(call.scope_id, token_id)
    call.services.interests.ring()
    return respond(status=204)


ROUTES = (
    Route(
        method="POST",
        path="/tokens",
        name="makeToken",
        summary="Make a token; its secret is shown once",
        handler=make,
        permission=Permission.TOKENS_WRITE,
        body=TokenIn,
        answer=TokenOut,
        status=201,
        problems=(400, 413, 415, 422, 503),
    ),
    Route(
        method="GET",
        path="/tokens",
        name="listTokens",
        summary="List the valid tokens",
        handler=list_tokens,
        permission=Permission.TOKENS_WRITE,
        answer=TokensOut,
    ),
    Route(
        method="DELETE",
        path="/tokens/{token_id}",
        name="revokeToken",
        summary="Make a token invalid at once",
        handler=revoke,
        permission=Permission.TOKENS_WRITE,
        status=204,
        problems=(404, 422, 503),
    ),
)

"""Tokens over the API."""

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.access_types import TokenIn, TokenOut, TokensOut
from pushserver.web.api.route import ApiCall, ApiRoute, json_response
from pushserver.web.api.views import token_out
from pushserver.web.response import make_response


async def create(call: ApiCall[None, TokenIn]) -> web.StreamResponse:
    """Make a token; its secret is shown here and never again."""
    body = call.body
    token, secret = await call.services.tokens.create(
        call.scope_id, body.name, body.permissions, caller=call.token
    )
    return json_response(token_out(token, secret), status=201)


async def list_tokens(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the valid tokens, without their secrets."""
    tokens = call.services.tokens.in_scope(call.scope_id)
    return json_response(TokensOut([token_out(token) for token in tokens]))


async def revoke(call: ApiCall[None, None]) -> web.StreamResponse:
    """Make a token invalid at once."""
    token_id = call.path_int64("token_id")
    await call.services.tokens.revoke(call.scope_id, token_id)
    call.services.event_interest.wake_streams()
    return make_response(status=204)


ROUTES = (
    ApiRoute(
        method="POST",
        path="/tokens",
        name="makeToken",
        summary="Make a token; its secret is shown once",
        handler=create,
        permission=Permission.TOKENS_WRITE,
        body_type=TokenIn,
        response_type=TokenOut,
        status=201,
        error_statuses=(400, 413, 415, 422, 503),
    ),
    ApiRoute(
        method="GET",
        path="/tokens",
        name="listTokens",
        summary="List the valid tokens",
        handler=list_tokens,
        permission=Permission.TOKENS_WRITE,
        response_type=TokensOut,
    ),
    ApiRoute(
        method="DELETE",
        path="/tokens/{token_id}",
        name="revokeToken",
        summary="Make a token invalid at once",
        handler=revoke,
        permission=Permission.TOKENS_WRITE,
        status=204,
        error_statuses=(404, 422, 503),
    ),
)

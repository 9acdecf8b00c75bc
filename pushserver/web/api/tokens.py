"""Tokens over the API."""

from functools import partial

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.access_types import RevokeQuery, TokenIn, TokenOut, TokensOut
from pushserver.web.api.access_views import parse_token_limits, token_out
from pushserver.web.api.call import ApiCall
from pushserver.web.api.once import Idempotency
from pushserver.web.api.responses import json_response, whole_list_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.response import make_response

routes = Routes(Tag.TOKENS, Permission.TOKENS_WRITE, Permission.TOKENS_WRITE)


@routes(
    "POST",
    "/tokens",
    "makeToken",
    TokenOut,
    status=201,
    idempotency=Idempotency.CLAIMED,
    example={"name": "Time clock", "permissions": ["results:read", "commands:write"]},
)
async def create(call: ApiCall[None, TokenIn]) -> web.StreamResponse:
    """Make a token; its secret is shown once."""
    body = call.body
    token, secret = await call.services.tokens.create(
        call.scope_id,
        body.name,
        body.permissions,
        call.token,
        call.actor,
        parse_token_limits(call.services.protocols, body),
    )
    protocols = call.services.protocols
    return json_response(token_out(protocols, token, secret), status=201)


@routes("GET", "/tokens", "listTokens", TokensOut, needs_store=False)
async def list_tokens(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the valid tokens."""
    tokens = call.services.tokens.in_scope(call.scope_id)
    return await whole_list_response(
        tokens, partial(token_out, call.services.protocols)
    )


@routes("DELETE", "/tokens/{token_id}", "revokeToken", status=204, errors=(409,))
async def revoke(call: ApiCall[RevokeQuery, None]) -> web.StreamResponse:
    """Make a token invalid at once, if it may do no more than one's own."""
    token_id = call.path_int64("token_id")
    await call.services.tokens.revoke(
        call.scope_id, token_id, call.token, call.actor, force=call.query.force
    )
    call.services.event_interest.wake_streams()
    return make_response(status=204)

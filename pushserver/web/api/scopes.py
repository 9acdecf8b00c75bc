"""Scopes over the API."""

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.access_types import (
    ScopeIn,
    ScopeOut,
    ScopesOut,
    TokenIn,
    TokenOut,
)
from pushserver.web.api.access_views import parse_token_limits, scope_out, token_out
from pushserver.web.api.call import ApiCall
from pushserver.web.api.once import Idempotency
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.response import make_response

routes = Routes(Tag.SCOPES, Permission.TOKENS_WRITE, Permission.ADMIN)


@routes(
    "POST",
    "/scopes",
    "makeScope",
    ScopeOut,
    status=201,
    idempotency=Idempotency.CLAIMED,
    example={"name": "Second tenant"},
)
async def create(call: ApiCall[None, ScopeIn]) -> web.StreamResponse:
    """
    Make a scope and its first token, from within the first scope.

    The token's secret is shown here and never again.
    """
    scope, secret = await call.services.scopes.create(
        call.body.name, call.token, call.actor
    )
    return json_response(scope_out(scope, secret), status=201)


@routes("GET", "/scopes", "listScopes", ScopesOut)
async def list_scopes(call: ApiCall[None, None]) -> web.StreamResponse:
    """List all scopes to an administrator of the first, else one's own."""
    scopes = await call.services.scopes.visible_to(caller=call.token)
    return json_response(ScopesOut([scope_out(scope) for scope in scopes]))


@routes("DELETE", "/scopes/{scope_id}", "deleteScope", status=204, errors=(409,))
async def delete(call: ApiCall[None, None]) -> web.StreamResponse:
    """Delete a scope in which there is nothing but tokens, from within the first."""
    scope_id = call.path_int64("scope_id")
    await call.services.scopes.delete(scope_id, call.token, call.actor)
    call.services.event_interest.wake_streams()
    return make_response(status=204)


@routes(
    "POST",
    "/scopes/{scope_id}/tokens",
    "makeTokenOfScope",
    TokenOut,
    status=201,
    idempotency=Idempotency.CLAIMED,
    example={"name": "Administrator", "permissions": ["admin"]},
)
async def create_token(call: ApiCall[None, TokenIn]) -> web.StreamResponse:
    """Make a token for a scope that lost its own, from within the first."""
    body = call.body
    token, secret = await call.services.scopes.create_token(
        call.path_int64("scope_id"),
        body.name,
        body.permissions,
        call.token,
        call.actor,
        parse_token_limits(call.services.protocols, body),
    )
    protocols = call.services.protocols
    return json_response(token_out(protocols, token, secret), status=201)

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
from pushserver.web.api.route import ApiCall, ApiRoute, json_response
from pushserver.web.api.views import scope_out, token_out


async def create(call: ApiCall[None, ScopeIn]) -> web.StreamResponse:
    """Make a scope; the secret of its first token is shown here and never again."""
    scope, secret = await call.services.scopes.create(call.body.name, caller=call.token)
    return json_response(scope_out(scope, secret), status=201)


async def list_scopes(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the scopes that the token may know of."""
    scopes = await call.services.scopes.visible_to(caller=call.token)
    return json_response(ScopesOut([scope_out(scope) for scope in scopes]))


async def create_token(call: ApiCall[None, TokenIn]) -> web.StreamResponse:
    """Make a token for another scope; its secret is shown here and never again."""
    body = call.body
    token, secret = await call.services.scopes.create_token(
        call.path_int64("scope_id"), body.name, body.permissions, caller=call.token
    )
    return json_response(token_out(token, secret), status=201)


ROUTES = (
    ApiRoute(
        method="POST",
        path="/scopes",
        name="makeScope",
        summary="Make a scope and its first token, from within the first scope",
        handler=create,
        permission=Permission.ADMIN,
        body_type=ScopeIn,
        response_type=ScopeOut,
        status=201,
        error_statuses=(400, 413, 415, 422, 503),
    ),
    ApiRoute(
        method="GET",
        path="/scopes",
        name="listScopes",
        summary="List all scopes to an administrator of the first, else one's own",
        handler=list_scopes,
        permission=Permission.TOKENS_WRITE,
        response_type=ScopesOut,
        error_statuses=(503,),
    ),
    ApiRoute(
        method="POST",
        path="/scopes/{scope_id}/tokens",
        name="makeTokenOfScope",
        summary="Make a token for a scope that lost its own, from within the first",
        handler=create_token,
        permission=Permission.ADMIN,
        body_type=TokenIn,
        response_type=TokenOut,
        status=201,
        error_statuses=(400, 404, 413, 415, 422, 503),
    ),
)

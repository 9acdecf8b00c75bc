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
from pushserver.web.api.route import Call, Route, answer
from pushserver.web.api.views import scope_out, token_out


async def make(call: Call[None, ScopeIn]) -> web.StreamResponse:
    """Make a scope; the secret of its first token is shown here and never again."""
    scope, secret = await call.services.scopes.make(call.body.name, by=call.token)
    return answer(scope_out(scope, secret), status=201)


async def list_scopes(call: Call[None, None]) -> web.StreamResponse:
    """List the scopes that the token may know of."""
    scopes = await call.services.scopes.all(by=call.token)
    return answer(ScopesOut([scope_out(scope) for scope in scopes]))


async def make_token(call: Call[None, TokenIn]) -> web.StreamResponse:
    """Make a token for another scope; its secret is shown here and never again."""
    wanted = call.body
    token, secret = await call.services.scopes.make_token(
        call.int64("scope_id"), wanted.name, wanted.permissions, by=call.token
    )
    return answer(token_out(token, secret), status=201)


ROUTES = (
    Route(
        method="POST",
        path="/scopes",
        name="makeScope",
        summary="Make a scope and its first token, from within the first scope",
        handler=make,
        permission=Permission.ADMIN,
        body=ScopeIn,
        answer=ScopeOut,
        status=201,
        problems=(400, 413, 415, 422, 503),
    ),
    Route(
        method="GET",
        path="/scopes",
        name="listScopes",
        summary="List all scopes to an administrator of the first, else one's own",
        handler=list_scopes,
        permission=Permission.TOKENS_WRITE,
        answer=ScopesOut,
        problems=(503,),
    ),
    Route(
        method="POST",
        path="/scopes/{scope_id}/tokens",
        name="makeTokenOfScope",
        summary="Make a token for a scope that lost its own, from within the first",
        handler=make_token,
        permission=Permission.ADMIN,
        body=TokenIn,
        answer=TokenOut,
        status=201,
        problems=(400, 404, 413, 415, 422, 503),
    ),
)

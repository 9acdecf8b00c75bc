"""Scopes: the list of them, making one, a token for one, deleting one."""

from aiohttp import web

from pushserver.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PushServerError,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID, Scope
from pushserver.model.token import Permission
from pushserver.web.api.access_types import ScopeIn
from pushserver.web.console.form_fields import (
    Wrong,
    decode_fields,
    require_typed,
    typed_word,
)
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.reauthentication import authenticate_again
from pushserver.web.problems import status_of

pages = Pages()


@pages.page("/scopes", Permission.ADMIN)
async def list_scopes(call: SignedInCall) -> web.StreamResponse:
    """Show all scopes to an administrator of the first, else one's own."""
    return await _render(call)


async def _render(
    call: SignedInCall, error: PushServerError | None = None
) -> web.Response:
    return await call.render(
        "scopes.html",
        status=200 if error is None else status_of(error),
        scopes=await call.services.scopes.visible_to(caller=call.token),
        wrong=None if error is None else Wrong(error),
        first_id=DEFAULT_SCOPE_ID,
        typed_word=typed_word,
    )


@pages.form("/scopes", Permission.ADMIN, once=True)
async def create(call: SignedInCall) -> web.StreamResponse:
    """Make a scope; the secret of its first token is shown on this page alone."""
    try:
        body = decode_fields({"name": call.form.get("name", "")}, ScopeIn)
        scope, secret = await call.services.scopes.create(
            body.name, await authenticate_again(call), call.actor
        )
    except (Invalid, Forbidden, Conflict) as error:
        return await _render(call, error)
    return await call.render(
        "secret.html", name=scope.name, secret=secret, path="/scopes"
    )


@pages.form("/scopes/{scope_id}/tokens", Permission.ADMIN, once=True)
async def create_token(call: SignedInCall) -> web.StreamResponse:
    """Make an administrator's token for a scope that lost its own."""
    scope = await _scope(call)
    _, secret = await call.services.scopes.create_token(
        scope.id,
        call.token.name,
        [Permission.ADMIN],
        await authenticate_again(call),
        call.actor,
    )
    return await call.render(
        "secret.html", name=scope.name, secret=secret, path="/scopes"
    )


@pages.form("/scopes/{scope_id}/delete", Permission.ADMIN)
async def delete(call: SignedInCall) -> web.StreamResponse:
    """Delete a scope in which there is nothing but tokens."""
    scope = await _scope(call)
    require_typed(call, scope.name)
    await call.services.scopes.delete(scope.id, call.token, call.actor)
    call.services.event_interest.wake_streams()
    return call.see_other("/scopes", "scope_deleted")


async def _scope(call: SignedInCall) -> Scope:
    scope_id = call.path_int64("scope_id")
    for scope in await call.services.scopes.visible_to(caller=call.token):
        if scope.id == scope_id:
            return scope
    raise NotFound(f"There is no scope {scope_id}.")

"""Tokens: the list of them, making one, revoking one."""

from collections.abc import Collection
from functools import partial
from heapq import nsmallest

from aiohttp import web

from pushserver.clock import SECOND, rfc3339
from pushserver.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PushServerError,
)
from pushserver.model.token import Permission
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.api.access_types import TokenIn
from pushserver.web.api.access_views import parse_token_limits
from pushserver.web.console.form_fields import (
    Wrong,
    checked,
    decode_fields,
    require_typed,
    tag_pairs,
    typed_word,
    words,
)
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.reauthentication import authenticate_again
from pushserver.web.problems import status_of

pages = Pages()
#: After how many days a token may expire; none: never.
LIVES = ("", "1", "7", "30", "90", "365")
_DAY = 86_400 * SECOND
#: How many of the devices that a token concerns are named.
_SHOWN_IDS = 5


@pages.page("/tokens", Permission.TOKENS_WRITE)
async def list_tokens(call: SignedInCall) -> web.StreamResponse:
    """Show the valid tokens, and the form for a new one."""
    return await render_tokens(call)


async def render_tokens(
    call: SignedInCall, error: PushServerError | None = None
) -> web.Response:
    """Show the tokens; with an *error*, what was wrong with the form."""
    return await call.render(
        "tokens.html",
        status=200 if error is None else status_of(error),
        tokens=call.services.tokens.in_scope(call.scope_id),
        now=call.services.clock.now(),
        first_ids=partial(_first_ids, call.services.protocols),
        typed_word=typed_word,
        permissions=[each for each in Permission if call.may(each)],
        wrong=None if error is None else Wrong(error),
        lives=LIVES,
    )


def _first_ids(protocols: DeviceProtocols, ids: Collection[int]) -> list[str]:
    """Return the first few: of a thousand tokens, all would take seconds."""
    return [*map(protocols.display_id, nsmallest(_SHOWN_IDS, ids))]


@pages.form("/tokens", Permission.TOKENS_WRITE, once=True)
async def create(call: SignedInCall) -> web.StreamResponse:
    """Make a token; its secret is shown on this page alone."""
    try:
        body = read_token(call)
        token, secret = await call.services.tokens.create(
            call.scope_id,
            body.name,
            body.permissions,
            await authenticate_again(call),
            call.actor,
            parse_token_limits(call.services.protocols, body),
        )
    except (Invalid, Forbidden, Conflict) as error:
        return await render_tokens(call, error)
    return await call.render(
        "secret.html", name=token.name, secret=secret, path="/tokens"
    )


def read_token(call: SignedInCall) -> TokenIn:
    """
    Return the token that a form asks for.

    Raises:
        Invalid: a field is wrong; the pointer names it.
    """
    form, life, expires_at = call.form, call.form.get("expiresAt", ""), None
    if life not in LIVES:
        raise Invalid("A token lives for a number of days that is offered here.")
    if life:
        expires_at = rfc3339(call.services.clock.now() + int(life) * _DAY)
    fields = {
        "name": form.get("name", ""),
        "permissions": checked(form, "permission."),
        "expiresAt": expires_at,
        "deviceIds": words(form.get("deviceIds", "")),
        "tags": dict(tag_pairs(form.get("tags", ""))) or None,
    }
    return decode_fields(fields, TokenIn)


@pages.form("/tokens/{token_id}/revoke", Permission.TOKENS_WRITE)
async def revoke(call: SignedInCall) -> web.StreamResponse:
    """Make a token invalid at once."""
    services, token_id = call.services, call.path_int64("token_id")
    tokens = services.tokens.in_scope(call.scope_id)
    token = next((each for each in tokens if each.id == token_id), None)
    if token is None:
        raise NotFound(f"There is no token {token_id}.")
    require_typed(call, token.name)
    await services.tokens.revoke(
        call.scope_id, token_id, call.token, call.actor, force="force" in call.form
    )
    services.event_interest.wake_streams()
    return call.see_other("/tokens", "token_revoked")

"""Signing in with a token, and out; and what one looks with: language and theme."""

from aiohttp import web

from pushserver.errors import Invalid, TooManyWrongTokens, Unauthorized
from pushserver.web.authentication import authenticate_login, request_actor
from pushserver.web.console.browser_session import (
    find_signed_in,
    forget_session,
    keep_session,
    refuse_other_sites,
)
from pushserver.web.console.form_body import read_short_form
from pushserver.web.console.open_pages import render_open
from pushserver.web.console.page import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    PageCall,
    local_path,
    without_key,
)
from pushserver.web.console.templating import THEMES
from pushserver.web.console.translations import catalogues
from pushserver.web.problems import headers_of, status_of
from pushserver.web.services import SERVICES

_YEAR = 365 * 86_400


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """Ask for a token."""
    if await find_signed_in(request, request.app[SERVICES]):
        return PageCall(request=request).see_other("")
    return await _form(request, without_key(request.query.get("next", "")))


async def _form(
    request: web.Request,
    next_path: str,
    error: Unauthorized | TooManyWrongTokens | None = None,
) -> web.Response:
    call = PageCall(request=request)
    status = 200 if error is None else status_of(error)
    wrong = "" if error is None else error.code
    response = await render_open(
        call, "sign_in.html", status=status, wrong=wrong, next_path=next_path
    )
    if isinstance(error, TooManyWrongTokens):
        response.headers.update(headers_of(error))
    return response


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Open a session, which the browser keeps in a cookie."""
    refuse_other_sites(request)
    services, form = request.app[SERVICES], (await read_short_form(request)).fields
    next_path = without_key(form.get("next", ""))
    try:
        token = await authenticate_login(request, services, form.get("token", ""))
        actor = request_actor(request, token)
        opened = await services.console_sessions.open(token, actor)
    except (Unauthorized, TooManyWrongTokens) as error:
        return await _form(request, next_path, error)
    call = PageCall(request=request)
    response = call.see_other(local_path(call, next_path))
    keep_session(request, response, opened)
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session, here and for whoever else has its cookie."""
    refuse_other_sites(request)
    services = request.app[SERVICES]
    who = await find_signed_in(request, services)
    if who is not None:
        actor = request_actor(request, who.token)
        await services.console_sessions.end(who.session, who.token, actor)
    response = PageCall(request=request).see_other("/sign-in", "signed_out")
    forget_session(request, response)
    return response


async def set_view(request: web.Request) -> web.StreamResponse:
    """Keep the language or the theme that was chosen, and show the page again."""
    refuse_other_sites(request)
    form, call = (await read_short_form(request)).fields, PageCall(request=request)
    response = call.see_other(local_path(call, form.get("next", "")))
    choices = (
        ("language", LANGUAGE_COOKIE, catalogues()),
        ("theme", THEME_COOKIE, THEMES),
    )
    for field, cookie, allowed in choices:
        if (value := form.get(field)) is None:
            continue
        if value not in allowed:
            raise Invalid(f"There is no such {field}.", pointer=f"/{field}")
        response.set_cookie(cookie, value, max_age=_YEAR, path="/", samesite="Strict")
    return response

"""Who looks: the session in a browser's cookie, and where forms are sent from."""

import attrs
from aiohttp import web

from pushserver.errors import Forbidden, Unauthorized
from pushserver.model.session import OpenedSession, Session
from pushserver.model.token import Token
from pushserver.web.authentication import find_session_token
from pushserver.web.services import Services
from pushserver.web.session_secrets import (
    cookie_name,
    cookie_secret,
    host_of,
    is_secure,
)
from pushserver.web.single_header import single_header


@attrs.frozen
class SignedIn:
    """Somebody who is signed in: their token, valid no longer than the session."""

    token: Token
    session: Session


async def find_signed_in(request: web.Request, services: Services) -> SignedIn | None:
    """
    Return who is signed in; None if nobody is, or not any more.

    Raises:
        Unavailable: the store is away.
    """
    secret = cookie_secret(request)
    session = await services.console_sessions.find(secret) if secret else None
    if session is None:
        return None
    try:
        token = await find_session_token(request, services, secret, session)
    except Unauthorized:
        return None
    return SignedIn(token, session)


async def has_ended(request: web.Request, services: Services, token: Token) -> bool:
    """
    Tell whether whoever looks with this token is not signed in any more.

    Raises:
        Unavailable: the store is away.
    """
    if not services.tokens.is_valid(token):
        return True
    return await services.console_sessions.find(cookie_secret(request)) is None


def keep_session(
    request: web.Request, response: web.Response, opened: OpenedSession
) -> None:
    """Have the browser keep a session, out of reach of scripts and other sites."""
    response.set_cookie(
        cookie_name(request),
        opened.secret,
        path="/",
        httponly=True,
        secure=is_secure(request),
        samesite="Strict",
    )


def forget_session(request: web.Request, response: web.Response) -> None:
    """Have the browser forget its session."""
    response.del_cookie(
        cookie_name(request),
        path="/",
        httponly=True,
        secure=is_secure(request),
        samesite="Strict",
    )


def refuse_other_sites(request: web.Request) -> None:
    """
    Take forms of the console's own pages alone.

    Browsers say whence a form comes; over plain HTTP to other machines they leave out
    `Sec-Fetch-Site`, and never `Origin`.

    Raises:
        Malformed: it says it twice.
        Forbidden: it comes from elsewhere, or does not say.
    """
    site = single_header(request.headers, "Sec-Fetch-Site")
    origin = single_header(request.headers, "Origin")
    is_same_site = site in (None, "same-origin")
    # A browser's has nothing besides. Others may send what no URL is.
    is_same_origin = origin is None or origin.partition("://")[2] == host_of(request)
    if not (is_same_site and is_same_origin and (site or origin)):
        raise Forbidden("This form was not sent by the console.")

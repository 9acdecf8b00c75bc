"""Sessions of Kapua's clients: they log in with a token and get a session."""

from typing import TypeVar

import msgspec
from aiohttp import web

from pushserver.dialects.kapua.sessions import render_access_token, render_login_info
from pushserver.errors import Invalid, Malformed
from pushserver.model.session import OpenedSession
from pushserver.model.token import Token
from pushserver.web.authentication import (
    SESSION,
    authenticate,
    authenticate_login,
    authenticate_refresh,
    request_actor,
)
from pushserver.web.json_body import JSON_MEDIA_TYPE, decode_json, read_short_body
from pushserver.web.kapua.problems import IllegalArgument
from pushserver.web.kapua.route import check_parameters
from pushserver.web.response import make_response
from pushserver.web.services import SERVICES
from pushserver.web.session_secrets import bearer_secret

T = TypeVar("T")


class _ApiKeyLogin(msgspec.Struct, rename="camel"):
    api_key: str


class _PasswordLogin(msgspec.Struct):
    password: str


class _Refresh(msgspec.Struct, rename="camel"):
    token_id: str
    refresh_token: str


async def login_with_api_key(request: web.Request) -> web.StreamResponse:
    """Accept a token as the API key."""
    login = await _read(request, _ApiKeyLogin, "apiKey")
    return await _log_in(request, login.api_key)


async def login_with_password(request: web.Request) -> web.StreamResponse:
    """Accept a token as the password, whatever the user's name."""
    login = await _read(request, _PasswordLogin, "password")
    return await _log_in(request, login.password)


async def _log_in(request: web.Request, secret: str) -> web.StreamResponse:
    services = request.app[SERVICES]
    token = await authenticate_login(request, services, secret)
    opened = await services.sessions.open(token, request_actor(request, token))
    return _session_response(opened, token)


async def refresh(request: web.Request) -> web.StreamResponse:
    """Give a session new secrets and another lifetime."""
    secrets = await _read(request, _Refresh, "refreshToken")
    services = request.app[SERVICES]
    session, token = await authenticate_refresh(
        request, services, secrets.token_id, secrets.refresh_token
    )
    actor = request_actor(request, token)
    opened = await services.sessions.refresh(session, token, actor)
    return _session_response(opened, token)


async def log_out(request: web.Request) -> web.StreamResponse:
    """End the session, whose secret is in the header."""
    services = request.app[SERVICES]
    token = await authenticate(request, services)
    check_parameters(request, ())
    session = request.get(SESSION)
    if session is None:
        # It would have to be revoked, and other programs may have it, too.
        raise Invalid("A token is no session: log in with it, or revoke it.")
    await services.sessions.end(session, token, request_actor(request, token))
    return make_response(status=204)


async def show_info(request: web.Request) -> web.StreamResponse:
    """Show the session, and what may be done with it."""
    token = await authenticate(request, request.app[SERVICES])
    check_parameters(request, ())
    secret = bearer_secret(request.headers["Authorization"])
    body = render_login_info(token, request.get(SESSION), secret)
    return make_response(body, content_type=JSON_MEDIA_TYPE)


async def _read(request: web.Request, kind: type[T], name: str) -> T:
    """Return the body; an error does not quote it, since it may be a secret."""
    check_parameters(request, ())
    data = await read_short_body(request)
    try:
        fields: T = decode_json(data, kind)
    except (Malformed, Invalid):
        raise IllegalArgument(name, "") from None
    return fields


def _session_response(opened: OpenedSession, token: Token) -> web.StreamResponse:
    body = render_access_token(
        opened.session, token, opened.secret, opened.refresh_secret
    )
    return make_response(body, content_type=JSON_MEDIA_TYPE)

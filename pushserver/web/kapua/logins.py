"""The logins of Kapua's clients: they send a token and use it as their session."""

from typing import TypeVar

import msgspec
from aiohttp import web

from pushserver.dialects.kapua import bodies
from pushserver.errors import Invalid, Malformed
from pushserver.web.authentication import authenticate
from pushserver.web.json_body import JSON_MEDIA_TYPE, decode_json, read_short_body
from pushserver.web.kapua.problems import IllegalArgument
from pushserver.web.kapua.route import check_parameters
from pushserver.web.response import make_response
from pushserver.web.services import SERVICES

T = TypeVar("T")


class _ApiKeyLogin(msgspec.Struct, rename="camel"):
    api_key: str


class _PasswordLogin(msgspec.Struct):
    password: str


async def login_with_api_key(request: web.Request) -> web.StreamResponse:
    """Accept a token as the API key."""
    login = await _read(request, _ApiKeyLogin, "apiKey")
    return await _session_response(request, login.api_key)


async def login_with_password(request: web.Request) -> web.StreamResponse:
    """Accept a token as the password, whatever the user's name."""
    login = await _read(request, _PasswordLogin, "password")
    return await _session_response(request, login.password)


async def _read(request: web.Request, kind: type[T], name: str) -> T:
    """Return the body; an error does not quote it, since it may be a secret."""
    check_parameters(request, ())
    data = await read_short_body(request)
    try:
        login: T = decode_json(data, kind)
    except (Malformed, Invalid):
        raise IllegalArgument(name, "") from None
    return login


async def _session_response(request: web.Request, secret: str) -> web.StreamResponse:
    token = await authenticate(request, request.app[SERVICES], f"Bearer {secret}")
    return make_response(
        bodies.render_access_token(token, secret), content_type=JSON_MEDIA_TYPE
    )

"""The logins of Kapua's clients: a token is shown, and comes back as their session."""

from typing import TypeVar

import msgspec
from aiohttp import web

from pushserver.dialects.kapua import bodies
from pushserver.errors import Invalid, Malformed
from pushserver.web.answer import respond
from pushserver.web.api.route import JSON, decode, read_data
from pushserver.web.caller import authenticate
from pushserver.web.kapua.problems import IllegalArgument
from pushserver.web.services import SERVICES

T = TypeVar("T")


class _ApiKey(msgspec.Struct, rename="camel"):
    api_key: str


class _User(msgspec.Struct):
    password: str


async def by_key(request: web.Request) -> web.StreamResponse:
    """Take a token as the API key."""
    read = await _read(request, _ApiKey, "apiKey")
    return await _session(request, read.api_key)


async def by_password(request: web.Request) -> web.StreamResponse:
    """Take a token as the password, whatever the user is called."""
    read = await _read(request, _User, "password")
    return await _session(request, read.password)


async def _read(request: web.Request, kind: type[T], name: str) -> T:
    """Return the body; what is wrong with it is not shown, for it may be a secret."""
    data = await read_data(request)
    try:
        read: T = decode(data, kind)
    except (Malformed, Invalid):
        raise IllegalArgument(name, "") from None
    return read


async def _session(request: web.Request, secret: str) -> web.StreamResponse:
    token = await authenticate(request, request.app[SERVICES], f"Bearer {secret}")
    return respond(bodies.access_token(token, secret), content_type=JSON)

"""The secrets with which programs and people call, and where requests have them."""

from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from aiohttp import web

from pushserver.web.connection import connection_of

if TYPE_CHECKING:
    from pushserver.web.request import HttpRequest

#: With the prefix, a browser takes it over TLS alone, and from this very host.
SECURE_COOKIE = "__Host-pushserver"
#: Over plain HTTP, such as on this machine's own address, browsers keep no secure ones.
PLAIN_COOKIE = "pushserver-session"


def bearer_secret(authorization: str | None) -> str:
    """Return the secret in a header `Authorization`; empty if there is none."""
    return (authorization or "").partition(" ")[2].strip()


def cookie_secret(request: web.Request) -> str:
    """
    Return the secret in the console's cookie; empty if there is none.

    So it is if there are two that differ: another site of the domain, or somebody on a
    plain line, may have set one of them.
    """
    name, secrets = cookie_name(request), set()
    for header in request.headers.getall("Cookie", ()):
        for pair in header.split(";"):
            key, _, value = pair.partition("=")
            if key.strip() == name:
                secrets.add(value.strip())
    return secrets.pop() if len(secrets) == 1 else ""


def cookie_name(request: web.Request) -> str:
    """Return the name of the cookie that has the console's session."""
    return SECURE_COOKIE if is_secure(request) else PLAIN_COOKIE


def is_secure(request: web.Request) -> bool:
    """Tell whether whoever looks at the console does so over TLS."""
    origin = cast("HttpRequest", request).origin
    public_url = connection_of(request).proxies.public_url
    is_public = bool(public_url) and urlsplit(public_url).netloc == host_of(request)
    scheme = urlsplit(public_url).scheme if is_public else origin.scheme
    return (scheme or request.scheme) == "https"


def host_of(request: web.Request) -> str:
    """Return the host that was asked, as whoever asked knows it."""
    return cast("HttpRequest", request).origin.host or request.host

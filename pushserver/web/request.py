"""A request, with where it comes from and how whoever made it reaches the server."""

import ipaddress
from typing import cast

from aiohttp import hdrs, web
from aiohttp.helpers import reify

from pushserver.web.connection import connection_of
from pushserver.web.forwarded import parse_host
from pushserver.web.proxies import RequestOrigin
from pushserver.web.request_identity import IDENTITY, REQUEST_ID_HEADER

_LOOPBACK_NAME = "localhost"
#: The status of an answer, once its head is about to be written.
PREPARED_STATUS = web.RequestKey("prepared_status", int)


class HttpRequest(web.Request):
    """
    A request whose `remote` is the client's address, also behind trusted proxies.

    Its response does not tell which versions serve here.
    """

    @reify
    def origin(self) -> RequestOrigin:
        """Where it comes from, and how it was made."""
        return connection_of(self).find_origin(self.headers)

    @reify
    def remote(self) -> str | None:
        """The client's address, if it is known."""
        connection = connection_of(self)
        is_proxied = connection.is_from_proxy
        return self.origin.address if is_proxied else connection.peer_address

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """
        Drop the header that aiohttp adds of its own; add a program's request id.

        The status is known from here on, whatever becomes of the answer.
        """
        self[PREPARED_STATUS] = response.status
        response.headers.pop(hdrs.SERVER, None)
        identity = self.get(IDENTITY)
        if identity is not None:
            response.headers[REQUEST_ID_HEADER] = identity.request_id
        await super()._prepare_hook(response)


def is_head(request: web.BaseRequest) -> bool:
    """Tell whether the answer is its head alone: what a GET would begin with."""
    return request.method == hdrs.METH_HEAD


def public_base(request: web.Request) -> str:
    """Return what stands before each path, as whoever asks has to call it."""
    return connection_of(request).proxies.base_of(cast("HttpRequest", request).origin)


def device_base(request: web.Request) -> str | None:
    """
    Return the URL at which devices reach the server, as far as it is known.

    That is the public URL, or else the one that was called; unless that is this very
    machine's, where no device calls, or no host's at all.
    """
    public_url = connection_of(request).proxies.public_url
    if public_url:
        return public_url
    origin = cast("HttpRequest", request).origin
    host = origin.host or parse_host(request.host)
    if host is None or is_loopback(host):
        return None
    return f"{origin.scheme or request.scheme}://{host}{origin.prefix}"


def is_loopback(host: str) -> bool:
    """Tell whether a host, perhaps with a port, is a name of this very machine."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if name.rstrip(".").lower() == _LOOPBACK_NAME:
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False

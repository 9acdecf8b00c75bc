"""`/metrics`, as Prometheus scrapes it: for who has a token, or is on this machine."""

import ipaddress

from aiohttp import HttpVersion11, hdrs, web

from pushserver.errors import Forbidden
from pushserver.metrics.exposition import expose
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.web.authentication import authenticate
from pushserver.web.browser import is_from_browser
from pushserver.web.connection import connection_of
from pushserver.web.request import is_loopback
from pushserver.web.services import SERVICES, Services

PATH = "/metrics"
#: What proxies add to the requests that they pass on.
_PROXY_HEADERS = (hdrs.FORWARDED, hdrs.VIA, "X-Real-IP")
_PROXY_PREFIX = "x-forwarded-"


async def get_metrics(request: web.Request) -> web.StreamResponse:
    """Tell every number of this server, and of the workers beside it."""
    services = request.app[SERVICES]
    if not is_of_this_machine(request, services):
        await _require_token(request, services)
    by_worker = await services.worker_metrics.read_all()
    body, content_type = expose(by_worker, request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})


async def _require_token(request: web.Request, services: Services) -> None:
    """
    Check the token of a scrape: the numbers are those of every scope.

    Raises:
        Forbidden: it may not read them.
    """
    token = await authenticate(request, services)
    if not token.has_permission(Permission.METRICS_READ):
        raise Forbidden(f"This token needs the permission {Permission.METRICS_READ}.")
    if token.scope_id != DEFAULT_SCOPE_ID or token.is_restricted:
        raise Forbidden("Metrics are for unrestricted tokens of the first scope.")


def is_of_this_machine(request: web.Request, services: Services) -> bool:
    """
    Tell whether a program of this machine asks, for nobody else.

    A proxy on it comes from loopback, too. One that the settings name, or that shows by
    its headers, by HTTP/1.0 as nginx does, or by the host that was called, needs a
    token; so does a page in a browser here.
    """
    peer = connection_of(request).peer_address
    if peer is None or not ipaddress.ip_address(peer.partition("%")[0]).is_loopback:
        return False
    if services.proxies.are_known or request.version < HttpVersion11:
        return False
    headers = request.headers
    is_proxied = any(name in headers for name in _PROXY_HEADERS) or any(
        name.lower().startswith(_PROXY_PREFIX) for name in headers
    )
    return not is_proxied and is_loopback(request.host) and not is_from_browser(headers)

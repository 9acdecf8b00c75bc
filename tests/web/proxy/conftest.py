"""Fixtures: each documented proxy in turn, in front of a server."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest

from tests.clock import ManualClock
from tests.web.local_server import LocalServer, running_server
from tests.web.proxy.real_proxy import (
    PROXIES,
    Configure,
    RealProxy,
    open_session,
    running_proxy,
)

#: How long polls are held, in seconds.
HOLD = 0.55


@attrs.frozen
class ProxiedServer:
    """A server, directly and by way of its proxy."""

    direct: LocalServer
    proxied: LocalServer
    proxy: RealProxy


@pytest.fixture(name="configure", params=PROXIES)
def _configure(request: pytest.FixtureRequest) -> Configure:
    """Return what configures each proxy in turn."""
    return PROXIES[request.param]


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server as the files say that it be started."""
    async with running_server(
        database, clock, trusted_proxies="127.0.0.1", hold=HOLD
    ) as server:
        yield server


@pytest.fixture(name="pair")
async def _pair(
    server: LocalServer, configure: Configure, tmp_path: Path
) -> AsyncIterator[ProxiedServer]:
    """Return a server with a proxy in front."""
    upstream = urlsplit(server.url).netloc
    async with (
        running_proxy(configure, tmp_path / "proxy", upstream) as proxy,
        open_session() as session,
    ):
        yield ProxiedServer(server, proxy.in_front_of(server, session), proxy)

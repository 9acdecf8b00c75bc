"""Fixtures for subscriptions: a server that may call the loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import LocalServer, running_server


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may go to the loopback."""
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server

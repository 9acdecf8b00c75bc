"""Fixtures for subscriptions: a server that may call the loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.site import Site, standing


@pytest.fixture(name="site")
async def _site(database: str, clock: ManualClock) -> AsyncIterator[Site]:
    """Return a server whose webhooks may stay on the loopback."""
    networks = "127.0.0.0/8"
    async with standing(database, clock, webhook_allow_networks=networks) as site:
        yield site

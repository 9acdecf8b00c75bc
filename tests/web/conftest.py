"""Fixtures for the faces: a server in this process."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.site import Site, standing


@pytest.fixture(name="site")
async def _site(database: str, clock: ManualClock) -> AsyncIterator[Site]:
    """Return a server with the settings that nobody changed."""
    async with standing(database, clock) as site:
        yield site

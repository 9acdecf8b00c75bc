"""Fixtures for the faces: a server in this process."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import LocalServer, running_server


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with the default settings."""
    async with running_server(database, clock) as server:
        yield server

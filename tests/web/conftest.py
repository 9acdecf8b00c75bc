"""Fixtures for the faces: a server in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clock import ManualClock
from tests.web.site import Site, standing


@pytest.fixture(name="site")
async def _site(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Site]:
    """Return a server with the settings that nobody changed."""
    async with standing(tmp_path, clock) as site:
        yield site

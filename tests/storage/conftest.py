"""Fixtures: each store in turn, empty."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pushserver.storage.base import Store
from tests.clock import ManualClock
from tests.storage.places import BACKENDS, Place, opened


@pytest.fixture(name="place", params=BACKENDS)
def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return where each store in turn keeps its data."""
    return BACKENDS[request.param](tmp_path)


@pytest.fixture(name="store")
async def _store(place: Place, clock: ManualClock) -> AsyncIterator[Store]:
    """Return each store in turn, empty; a test that takes it is a test of all."""
    async with opened(place, clock) as store:
        yield store

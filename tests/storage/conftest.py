"""Fixtures: each store in turn, empty."""

from collections.abc import AsyncIterator

import pytest

from pushserver.model.task import Task
from pushserver.storage.base import Store
from tests.clock import ManualClock
from tests.scopes import add_marked_scopes
from tests.storage.cluster import ServerPair
from tests.storage.cluster import open_server as shared
from tests.storage.locations import LOCATIONS, StoreLocation, open_store
from tests.storage.notice_recorder import record_notices
from tests.storage.operations import steps_of, task


@pytest.fixture(name="location")
def _location(backend: str, database: str) -> StoreLocation:
    """Return where each store in turn keeps its data."""
    return LOCATIONS[backend](database)


@pytest.fixture(name="store")
async def _store(
    location: StoreLocation, clock: ManualClock, request: pytest.FixtureRequest
) -> AsyncIterator[Store]:
    """Return each store in turn, empty; a test that takes it is a test of all."""
    async with open_store(location, clock) as store:
        await add_marked_scopes(request, store, clock)
        yield store


@pytest.fixture(name="two_step_task")
async def _two_step_task(store: Store) -> Task:
    """Return a task of two steps, without operations."""
    created = task(step_count=2)
    await store.tasks.add_task(created, steps_of(created.id, 2))
    return created


@pytest.fixture(name="pair")
async def _pair(database: str) -> AsyncIterator[ServerPair]:
    """Return two servers' stores over one database; the first one leads."""
    async with shared(database) as a, shared(database) as b:
        # The first one sends no notices until it has heard that there is another.
        await a.member.catch_up()
        yield ServerPair(a, b, record_notices(b))

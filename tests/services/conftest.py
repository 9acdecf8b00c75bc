"""Fixtures: the services over a store, as the program puts them together."""

from collections.abc import AsyncIterator

import pytest

from pushserver.composition import build_services, open_store
from pushserver.settings import Settings
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.services.desk import Desk
from tests.services.work import WorkDesk, at_work


@pytest.fixture(name="services")
async def _services(database: str, clock: ManualClock) -> AsyncIterator[Services]:
    """Return every service over an empty store; workers are called by hand."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    services = build_services(settings, store, clock)
    await services.fleet.load()
    yield services
    services.holds.close()
    services.outcomes.close()
    await services.polling.chores.finish()
    await store.close()


@pytest.fixture(name="desk")
def _desk(services: Services, clock: ManualClock) -> Desk:
    """Return a program and its device, who ask the services."""
    return Desk(services, clock)


@pytest.fixture(name="work")
async def _work(database: str, clock: ManualClock) -> AsyncIterator[WorkDesk]:
    """Return a program that has devices do longer work."""
    async with at_work(database, clock) as desk:
        yield desk

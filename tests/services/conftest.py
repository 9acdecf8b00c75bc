"""Fixtures: the services over a store, as the program puts them together."""

from collections.abc import AsyncIterator

import pytest

from pushserver.composition import build_services
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.online_monitor import OnlineMonitor
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.scopes import add_marked_scopes
from tests.services.driver import ServiceDriver
from tests.services.online_devices import online_monitor
from tests.services.operation_driver import OperationDriver, running_services


@pytest.fixture(name="services")
async def _services(
    database: str, clock: ManualClock, request: pytest.FixtureRequest
) -> AsyncIterator[Services]:
    """Return every service over an empty store; workers are called by hand."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    await add_marked_scopes(request, store, clock)
    services = build_services(settings, store, clock)
    await services.devices.load()
    yield services
    services.holds.close()
    services.completion_waiters.close()
    await services.lanes.background_tasks.wait_all()
    await store.close()


@pytest.fixture(name="driver")
def _driver(services: Services, clock: ManualClock) -> ServiceDriver:
    """Return a driver of the services."""
    return ServiceDriver(services, clock)


@pytest.fixture(name="operation_driver")
async def _operation_driver(
    database: str, clock: ManualClock, request: pytest.FixtureRequest
) -> AsyncIterator[OperationDriver]:
    """Return a driver of operations and tasks."""
    async with running_services(database, clock) as driver:
        await add_marked_scopes(request, driver.services.store, clock)
        yield driver


@pytest.fixture(name="monitor")
async def _monitor(services: Services) -> OnlineMonitor:
    """Return the online monitor, with one device that has never been seen."""
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    return online_monitor(services)

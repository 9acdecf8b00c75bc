"""Fixtures of webhooks."""

import ipaddress
from collections.abc import AsyncIterator

import pytest

from pushserver.services.guard import Guard
from pushserver.workers.webhooks.sender import Sender
from tests.clock import ManualClock
from tests.workers.webhooks.office import Office, working

LOOPBACK = Guard(networks=[ipaddress.ip_network("127.0.0.0/8")])


@pytest.fixture(name="sender")
async def _sender() -> AsyncIterator[Sender]:
    """Return a sender that may reach the loopback."""
    async with Sender(LOOPBACK, "1.2.3") as sender:
        yield sender


@pytest.fixture(name="hasty")
async def _hasty() -> AsyncIterator[Sender]:
    """Return a sender that does not wait long."""
    async with Sender(LOOPBACK, "1.2.3", timeout=1.0) as sender:
        yield sender


@pytest.fixture(name="office")
async def _office(
    database: str, clock: ManualClock, hasty: Sender
) -> AsyncIterator[Office]:
    """Return an office whose sender does not wait long."""
    async with working(database, clock, hasty) as office:
        yield office

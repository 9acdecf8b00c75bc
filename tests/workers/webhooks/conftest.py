"""Fixtures of webhooks."""

import ipaddress
from collections.abc import AsyncIterator

import pytest

from pushserver.services.ssrf_guard import SsrfGuard
from pushserver.workers.webhooks.sender import WebhookSender
from tests.clock import ManualClock
from tests.workers.webhooks.driver import WebhookDriver, running_webhooks

LOOPBACK = SsrfGuard(networks=[ipaddress.ip_network("127.0.0.0/8")])


@pytest.fixture(name="sender")
async def _sender() -> AsyncIterator[WebhookSender]:
    """Return a sender that may reach the loopback."""
    async with WebhookSender(LOOPBACK, "1.2.3") as sender:
        yield sender


@pytest.fixture(name="short_timeout_sender")
async def _short_timeout_sender() -> AsyncIterator[WebhookSender]:
    """Return a sender with a short timeout."""
    async with WebhookSender(LOOPBACK, "1.2.3", timeout=1.0) as sender:
        yield sender


@pytest.fixture(name="driver")
async def _driver(
    database: str, clock: ManualClock, short_timeout_sender: WebhookSender
) -> AsyncIterator[WebhookDriver]:
    """Return a driver whose sender has a short timeout."""
    async with running_webhooks(database, clock, short_timeout_sender) as driver:
        yield driver

"""What a delivery costs: calls of the database's threads, each two thread hops."""

from collections.abc import Callable
from typing import Any

import pytest

from pushserver.model.subscription import WebhookState
from pushserver.storage.sqlite.connection import SqliteConnection
from pushserver.workers.webhooks.delivery_source import RECHECK_INTERVAL
from tests.clock import ManualClock
from tests.workers.webhooks.driver import WebhookDriver, run_until_idle
from tests.workers.webhooks.receiver import respond_with, running_receiver


@pytest.fixture(name="calls")
def _calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return every call of a database thread from now on."""
    calls: list[object] = []
    run = SqliteConnection.run

    async def counted(self: SqliteConnection, work: Callable[[Any], Any]) -> Any:
        calls.append(work)
        return await run(self, work)

    monkeypatch.setattr(SqliteConnection, "run", counted)
    return calls


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("ordered", [False, True])
async def test_one_event(
    driver: WebhookDriver, calls: list[object], ordered: bool
) -> None:
    """An event takes a read and a write from its commit to its recorded delivery."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=ordered)
        await run_until_idle(worker)
        await driver.emit_events()
        calls.clear()
        await run_until_idle(worker)

    assert 1 == len(receiver.requests)
    assert 2 == len(calls)


@pytest.mark.only_on("sqlite")
async def test_many_events(driver: WebhookDriver, calls: list[object]) -> None:
    """Events of one batch share its read and its write."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        await run_until_idle(worker)
        await driver.emit_events(10)
        calls.clear()
        await run_until_idle(worker)

    assert 10 == len(receiver.requests)
    assert 2 == len(calls)


async def test_redelivered_elsewhere(driver: WebhookDriver, clock: ManualClock) -> None:
    """A redelivery that another server wrote is sent while new events keep coming."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)
        delivery = await driver.only_delivery(worker)
        delivery.state, delivery.next_attempt_at = WebhookState.PENDING, 0
        await driver.services.store.subscriptions.requeue_delivery(delivery)
        clock.tick(RECHECK_INTERVAL)
        await driver.emit_events()
        await run_until_idle(worker)

    assert 3 == len(receiver.requests)

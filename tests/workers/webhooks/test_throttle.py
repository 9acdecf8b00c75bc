"""Deliveries leave while no device calls, and some of them in any case."""

import asyncio
import itertools

from pushserver.workers.webhooks.throttle import MAX_WAIT, QUIET_PERIOD, Throttle
from tests.devices import terminal
from tests.workers.webhooks.driver import WebhookDriver, run_until_idle
from tests.workers.webhooks.receiver import respond_with, running_receiver


async def seconds_taken(pace: Throttle, turns: int) -> float:
    """Return how long (seconds) so many simultaneous turns take."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    await asyncio.gather(*(pace.wait_turn() for _ in range(turns)))
    return loop.time() - started_at


async def test_nobody_calls() -> None:
    """While nobody calls one look is enough for each turn, once that is known."""
    checks = 0

    def calls() -> int:
        nonlocal checks
        checks += 1
        return 7

    pace = Throttle(calls)
    await pace.wait_turn()
    checks_before = checks
    await seconds_taken(pace, 20)

    assert 20 == checks - checks_before


async def test_quiet_is_no_instant() -> None:
    """Nobody calls only when nobody has called for a while."""
    assert QUIET_PERIOD <= await seconds_taken(Throttle(lambda: 7), 1)


async def test_busy() -> None:
    """While devices call, one at a time leaves, each after its patience."""
    busy = Throttle(itertools.count().__next__)

    assert 5 * MAX_WAIT <= await seconds_taken(busy, 5)


async def test_broken_off() -> None:
    """A turn that is canceled while it waits holds up nobody."""
    pace = Throttle(itertools.count().__next__)
    first = asyncio.create_task(pace.wait_turn())
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(15):
        await pace.wait_turn()

    assert first.cancelled()


async def test_calls(driver: WebhookDriver) -> None:
    """Polls and results count as calls, so a worker gives way to devices."""
    admission = driver.services.admission
    for device_id in (1, 2, 1):
        admission.admit(terminal(device_id), None, "192.0.2.7")

    assert 3 == admission.request_count


async def test_worker_waits(driver: WebhookDriver) -> None:
    """A worker keeps the pace, and everything is sent in the end."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        worker.throttle = Throttle(itertools.count().__next__)
        await driver.emit_events(5)
        started_at = asyncio.get_running_loop().time()
        await run_until_idle(worker)
        took = asyncio.get_running_loop().time() - started_at
        assert 5 == len(receiver.requests)

    assert 5 * MAX_WAIT <= took

"""A hanging receiver holds up nothing else: neither sending nor writing."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from pushserver.model.event import Event, EventType
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.worker import MAX_CONCURRENT_SENDS, WebhookWorker
from tests.clock import ManualClock
from tests.workers.webhooks.driver import (
    DONE,
    PENDING,
    WebhookDriver,
    message_ids,
    never_answer,
    running_webhooks,
    webhook_ids,
)
from tests.workers.webhooks.receiver import Responder, respond_with, running_receiver


@pytest.fixture(name="driver")
async def _driver(
    database: str, clock: ManualClock, sender: WebhookSender
) -> AsyncIterator[WebhookDriver]:
    """Return an office whose sender waits for longer than any test."""
    async with running_webhooks(database, clock, sender) as driver:
        yield driver


def hanging_if(hangs: Callable[[str], bool]) -> Responder:
    """Return what does not answer some `webhook-id`s, and 200 to the others."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if hangs(request.headers["webhook-id"]):
            await never_answer(request)
        return web.Response()

    return answer


async def until_done(driver: WebhookDriver, worker: WebhookWorker, count: int) -> None:
    """Run the worker until so many are recorded as delivered."""
    async with asyncio.timeout(15):
        while len(await driver.deliveries(worker, DONE)) < count:
            await worker.run_once()


def expected_ids(events: list[Event], worker: WebhookWorker, *but: int) -> list[str]:
    """Return the ids of these events but those at some places."""
    rest = [event for place, event in enumerate(events) if place not in but]
    return message_ids(rest, worker)


@pytest.mark.parametrize("ordered", [False, True])
async def test_written_soon(driver: WebhookDriver, *, ordered: bool) -> None:
    """What came back is written while something hangs; that waits, and is not lost."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=ordered)
        events = [(await driver.emit_events(1, device=n))[0] for n in range(10)]
        receiver.respond = hanging_if(message_ids(events, worker)[3].__eq__)
        await until_done(driver, worker, 9)
        done = await driver.deliveries(worker, DONE)
        (waiting,) = await driver.deliveries(worker, PENDING)
        worker.cancel()

        assert expected_ids(events, worker, 3) == [each.message_id for each in done]
        assert (events[3].id, []) == (waiting.event_id, waiting.attempts)
        assert events[-1].id == worker.subscription.cursor

        receiver.respond = respond_with()
        await until_done(driver, await driver.restarted_worker(worker), 10)

    assert {*message_ids(events, worker)} == {*webhook_ids(receiver.requests)}


async def test_next_ones(driver: WebhookDriver) -> None:
    """While some hang everything else is sent, however much it is."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        events = list(await driver.emit_events(300))
        dead = set(message_ids(events, worker)[: MAX_CONCURRENT_SENDS - 1])
        receiver.respond = hanging_if(dead.__contains__)
        await until_done(driver, worker, 301 - MAX_CONCURRENT_SENDS)
        events += await driver.emit_events(5)
        await until_done(driver, worker, 306 - MAX_CONCURRENT_SENDS)
        worker.cancel()

    assert message_ids(events, worker) == sorted(webhook_ids(receiver.requests))


async def test_behind_what_hangs(driver: WebhookDriver) -> None:
    """Ordered, what comes after what hangs waits for it, and for nobody else's."""
    open_up = asyncio.Event()
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)
        events = [(await driver.emit_events(1, device=n % 2))[0] for n in range(6)]

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            if request.headers["webhook-id"] == message_ids(events, worker)[0]:
                await open_up.wait()
            return web.Response()

        receiver.respond = answer
        await until_done(driver, worker, 3)
        events += [(await driver.emit_events(1, device=n % 2))[0] for n in range(4)]
        await until_done(driver, worker, 5)
        sent = webhook_ids(receiver.requests)
        open_up.set()
        await until_done(driver, worker, 10)

    assert sorted([*message_ids(events[1::2], worker), sent[0]]) == sorted(sent)
    rest = [each for each in webhook_ids(receiver.requests) if each not in sent[1:]]
    assert message_ids(events[::2], worker) == rest


async def test_not_wanted(driver: WebhookDriver) -> None:
    """What nobody wants is passed over while something hangs."""
    async with running_receiver(never_answer) as receiver:
        worker = await driver.subscribe(
            receiver, events=frozenset({EventType.DEVICE_ONLINE}), device_ids={1, 2}
        )
        events = [*await driver.emit_events(1, device=1)]
        await worker.run_once()
        receiver.respond = respond_with()
        await driver.emit_events(500, device=3)
        events += await driver.emit_events(1, device=2)
        await until_done(driver, worker, 1)
        worker.cancel()

    assert message_ids(events, worker) == webhook_ids(receiver.requests)


async def test_bounded(driver: WebhookDriver) -> None:
    """No more than some are on their way to one receiver at the same time."""
    open_now, most = 0, 0
    together = asyncio.Barrier(MAX_CONCURRENT_SENDS)

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await together.wait()
        # Time for whoever comes too early to be seen.
        for _ in range(20):
            await driver.services.store.subscriptions.newest_event_id()
        open_now -= 1
        return web.Response()

    async with running_receiver(answer) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(4 * MAX_CONCURRENT_SENDS)
        await until_done(driver, worker, 4 * MAX_CONCURRENT_SENDS)

    assert most == MAX_CONCURRENT_SENDS

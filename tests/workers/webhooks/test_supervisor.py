"""All workers at once: none waits for another's receiver."""

import asyncio
from contextlib import AsyncExitStack

from aiohttp import web
from structlog.testing import capture_logs

from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.web.local_server import wait_until
from tests.workers.webhooks.driver import (
    DONE,
    WebhookDriver,
    message_ids,
    never_answer,
    webhook_ids,
)
from tests.workers.webhooks.receiver import respond_with, running_receiver


async def test_sent_at_once(driver: WebhookDriver) -> None:
    """An event is sent at once, without anybody checking now and then."""
    supervisor = driver.make_supervisor()
    async with (
        running_receiver(respond_with()) as receiver,
        supervisor.stopping_workers(),
    ):
        worker = await driver.subscribe(receiver)
        assert 1 == await supervisor.update_workers()
        assert 0 == await supervisor.update_workers()
        events = await driver.emit_events(3)
        await wait_until(lambda: len(receiver.requests) == 3)

    assert message_ids(events, worker) == sorted(webhook_ids(receiver.requests))


async def test_dead_receivers_hold_up_nobody(driver: WebhookDriver) -> None:
    """Receivers that hang delay no other, however many they are."""
    supervisor = driver.make_supervisor()
    async with AsyncExitStack() as stack:
        for _ in range(5):
            dead = await stack.enter_async_context(running_receiver(never_answer))
            await driver.subscribe(dead)
        well = await stack.enter_async_context(running_receiver(respond_with()))
        worker = await driver.subscribe(well)
        await stack.enter_async_context(supervisor.stopping_workers())
        assert 6 == await supervisor.update_workers()
        events = await driver.emit_events(100)
        async with asyncio.timeout(15):
            await wait_until(lambda: len(well.requests) == 100)

    assert message_ids(events, worker) == sorted(webhook_ids(well.requests))


async def test_deleted(driver: WebhookDriver) -> None:
    """A deleted subscription gets nothing more, and what is under way is cut off."""
    supervisor = driver.make_supervisor()
    async with (
        running_receiver(never_answer) as receiver,
        supervisor.stopping_workers(),
    ):
        worker = await driver.subscribe(receiver)
        await supervisor.update_workers()
        await driver.emit_events()
        await receiver.arrived.wait()
        subscriptions, which = driver.services.subscriptions, worker.subscription.id
        await subscriptions.delete(DEFAULT_SCOPE_ID, which)
        gone = await supervisor.update_workers()

        assert (1, {}) == (gone, dict(subscriptions.registry.workers))
    assert 1 == len(receiver.requests)


async def test_wrong_with_us(driver: WebhookDriver) -> None:
    """What goes wrong with us is logged, and tried again."""
    supervisor, away = driver.make_supervisor(), asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        await away.wait()
        return web.Response()

    async with running_receiver(answer) as receiver, supervisor.stopping_workers():
        worker = await driver.subscribe(receiver)
        await supervisor.update_workers()
        events = await driver.emit_events()

        async def is_done() -> bool:
            return len(await driver.deliveries(worker, DONE)) == 1

        with capture_logs() as logs:
            async with driver.failing_commits():
                away.set()
                await wait_until(lambda: bool(logs))
            await wait_until(is_done)

    assert {"webhooks.store_away"} == {each["event"] for each in logs}
    assert message_ids(events, worker) == webhook_ids(receiver.requests)


async def test_stopped(driver: WebhookDriver) -> None:
    """A stopping server waits for no receiver; the rest is sent after the start."""
    supervisor = driver.make_supervisor()
    async with running_receiver(never_answer) as receiver:
        async with supervisor.stopping_workers():
            worker = await driver.subscribe(receiver)
            await supervisor.update_workers()
            events = await driver.emit_events(3)
            await receiver.arrived.wait()
        receiver.respond = respond_with()
        again = driver.make_supervisor()
        async with again.stopping_workers():
            await again.update_workers()
            await wait_until(lambda: len(set(webhook_ids(receiver.requests))) == 3)

    assert set(message_ids(events, worker)) == set(webhook_ids(receiver.requests))

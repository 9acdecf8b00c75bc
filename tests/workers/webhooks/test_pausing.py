"""A receiver that is unreachable is paused, probed, and sent the rest later."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.retry_policy import RetryProfile
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import SubscriptionHealth
from tests.clock import START
from tests.workers.webhooks.driver import (
    DONE,
    PENDING,
    WebhookDriver,
    message_ids,
    run_until_idle,
    webhook_ids,
)
from tests.workers.webhooks.receiver import respond_with, running_receiver

MINUTE = 60


async def test_paused(driver: WebhookDriver) -> None:
    """Twenty failures in a row, over five minutes, and the receiver is left alone."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(30)
        await run_until_idle(worker)
        at_once = worker.subscription.health
        driver.clock.tick(5 * MINUTE)
        await run_until_idle(worker)

    assert SubscriptionHealth.ACTIVE is at_once
    assert (
        SubscriptionHealth.PAUSED
        is (await driver.restarted_worker(worker)).subscription.health
    )


async def test_not_paused(driver: WebhookDriver) -> None:
    """A success in between, and the failures are counted anew."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(19)
        await run_until_idle(worker)
        receiver.respond = respond_with()
        await driver.emit_events()
        await run_until_idle(worker)
        receiver.respond = respond_with(500)
        driver.clock.tick(10 * MINUTE)
        await driver.emit_events()
        await run_until_idle(worker)

    assert SubscriptionHealth.ACTIVE is worker.subscription.health


async def test_huawei_paused(driver: WebhookDriver) -> None:
    """Ten failures in a row, and that profile pauses at once."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        await driver.emit_events(9)
        await run_until_idle(worker)
        nine = worker.subscription.health
        await driver.emit_events()
        await run_until_idle(worker)

    assert (SubscriptionHealth.ACTIVE, SubscriptionHealth.PAUSED) == (
        nine,
        worker.subscription.health,
    )


async def test_probed_and_resumed(driver: WebhookDriver) -> None:
    """A paused receiver is tried once a minute; when it is back it gets everything."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        events = [*await driver.emit_events(10)]
        await run_until_idle(worker)
        events += await driver.emit_events(200)
        tried = []
        for _ in range(3):
            before = len(receiver.requests)
            await run_until_idle(worker)
            driver.clock.tick(MINUTE - 1)
            await run_until_idle(worker)
            driver.clock.tick(1)
            await run_until_idle(worker)
            tried.append(len(receiver.requests) - before)
        receiver.respond = respond_with()
        driver.clock.tick(MINUTE)
        await run_until_idle(worker)

    assert [1, 1, 1] == tried
    assert SubscriptionHealth.ACTIVE is worker.subscription.health
    assert set(message_ids(events, worker)) == set(webhook_ids(receiver.requests))
    assert {DONE} == {each.state for each in await driver.deliveries(worker)}


async def test_resumed_at_once(driver: WebhookDriver) -> None:
    """A receiver that is back gets at once what would have had to wait for long."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(30)
        await run_until_idle(worker)
        driver.clock.tick(5.5 * MINUTE)
        await run_until_idle(worker)
        paused = worker.subscription.health
        receiver.respond = respond_with()
        await driver.emit_events()
        driver.clock.tick(MINUTE)
        await run_until_idle(worker)

    assert SubscriptionHealth.PAUSED is paused
    assert [DONE] * 31 == [each.state for each in await driver.deliveries(worker)]


@pytest.mark.parametrize("profile", list(RetryProfile))
async def test_probes_use_up_nothing(
    driver: WebhookDriver, profile: RetryProfile
) -> None:
    """However often a receiver is probed, no event is given up before its time."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver, profile=profile)
        await driver.emit_events()
        for _ in range(8 if profile is RetryProfile.HUAWEI else 6 * 60):
            await run_until_idle(worker)
            driver.clock.tick(MINUTE)
        tried = await driver.only_delivery(worker)

    assert PENDING is tried.state


async def test_paused_after_restart(driver: WebhookDriver) -> None:
    """A paused subscription stays so over a restart, is probed, and resumes."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        await driver.emit_events(10)
        await run_until_idle(worker)
        again = await driver.restarted_worker(worker)
        await driver.emit_events()
        await run_until_idle(again)
        probes = len(receiver.requests) - 10
        receiver.respond = respond_with()
        driver.clock.tick(MINUTE)
        await run_until_idle(again)

    assert 1 == probes
    assert SubscriptionHealth.ACTIVE is again.subscription.health
    assert {DONE} == {each.state for each in await driver.deliveries(again)}


async def test_resumed_in_order(driver: WebhookDriver) -> None:
    """Ordered, what gathered during a pause comes in order for each device."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(
            receiver, ordered=True, profile=RetryProfile.HUAWEI
        )
        events = [
            event
            for number in range(40)
            for event in await driver.emit_events(device=number % 12)
        ]
        await run_until_idle(worker)
        paused = worker.subscription.health
        before = len(receiver.requests)
        receiver.respond = respond_with()
        driver.clock.tick(MINUTE)
        await run_until_idle(worker)

    assert SubscriptionHealth.PAUSED is paused
    sent = webhook_ids(receiver.requests)[before:]
    for device in range(12):
        own = [event for event in events if event.device_id == device]
        mine = message_ids(own, worker)
        assert mine == [each for each in sent if each in mine]


async def test_enabled_by_hand(driver: WebhookDriver) -> None:
    """A subscription enabled by hand is sent new events without waiting for a probe."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        await driver.emit_events(10)
        await run_until_idle(worker)
        receiver.respond = respond_with()
        await driver.services.subscriptions.set_enabled(
            DEFAULT_SCOPE_ID, worker.subscription.id, enabled=True
        )
        events = await driver.emit_events(5)
        await run_until_idle(worker)

    sent = webhook_ids(receiver.requests)[-5:]
    assert message_ids(events, worker) == sorted(sent)
    assert START == driver.clock.now() < START + SECOND

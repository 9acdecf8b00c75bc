"""Retries: when, how often, in which order, and when no more."""

import pytest
from aiohttp import web

from pushserver.model.retry_policy import RETRY_POLICIES, RetryProfile
from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.clock import START
from tests.storage.cluster import wait_until_leading
from tests.workers.webhooks.driver import (
    DEAD,
    DONE,
    PENDING,
    WebhookDriver,
    answer_500_if,
    answer_in_sequence,
    message_ids,
    never_answer,
    run_until_idle,
    webhook_ids,
)
from tests.workers.webhooks.receiver import respond_with, running_receiver

MINUTE, HOUR = 60, 3600
STANDARD = [
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
]


def test_huawei_gives_up_after_ten_minutes() -> None:
    """The waits of that profile are the ten minutes that Huawei retries for."""
    rules = RETRY_POLICIES[RetryProfile.HUAWEI]

    assert 10 * MINUTE == sum(rules.delays)
    assert 15 == rules.delays[0]
    assert frozenset({501, 502, 503, 504}) == rules.retry_statuses


async def follow_wall_clock(driver: WebhookDriver, jump: int) -> None:
    """Let the wall clock jump, and the server notice."""
    driver.clock.jump(jump)
    await wait_until_leading(driver.services.store)
    for _ in range(2):
        await driver.services.clock_watch.follow()


@pytest.mark.parametrize("jump", [-HOUR, HOUR, 87_600 * HOUR])
async def test_wall_clock(driver: WebhookDriver, jump: int) -> None:
    """A wall clock that jumps between two attempts hurries and delays none."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)
        await follow_wall_clock(driver, jump)
        driver.clock.tick(4.9)
        await run_until_idle(worker)
        before = len(receiver.requests)
        driver.clock.tick(0.7)
        await run_until_idle(worker)

    assert (1, 2) == (before, len(receiver.requests))


@pytest.mark.parametrize("profile", list(RetryProfile))
async def test_waits(driver: WebhookDriver, profile: RetryProfile) -> None:
    """Each wait is as the profile has it, and a little more; then the event is dead."""
    expected = {
        RetryProfile.STANDARD: STANDARD,
        RetryProfile.HUAWEI: list(RETRY_POLICIES[RetryProfile.HUAWEI].delays),
    }[profile]
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver, profile=profile)
        events = await driver.emit_events()
        await run_until_idle(worker)
        waits = []
        while (await driver.only_delivery(worker)).state is PENDING:
            waits.append(await driver.tick_until_due(worker))
            await run_until_idle(worker)

    assert len(expected) == len(waits)
    assert all(
        wait <= waited <= 1.1 * wait
        for wait, waited in zip(expected, waits, strict=True)
    )
    assert (1 + len(waits)) * message_ids(events, worker) == webhook_ids(
        receiver.requests
    )
    dead = await driver.only_delivery(worker)
    assert (DEAD, None, 1 + len(waits)) == (
        dead.state,
        dead.next_attempt_at,
        len(dead.attempts),
    )


@pytest.mark.parametrize(
    ("status", "again"),
    [(500, False), (404, False), (429, False), (302, False), (501, True), (504, True)],
)
async def test_worth_another_try(
    driver: WebhookDriver, status: int, *, again: bool
) -> None:
    """Huawei's platforms try again after 501 to 504, and after nothing else."""
    async with running_receiver(respond_with(status)) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        await driver.emit_events()
        await run_until_idle(worker)

    assert (PENDING if again else DEAD) is (await driver.only_delivery(worker)).state


async def test_no_answer_is_worth_another_try(driver: WebhookDriver) -> None:
    """And after no answer at all."""
    async with running_receiver(never_answer) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        await driver.emit_events()
        await run_until_idle(worker)

        assert PENDING is (await driver.only_delivery(worker)).state
        assert 15 <= await driver.tick_until_due(worker) <= 16.5


async def test_dead_letters(driver: WebhookDriver) -> None:
    """What was given up is listed, and can be sent again: one, or all of a time."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver, profile=RetryProfile.HUAWEI)
        events = await driver.emit_events(3)
        await run_until_idle(worker)
        dead = await driver.deliveries(worker, DEAD)
        first = webhook_ids(receiver.requests)
        receiver.respond = respond_with()
        deliveries, which = driver.services.webhook_deliveries, worker.subscription.id
        await deliveries.redeliver(DEFAULT_SCOPE_ID, which, events[1].id)
        await run_until_idle(worker)
        left = await driver.deliveries(worker, DEAD)
        assert 2 == await deliveries.recover(DEFAULT_SCOPE_ID, which, START)
        await run_until_idle(worker)

    every = message_ids(events, worker)
    assert every == [each.message_id for each in dead]
    assert [events[0].id, events[2].id] == [each.event_id for each in left]
    assert every == sorted(first)
    assert [every[1], every[0], every[2]] == [
        webhook_ids(receiver.requests)[3],
        *sorted(webhook_ids(receiver.requests)[4:]),
    ]
    done = await driver.deliveries(worker)
    assert [(DONE, 2)] * 3 == [(each.state, len(each.attempts)) for each in done]


async def test_sent_again(driver: WebhookDriver) -> None:
    """What was delivered can be sent again, with the same id and the same body."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        (event,) = await driver.emit_events()
        await run_until_idle(worker)
        await driver.services.webhook_deliveries.redeliver(
            DEFAULT_SCOPE_ID, worker.subscription.id, event.id
        )
        await run_until_idle(worker)

    first, second = receiver.requests
    assert (first.body, first.headers["webhook-id"]) == (
        second.body,
        second.headers["webhook-id"],
    )


async def test_in_order(driver: WebhookDriver) -> None:
    """Ordered, a device's events come one after the other; others are not held up."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)
        first = await driver.emit_events(3, device=1)
        second = await driver.emit_events(3, device=2)
        bad = message_ids(first, worker)[1]
        receiver.respond = answer_500_if(lambda message_id: message_id == bad)
        await run_until_idle(worker)
        later = await driver.emit_events(2, device=1)
        third = await driver.emit_events(2, device=3)
        await run_until_idle(worker)
        so_far = webhook_ids(receiver.requests)
        receiver.respond = respond_with()
        driver.clock.tick(6)
        await run_until_idle(worker)

    of_device = message_ids([*first, *later], worker)
    others = message_ids([*second, *third], worker)
    assert {*of_device[:2], *others} == set(so_far)
    assert others == [each for each in webhook_ids(receiver.requests) if each in others]
    mine = [each for each in webhook_ids(receiver.requests) if each in of_device]
    assert [*of_device[:2], *of_device[1:]] == mine


async def test_in_order_and_dead(driver: WebhookDriver) -> None:
    """Ordered, an event that is given up makes way for the next."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(
            receiver, ordered=True, profile=RetryProfile.HUAWEI
        )
        events = await driver.emit_events(3)
        receiver.respond = answer_in_sequence(500)
        await run_until_idle(worker)

    assert message_ids(events, worker) == webhook_ids(receiver.requests)
    states = [each.state for each in await driver.deliveries(worker)]
    assert [DEAD, DONE, DONE] == states


async def test_in_order_at_rest(driver: WebhookDriver) -> None:
    """Ordered, what waits behind a failure keeps nobody awake."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)
        await driver.emit_events(3)

        assert await run_until_idle(worker) >= 5
        assert 1 == len(receiver.requests)


async def test_in_order_one_at_a_time(driver: WebhookDriver) -> None:
    """Ordered, a device's next event leaves when the one before was answered."""
    open_now, most = 0, 0

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await driver.services.store.subscriptions.newest_event_id()
        open_now -= 1
        return web.Response()

    async with running_receiver(answer) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)
        events = await driver.emit_events(100)
        await run_until_idle(worker)

    assert message_ids(events, worker) == webhook_ids(receiver.requests)
    assert 1 == most

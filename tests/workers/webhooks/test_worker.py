"""The webhook worker: which events it takes, and what it makes of each answer."""

import json
import time
from email.utils import formatdate

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from pushserver.clock import SECOND
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import SubscriptionHealth
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.worker import MAX_CONCURRENT_SENDS
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE
from tests.workers.webhooks.driver import (
    DEAD,
    DONE,
    PENDING,
    WebhookDriver,
    answer_in_sequence,
    message_ids,
    never_answer,
    reset_connection,
    run_until_idle,
    running_webhooks,
    webhook_ids,
)
from tests.workers.webhooks.receiver import Responder, respond_with, running_receiver

NOW = START // SECOND


async def test_delivered(driver: WebhookDriver) -> None:
    """Every event is sent once, and the receiver's answer is stored."""
    async with running_receiver(respond_with(text="thanks")) as receiver:
        worker = await driver.subscribe(receiver)
        events = await driver.emit_events(150)
        assert await run_until_idle(worker) > 1

    assert message_ids(events, worker) == sorted(webhook_ids(receiver.requests))
    done = await driver.deliveries(worker)
    assert [DONE] * 150 == [each.state for each in done]
    (attempt,) = done[0].attempts
    assert (START, 200, "thanks", None) == (
        attempt.at,
        attempt.status,
        attempt.answer,
        attempt.error,
    )
    assert 0 < attempt.duration < 10 * SECOND
    assert events[-1].id == worker.subscription.cursor
    assert START == worker.subscription.last_success_at


async def test_body(driver: WebhookDriver) -> None:
    """What is sent is the event, in the body of its format."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)

    (request,) = receiver.requests
    assert {
        "type": "device.online",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "data": {
            "deviceId": str(DEVICE),
            "lastSeenAt": "2026-01-01T00:00:00.000000Z",
        },
    } == json.loads(request.body)


async def test_not_wanted(driver: WebhookDriver) -> None:
    """What a subscription does not want is passed over, once."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(
            receiver, events=frozenset({EventType.TASK_FINISHED})
        )
        events = await driver.emit_events(100)
        await run_until_idle(worker)

    assert [] == receiver.requests
    assert [] == await driver.deliveries(worker)
    assert events[-1].id == worker.subscription.cursor


async def test_not_before_it_was_made(driver: WebhookDriver) -> None:
    """A subscription gets the events since it was created."""
    await driver.emit_events()
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        events = await driver.emit_events()
        await run_until_idle(worker)

    assert message_ids(events, worker) == webhook_ids(receiver.requests)


FAILURES: dict[str, tuple[Responder, int | None, str]] = {
    "500": (respond_with(500, "oops"), 500, "answered 500"),
    "404": (respond_with(404), 404, "answered 404"),
    "hangs": (never_answer, None, "No answer within"),
    "resets": (reset_connection, None, "broke before the answer"),
    "redirects": (
        respond_with(302, Location="/there"),
        302,
        "redirects are not followed",
    ),
    "429": (respond_with(429), 429, "answered 429"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_failure(driver: WebhookDriver, name: str) -> None:
    """Any answer but 2xx is retried after some 5 s, under the same id."""
    answer, status, message = FAILURES[name]
    async with running_receiver(answer) as receiver:
        worker = await driver.subscribe(receiver)
        events = await driver.emit_events()
        await run_until_idle(worker)
        failed = await driver.only_delivery(worker)
        wait = await driver.tick_until_due(worker)
        receiver.respond = respond_with(204)
        await run_until_idle(worker)

    assert PENDING is failed.state
    assert status == failed.attempts[0].status
    assert message in (failed.attempts[0].error or "")
    assert 5 <= wait <= 5.5
    assert 2 * message_ids(events, worker) == webhook_ids(receiver.requests)
    done = await driver.only_delivery(worker)
    assert (DONE, [status, 204]) == (done.state, [a.status for a in done.attempts])


async def test_how_it_does(driver: WebhookDriver) -> None:
    """A subscription knows how its receiver does, also after a restart."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(3)
        driver.clock.tick(1)
        await run_until_idle(worker)

    after = (await driver.restarted_worker(worker)).subscription
    assert (3, START + SECOND, START + SECOND) == (
        after.failures,
        after.failing_since,
        after.last_failure_at,
    )
    assert "The receiver answered 500." == after.last_error


async def test_retry_after_seconds(driver: WebhookDriver) -> None:
    """A receiver that asks to be left alone is, when that is for longer."""
    async with running_receiver(respond_with(429, Retry_After="120")) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)

        assert 120 == await driver.tick_until_due(worker)


async def test_retry_after_date(driver: WebhookDriver) -> None:
    """The same when it names an instant."""
    at = formatdate(NOW + 3600, usegmt=True)
    async with running_receiver(respond_with(503, Retry_After=at)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)

        assert 3600 == await driver.tick_until_due(worker)


async def test_retry_after_in_vain(driver: WebhookDriver) -> None:
    """A shorter wait than ours is not hurried for."""
    async with running_receiver(respond_with(503, Retry_After="1")) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)

        assert await driver.tick_until_due(worker) >= 5


async def test_gone(driver: WebhookDriver) -> None:
    """A 410 switches the subscription off: nothing more is sent, or written for it."""
    async with running_receiver(respond_with(410)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(60)
        await run_until_idle(worker)
        after = len(receiver.requests)
        interest = dict(driver.services.store.event_interest)
        await driver.restarted_worker(worker)
        driver.clock.tick(86_400)
        await run_until_idle(await driver.restarted_worker(worker))

    assert after == len(receiver.requests) <= MAX_CONCURRENT_SENDS
    assert {} == interest
    subscription = (await driver.restarted_worker(worker)).subscription
    assert SubscriptionHealth.DISABLED is subscription.health
    assert "it wants no more events" in (subscription.last_error or "")
    states = [each.state for each in await driver.deliveries(worker)]
    assert (after, 60 - after) == (states.count(DEAD), states.count(PENDING))


async def test_gone_and_back(driver: WebhookDriver) -> None:
    """Enabled again it gets what it had not, and can have the rest resent."""
    async with running_receiver(answer_in_sequence(410)) as receiver:
        worker = await driver.subscribe(receiver)
        events = await driver.emit_events(60)
        await run_until_idle(worker)
        subscriptions, which = driver.services.subscriptions, worker.subscription.id
        await subscriptions.set_enabled(DEFAULT_SCOPE_ID, which, enabled=True)
        await run_until_idle(worker)
        await driver.services.webhook_deliveries.recover(DEFAULT_SCOPE_ID, which, START)
        await run_until_idle(worker)

    assert set(message_ids(events, worker)) == set(webhook_ids(receiver.requests))
    assert {DONE} == {each.state for each in await driver.deliveries(worker)}


async def test_disabled(driver: WebhookDriver) -> None:
    """A disabled subscription is sent nothing until it is enabled."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        subscriptions, which = driver.services.subscriptions, worker.subscription.id
        await subscriptions.set_enabled(DEFAULT_SCOPE_ID, which, enabled=False)
        await driver.emit_events(2)
        assert await run_until_idle(worker) > 1
        before = len(receiver.requests)
        await subscriptions.set_enabled(DEFAULT_SCOPE_ID, which, enabled=True)
        await run_until_idle(worker)

    assert (0, 2) == (before, len(receiver.requests))


async def test_disabled_in_the_middle(driver: WebhookDriver) -> None:
    """What was not sent yet when it is disabled is sent when it is enabled."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)
        subscriptions, which = driver.services.subscriptions, worker.subscription.id

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await subscriptions.set_enabled(DEFAULT_SCOPE_ID, which, enabled=False)
            return web.Response()

        receiver.respond = answer
        events = await driver.emit_events(5)
        await run_until_idle(worker)
        before = len(receiver.requests)
        receiver.respond = respond_with()
        await subscriptions.set_enabled(DEFAULT_SCOPE_ID, which, enabled=True)
        await run_until_idle(worker)

    assert 1 == before
    assert message_ids(events, worker) == webhook_ids(receiver.requests)


async def test_two_signatures(
    database: str, short_timeout_sender: WebhookSender
) -> None:
    """While a secret is replaced each delivery verifies with either; later with one."""
    clock = ManualClock(time.time_ns() // 1000)
    async with (
        running_webhooks(database, clock, short_timeout_sender) as driver,
        running_receiver(respond_with()) as receiver,
    ):
        worker = await driver.subscribe(receiver)
        one = worker.subscription
        old = one.secret
        await driver.services.subscriptions.rotate_secret(DEFAULT_SCOPE_ID, one.id)
        await driver.emit_events()
        await run_until_idle(worker)
        clock.tick(86_400)
        await driver.emit_events()
        await run_until_idle(worker)

    first, second = receiver.requests
    for secret in (old, one.secret):
        Webhook(secret).verify(first.body, dict(first.headers))
    assert 1 == len(second.headers["webhook-signature"].split())


async def test_settings_at_work(driver: WebhookDriver) -> None:
    """A change of URL or headers is at work with the next try."""
    async with (
        running_receiver(respond_with(500)) as old,
        running_receiver(respond_with()) as new,
    ):
        worker = await driver.subscribe(old)
        await driver.emit_events()
        await run_until_idle(worker)
        await driver.services.subscriptions.patch(
            DEFAULT_SCOPE_ID,
            worker.subscription.id,
            {"url": new.url, "headers": {"X-Door": "7"}},
        )
        await driver.tick_until_due(worker)
        await run_until_idle(worker)

    assert webhook_ids(old.requests) == webhook_ids(new.requests)
    assert "7" == new.requests[0].headers["X-Door"]


async def test_event_is_gone(driver: WebhookDriver) -> None:
    """An event that is gone can no longer be sent, and is given up."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events()
        await run_until_idle(worker)
        await driver.tick_until_due(worker)
        purge = driver.services.store.subscriptions.purge_events
        (waiting,) = await driver.deliveries(worker)
        waiting.state = DEAD
        record = driver.services.store.subscriptions.record_deliveries
        await record(worker.subscription, [waiting])
        await driver.services.store.subscriptions.purge_dead_deliveries(
            before=START + SECOND, limit=9
        )
        await purge(before=START + SECOND, limit=9)
        waiting.state = PENDING
        await record(worker.subscription, [waiting])
        await run_until_idle(worker)

    assert DEAD is (await driver.only_delivery(worker)).state
    assert 1 == len(receiver.requests)


@pytest.mark.parametrize("status", [200, 500])
async def test_ping(driver: WebhookDriver, status: int) -> None:
    """A ping is sent at once and once, and is neither kept nor held against anybody."""
    async with running_receiver(respond_with(status)) as receiver:
        worker = await driver.subscribe(receiver)
        ping = await worker.ping()

    (request,) = receiver.requests
    assert (status == 200, status) == (ping.ok, ping.attempt.status)
    assert "ping" == json.loads(request.body)["type"]
    assert (0, []) == (
        worker.subscription.failures,
        await driver.deliveries(worker),
    )

"""What a subscription does not want any more is not sent, whenever it was recorded."""

from aiohttp import web

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import SubscriptionHealth
from pushserver.workers.webhooks.body_room import BodyPlace
from pushserver.workers.webhooks.worker import WebhookWorker
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.workers.webhooks.driver import (
    DEAD,
    DONE,
    WebhookDriver,
    message_ids,
    run_until_idle,
    webhook_ids,
)
from tests.workers.webhooks.receiver import respond_with, running_receiver

OTHER = DEVICE + 1
MINUTE = 60
NOT_SENT = "Not sent: the subscription does not want this event any more."


async def narrow(driver: WebhookDriver, worker: WebhookWorker) -> None:
    """Let the subscription be of one device alone."""
    settings = {"device_ids": frozenset({DEVICE})}
    await driver.services.subscriptions.patch(
        DEFAULT_SCOPE_ID, worker.subscription.id, settings
    )


async def test_narrowed(driver: WebhookDriver) -> None:
    """What waits of devices that a filter leaves out becomes a dead letter."""
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver)
        (matching,) = await driver.emit_events()
        await driver.emit_events(device=OTHER)
        await run_until_idle(worker)
        receiver.respond = respond_with()
        receiver.requests.clear()
        await narrow(driver, worker)
        driver.clock.tick(MINUTE)
        await run_until_idle(worker)

    assert message_ids([matching], worker) == webhook_ids(receiver.requests)
    done, dead = await driver.deliveries(worker)
    assert (DONE, DEAD) == (done.state, dead.state)
    assert ["The receiver answered 500.", NOT_SENT] == [
        each.error for each in dead.attempts
    ]


async def test_without_its_tag(driver: WebhookDriver) -> None:
    """So does what waits of a device that lost the tag."""
    fleet = driver.services.fleet
    await fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {"tags": {"site": "a"}})
    async with running_receiver(respond_with(500)) as receiver:
        worker = await driver.subscribe(receiver, tags={"site": frozenset({"a"})})
        await driver.emit_events()
        await run_until_idle(worker)
        sent = len(receiver.requests)
        await fleet.patch(DEFAULT_SCOPE_ID, DEVICE, {"tags": {"site": "b"}})
        driver.clock.tick(MINUTE)
        await run_until_idle(worker)

    assert (1, 1) == (sent, len(receiver.requests))
    assert DEAD is (await driver.only_delivery(worker)).state


async def test_narrowed_while_sending(driver: WebhookDriver) -> None:
    """What was about to be sent when the filter changed is not sent any more."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await narrow(driver, worker)
            return web.Response()

        receiver.respond = answer
        events = await driver.emit_events(3, device=OTHER)
        await run_until_idle(worker)

    assert message_ids(events[:1], worker) == webhook_ids(receiver.requests)
    states = [each.state for each in await driver.deliveries(worker)]
    assert [DONE, DEAD, DEAD] == states


async def test_paused(driver: WebhookDriver) -> None:
    """A paused receiver's probe is a wanted event, however many are before it."""
    async with running_receiver(respond_with(503)) as receiver:
        worker = await driver.subscribe(receiver)
        await driver.emit_events(150, device=OTHER)
        (matching,) = await driver.emit_events()
        await run_until_idle(worker)
        driver.clock.tick(5.5 * MINUTE)
        await run_until_idle(worker)
        paused = worker.subscription.health
        await narrow(driver, worker)
        receiver.respond = respond_with()
        receiver.requests.clear()
        driver.clock.tick(MINUTE)
        await run_until_idle(worker)

    assert SubscriptionHealth.PAUSED is paused
    assert message_ids([matching], worker) == webhook_ids(receiver.requests)
    assert SubscriptionHealth.ACTIVE is worker.subscription.health
    assert 150 == len(await driver.deliveries(worker, DEAD))


async def test_to_where_it_was_rendered_for(driver: WebhookDriver) -> None:
    """
    A body goes to the URL that the subscription had when it was rendered, however long
    that took: at another one, less of it may be to be seen.
    """
    async with (
        running_receiver(respond_with()) as before,
        running_receiver(respond_with()) as after,
    ):
        worker = await driver.subscribe(before)
        (event,) = await driver.emit_events()
        sender = worker._event_sender
        rendered = await sender.render_in(BodyPlace(sender.room), event)
        await driver.services.subscriptions.patch(
            DEFAULT_SCOPE_ID, worker.subscription.id, {"url": after.url}
        )
        await sender.send(rendered, "msg_1", driver.clock.now())

    assert after.url == worker.subscription.url
    assert (1, 0) == (len(before.requests), len(after.requests))

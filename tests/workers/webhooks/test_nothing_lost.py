"""Broken off anywhere, nothing is lost, and what comes twice keeps its id."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import attrs
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.event import Event, EventType
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.commands import PriorState
from pushserver.workers.webhooks.worker import WebhookWorker
from tests.clock import START
from tests.model.factories import DEVICE
from tests.workers.webhooks.driver import (
    DEAD,
    DONE,
    PENDING,
    WebhookDriver,
    answer_500_if,
    answer_in_sequence,
    message_ids,
    run_until_idle,
    webhook_ids,
)
from tests.workers.webhooks.receiver import (
    ScriptedReceiver,
    respond_with,
    running_receiver,
)


@attrs.define
class CountedAwait:
    """Awaits something, and reports the number of each wait in it."""

    inner: Awaitable[Any]
    on_step: Callable[[int], None]

    def __await__(self) -> Generator[Any, Any, Any]:
        """Count the waits."""
        number, waits = 0, self.inner.__await__()
        try:
            waited = next(waits)
            while True:
                self.on_step(number)
                number += 1
                try:
                    sent = yield waited
                except BaseException as error:  # noqa: BLE001 - handed on as it is
                    waited = waits.throw(error)
                else:
                    waited = waits.send(sent)
        except StopIteration as end:
            return end.value


async def broken_off(worker: WebhookWorker, at: int, pause: int) -> bool:
    """Cancel a round in its wait number *at*, *pause* turns of the loop into it."""
    loop = asyncio.get_running_loop()

    async def cancel() -> None:
        for _ in range(pause):
            await asyncio.sleep(0)
        task.cancel()

    def cancel_at(number: int) -> None:
        if number == at:
            cancels.append(loop.create_task(cancel()))

    async def go() -> None:
        await CountedAwait(worker.run_once(), cancel_at)

    cancels: list[asyncio.Task[None]] = []
    task = loop.create_task(go())
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(*cancels)
    return task.cancelled()


async def deliver_all(driver: WebhookDriver, worker: WebhookWorker) -> None:
    """Let everything be delivered, whatever failed before."""
    for _ in range(3):
        await run_until_idle(worker)
        driver.clock.tick(600)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("pause", [0, 3, 10, 40, 100])
async def test_broken_off(driver: WebhookDriver, pause: int, *, ordered: bool) -> None:
    """A round that is broken off at any of its waits loses nothing."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=ordered)
        events: list[Event] = []
        for at in range(20):
            events += await driver.emit_events(2, device=1)
            events += await driver.emit_events(2, device=2)
            receiver.respond = answer_500_if(
                message_ids(events, worker)[-3].__eq__  # that one alone
            )
            driver.clock.tick(600)
            if not await broken_off(worker, at, pause):
                break
            worker = await driver.restarted_worker(worker)
        receiver.respond = respond_with()
        await deliver_all(driver, worker)

    assert at >= 3
    expected = message_ids(events, worker)
    assert set(expected) == set(webhook_ids(receiver.requests))
    done = await driver.deliveries(worker)
    assert expected == [each.message_id for each in done]
    assert {DONE} == {each.state for each in done}
    assert {1} == {len(set(bodies)) for bodies in by_id(receiver).values()}


def by_id(receiver: ScriptedReceiver) -> dict[str, list[bytes]]:
    """Return the bodies that came under each id."""
    found: dict[str, list[bytes]] = {}
    for request in receiver.requests:
        found.setdefault(request.headers["webhook-id"], []).append(request.body)
    return found


async def work(worker: WebhookWorker) -> None:
    """Run the worker round by round, until it is stopped."""
    while True:
        await worker.run_once()


@pytest.mark.parametrize("after", [1, 5, 30])
async def test_broken_off_at_the_receiver(driver: WebhookDriver, after: int) -> None:
    """The same when it breaks off just when a receiver got the event."""
    seen = 0

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen == after:
            task.cancel()
        return web.Response()

    async with running_receiver(answer) as receiver:
        worker = await driver.subscribe(receiver)
        events = await driver.emit_events(40)
        task = asyncio.create_task(work(worker))
        await asyncio.gather(task, return_exceptions=True)
        again = await driver.restarted_worker(worker)
        await run_until_idle(again)

    assert task.cancelled()
    assert set(message_ids(events, worker)) == set(webhook_ids(receiver.requests))
    assert [DONE] * 40 == [each.state for each in await driver.deliveries(again)]


async def test_in_order_and_broken_off(driver: WebhookDriver) -> None:
    """Ordered, what is resent after a break is resent in order."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver, ordered=True)
        events = await driver.emit_events(20)
        receiver.respond = respond_with()
        for at in range(3):
            assert await broken_off(worker, at, 30)
            worker = await driver.restarted_worker(worker)
        await run_until_idle(worker)

    expected = message_ids(events, worker)
    assert expected == list(dict.fromkeys(webhook_ids(receiver.requests)))
    assert expected == webhook_ids(receiver.requests)[-20:]


async def test_store_away(driver: WebhookDriver) -> None:
    """What failed while the store was unavailable is sent when it is back."""
    async with running_receiver(answer_in_sequence(500, 500, 500)) as receiver:
        worker = await driver.subscribe(receiver)
        events = await driver.emit_events(3)
        async with driver.failing_commits():
            with pytest.raises(Unavailable):
                await run_until_idle(worker)
        await deliver_all(driver, worker)

    assert set(message_ids(events, worker)) == set(webhook_ids(receiver.requests))
    assert [DONE] * 3 == [each.state for each in await driver.deliveries(worker)]
    assert events[-1].id == worker.subscription.cursor


async def test_changed_meanwhile(driver: WebhookDriver) -> None:
    """Changing the subscription while events are being sent skips none of them."""
    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await driver.services.subscriptions.patch(
                DEFAULT_SCOPE_ID, worker.subscription.id, {"description": "changed"}
            )
            task.cancel()
            return web.Response(status=500)

        receiver.respond = answer
        events = await driver.emit_events(3)
        task = asyncio.create_task(worker.run_once())
        await asyncio.gather(task, return_exceptions=True)
        receiver.respond = respond_with()
        again = await driver.restarted_worker(worker)
        await deliver_all(driver, again)

    assert set(message_ids(events, worker)) == set(webhook_ids(receiver.requests))
    assert [DONE] * 3 == [each.state for each in await driver.deliveries(again)]
    assert "changed" == again.subscription.description


async def test_no_body(driver: WebhookDriver) -> None:
    """An event that cannot be rendered, a bug of ours, holds up no other."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> Event:
        broken = Event(
            id=changes.new_id(),
            scope_id=DEFAULT_SCOPE_ID,
            type=EventType.COMMAND_STATUS,
            at=START,
            device_id=DEVICE,
            data=b"{}",
        )
        changes.events.append(broken)
        return broken

    async with running_receiver(respond_with()) as receiver:
        worker = await driver.subscribe(receiver)
        broken = await driver.services.store.change_lane(DEVICE, decide)
        events = await driver.emit_events(3)
        with capture_logs() as logs:
            await run_until_idle(worker)

    assert message_ids(events, worker) == sorted(webhook_ids(receiver.requests))
    assert ["webhook.no_body"] == [each["event"] for each in logs]
    (failed,) = await driver.deliveries(worker, PENDING)
    assert broken.id == failed.event_id
    assert "The server cannot put this event into words." == failed.attempts[0].error
    assert [] == await driver.deliveries(worker, DEAD)

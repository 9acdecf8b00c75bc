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
from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.deciding import Past
from pushserver.workers.webhooks.courier import Courier
from tests.clock import START
from tests.model.values import DEVICE
from tests.workers.webhooks.office import (
    DEAD,
    DONE,
    PENDING,
    Office,
    by_turns,
    failing_if,
    ids,
    message_ids,
    rounds,
)
from tests.workers.webhooks.receiver import Receiver, answering, receiving


@attrs.define
class Stepped:
    """Awaits something, and calls *tell* with the number of each wait in it."""

    inner: Awaitable[Any]
    tell: Callable[[int], None]

    def __await__(self) -> Generator[Any, Any, Any]:
        """Count the waits."""
        number, waits = 0, self.inner.__await__()
        try:
            waited = next(waits)
            while True:
                self.tell(number)
                number += 1
                try:
                    sent = yield waited
                except BaseException as error:  # noqa: BLE001 - handed on as it is
                    waited = waits.throw(error)
                else:
                    waited = waits.send(sent)
        except StopIteration as end:
            return end.value


async def broken_off(courier: Courier, at: int, pause: int) -> bool:
    """Cancel a round in its wait number *at*, *pause* turns of the loop into it."""
    loop = asyncio.get_running_loop()

    async def cancel() -> None:
        for _ in range(pause):
            await asyncio.sleep(0)
        task.cancel()

    def tell(number: int) -> None:
        if number == at:
            cancels.append(loop.create_task(cancel()))

    async def go() -> None:
        await Stepped(courier.round(), tell)

    cancels: list[asyncio.Task[None]] = []
    task = loop.create_task(go())
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(*cancels)
    return task.cancelled()


async def all_told(office: Office, courier: Courier) -> None:
    """Let everything be delivered, whatever failed before."""
    for _ in range(3):
        await rounds(courier)
        office.clock.tick(600)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("pause", [0, 3, 10, 40, 100])
async def test_broken_off(office: Office, pause: int, *, ordered: bool) -> None:
    """A round that is broken off at any of its waits loses nothing."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=ordered)
        events: list[Event] = []
        for at in range(20):
            events += await office.happen(2, device=1)
            events += await office.happen(2, device=2)
            receiver.answer = failing_if(
                message_ids(events, courier)[-3].__eq__  # that one alone
            )
            office.clock.tick(600)
            if not await broken_off(courier, at, pause):
                break
            courier = await office.again(courier)
        receiver.answer = answering()
        await all_told(office, courier)

    assert at >= 3
    expected = message_ids(events, courier)
    assert set(expected) == set(ids(receiver.requests))
    done = await office.deliveries(courier)
    assert expected == [each.message_id for each in done]
    assert {DONE} == {each.state for each in done}
    assert {1} == {len(set(bodies)) for bodies in by_id(receiver).values()}


def by_id(receiver: Receiver) -> dict[str, list[bytes]]:
    """Return the bodies that came under each id."""
    found: dict[str, list[bytes]] = {}
    for request in receiver.requests:
        found.setdefault(request.headers["webhook-id"], []).append(request.body)
    return found


@pytest.mark.parametrize("after", [1, 5, 30])
async def test_broken_off_at_the_receiver(office: Office, after: int) -> None:
    """The same when it breaks off just when a receiver was told."""
    seen = 0

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen == after:
            task.cancel()
        return web.Response()

    async with receiving(answer) as receiver:
        courier = await office.subscribe(receiver)
        events = await office.happen(40)
        task = asyncio.create_task(courier.round())
        await asyncio.gather(task, return_exceptions=True)
        again = await office.again(courier)
        await rounds(again)

    assert task.cancelled()
    assert set(message_ids(events, courier)) == set(ids(receiver.requests))
    assert [DONE] * 40 == [each.state for each in await office.deliveries(again)]


async def test_in_order_and_broken_off(office: Office) -> None:
    """Ordered, what is told again after a break is told again in order."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=True)
        events = await office.happen(20)
        receiver.answer = answering()
        for at in range(3):
            assert await broken_off(courier, at, 30)
            courier = await office.again(courier)
        await rounds(courier)

    expected = message_ids(events, courier)
    assert expected == list(dict.fromkeys(ids(receiver.requests)))
    assert expected == ids(receiver.requests)[-20:]


async def test_store_away(office: Office) -> None:
    """What failed while the store was away is told when it is back."""
    async with receiving(by_turns(500, 500, 500)) as receiver:
        courier = await office.subscribe(receiver)
        events = await office.happen(3)
        async with office.store_away():
            with pytest.raises(Unavailable):
                await rounds(courier)
        await all_told(office, courier)

    assert set(message_ids(events, courier)) == set(ids(receiver.requests))
    assert [DONE] * 3 == [each.state for each in await office.deliveries(courier)]
    assert events[-1].id == courier.subscription.cursor


async def test_changed_meanwhile(office: Office) -> None:
    """A change of the subscription while it is told of events skips none of them."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await office.services.subscriptions.patch(
                FIRST_SCOPE, courier.subscription.id, {"description": "changed"}
            )
            task.cancel()
            return web.Response(status=500)

        receiver.answer = answer
        events = await office.happen(3)
        task = asyncio.create_task(courier.round())
        await asyncio.gather(task, return_exceptions=True)
        receiver.answer = answering()
        again = await office.again(courier)
        await all_told(office, again)

    assert set(message_ids(events, courier)) == set(ids(receiver.requests))
    assert [DONE] * 3 == [each.state for each in await office.deliveries(again)]
    assert "changed" == again.subscription.description


async def test_no_body(office: Office) -> None:
    """An event that cannot be told, ours to mend, holds up no other."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> Event:
        broken = Event(
            id=changes.new_id(),
            scope_id=FIRST_SCOPE,
            type=EventType.COMMAND_STATUS,
            at=START,
            device_id=DEVICE,
            data=b"{}",
        )
        changes.events.append(broken)
        return broken

    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        broken = await office.services.store.change(DEVICE, decide)
        events = await office.happen(3)
        with capture_logs() as logs:
            await rounds(courier)

    assert message_ids(events, courier) == sorted(ids(receiver.requests))
    assert ["webhook.no_body"] == [each["event"] for each in logs]
    (failed,) = await office.deliveries(courier, PENDING)
    assert broken.id == failed.event_id
    assert "The server cannot put this event into words." == failed.attempts[0].error
    assert [] == await office.deliveries(courier, DEAD)

"""All couriers at once: none waits for another's receiver."""

import asyncio
from contextlib import AsyncExitStack

from aiohttp import web
from structlog.testing import capture_logs

from pushserver.model.scope import FIRST_SCOPE
from tests.web.site import until
from tests.workers.webhooks.office import DONE, Office, hang, ids, message_ids
from tests.workers.webhooks.receiver import answering, receiving


async def test_told_at_once(office: Office) -> None:
    """What happens is told at once, without anybody who looks now and then."""
    dispatcher = office.dispatcher()
    async with receiving(answering()) as receiver, dispatcher.at_work():
        courier = await office.subscribe(receiver)
        assert 1 == await dispatcher.round()
        assert 0 == await dispatcher.round()
        events = await office.happen(3)
        await until(lambda: len(receiver.requests) == 3)

    assert message_ids(events, courier) == sorted(ids(receiver.requests))


async def test_dead_receivers_hold_up_nobody(office: Office) -> None:
    """Receivers that hang delay no other, however many they are."""
    dispatcher = office.dispatcher()
    async with AsyncExitStack() as stack:
        for _ in range(5):
            dead = await stack.enter_async_context(receiving(hang))
            await office.subscribe(dead)
        well = await stack.enter_async_context(receiving(answering()))
        courier = await office.subscribe(well)
        await stack.enter_async_context(dispatcher.at_work())
        assert 6 == await dispatcher.round()
        events = await office.happen(100)
        async with asyncio.timeout(5):
            await until(lambda: len(well.requests) == 100)

    assert message_ids(events, courier) == sorted(ids(well.requests))


async def test_deleted(office: Office) -> None:
    """Who is deleted is told no more, and what is under way breaks off."""
    dispatcher = office.dispatcher()
    async with receiving(hang) as receiver, dispatcher.at_work():
        courier = await office.subscribe(receiver)
        await dispatcher.round()
        await office.happen()
        await receiver.arrived.wait()
        subscriptions, which = office.services.subscriptions, courier.subscription.id
        await subscriptions.delete(FIRST_SCOPE, which)
        gone = await dispatcher.round()

        assert (1, {}) == (gone, dict(subscriptions.couriers))
    assert 1 == len(receiver.requests)


async def test_wrong_with_us(office: Office) -> None:
    """What goes wrong with us is logged, and tried again."""
    dispatcher, away = office.dispatcher(), asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        await away.wait()
        return web.Response()

    async with receiving(answer) as receiver, dispatcher.at_work():
        courier = await office.subscribe(receiver)
        await dispatcher.round()
        events = await office.happen()

        async def is_done() -> bool:
            return len(await office.deliveries(courier, DONE)) == 1

        with capture_logs() as logs:
            async with office.store_away():
                away.set()
                await until(lambda: bool(logs))
            await until(is_done)

    assert {"webhooks.store_away"} == {each["event"] for each in logs}
    assert message_ids(events, courier) == ids(receiver.requests)


async def test_stopped(office: Office) -> None:
    """When the server stops nobody is waited for; the rest is told after the start."""
    dispatcher = office.dispatcher()
    async with receiving(hang) as receiver:
        async with dispatcher.at_work():
            courier = await office.subscribe(receiver)
            await dispatcher.round()
            events = await office.happen(3)
            await receiver.arrived.wait()
        receiver.answer = answering()
        again = office.dispatcher()
        async with again.at_work():
            await again.round()
            await until(lambda: len(set(ids(receiver.requests))) == 3)

    assert set(message_ids(events, courier)) == set(ids(receiver.requests))

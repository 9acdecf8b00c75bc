"""What hangs holds up nothing else: neither what is sent nor what is written."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from pushserver.model.event import Event, EventType
from pushserver.workers.webhooks.courier import AT_ONCE, Courier
from pushserver.workers.webhooks.sender import Sender
from tests.clock import ManualClock
from tests.workers.webhooks.office import (
    DONE,
    PENDING,
    Office,
    hang,
    ids,
    message_ids,
    working,
)
from tests.workers.webhooks.receiver import Answer, answering, receiving


@pytest.fixture(name="office")
async def _office(
    database: str, clock: ManualClock, sender: Sender
) -> AsyncIterator[Office]:
    """Return an office whose sender waits for longer than any test."""
    async with working(database, clock, sender) as office:
        yield office


def hanging_if(hangs: Callable[[str], bool]) -> Answer:
    """Return what does not answer some `webhook-id`s, and 200 to the others."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if hangs(request.headers["webhook-id"]):
            await hang(request)
        return web.Response()

    return answer


async def until_done(office: Office, courier: Courier, count: int) -> None:
    """Let the courier go until so many are written to be delivered."""
    async with asyncio.timeout(10):
        while len(await office.deliveries(courier, DONE)) < count:
            await courier.round()


def told(events: list[Event], courier: Courier, *but: int) -> list[str]:
    """Return the ids of these events but those at some places."""
    rest = [event for place, event in enumerate(events) if place not in but]
    return message_ids(rest, courier)


@pytest.mark.parametrize("ordered", [False, True])
async def test_written_soon(office: Office, *, ordered: bool) -> None:
    """What came back is written while something hangs; that waits, and is not lost."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=ordered)
        events = [(await office.happen(1, device=n))[0] for n in range(10)]
        receiver.answer = hanging_if(message_ids(events, courier)[3].__eq__)
        await until_done(office, courier, 9)
        done = await office.deliveries(courier, DONE)
        (waiting,) = await office.deliveries(courier, PENDING)
        courier.leave()

        assert told(events, courier, 3) == [each.message_id for each in done]
        assert (events[3].id, []) == (waiting.event_id, waiting.attempts)
        assert events[-1].id == courier.subscription.cursor

        receiver.answer = answering()
        await until_done(office, await office.again(courier), 10)

    assert {*message_ids(events, courier)} == {*ids(receiver.requests)}


async def test_next_ones(office: Office) -> None:
    """While some hang everything else is sent, however much it is."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        events = list(await office.happen(300))
        dead = set(message_ids(events, courier)[: AT_ONCE - 1])
        receiver.answer = hanging_if(dead.__contains__)
        await until_done(office, courier, 301 - AT_ONCE)
        events += await office.happen(5)
        await until_done(office, courier, 306 - AT_ONCE)
        courier.leave()

    assert message_ids(events, courier) == sorted(ids(receiver.requests))


async def test_behind_what_hangs(office: Office) -> None:
    """Ordered, what comes after what hangs waits for it, and for nobody else's."""
    open_up = asyncio.Event()
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=True)
        events = [(await office.happen(1, device=n % 2))[0] for n in range(6)]

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            if request.headers["webhook-id"] == message_ids(events, courier)[0]:
                await open_up.wait()
            return web.Response()

        receiver.answer = answer
        await until_done(office, courier, 3)
        events += [(await office.happen(1, device=n % 2))[0] for n in range(4)]
        await until_done(office, courier, 5)
        sent = ids(receiver.requests)
        open_up.set()
        await until_done(office, courier, 10)

    assert sorted([*message_ids(events[1::2], courier), sent[0]]) == sorted(sent)
    rest = [each for each in ids(receiver.requests) if each not in sent[1:]]
    assert message_ids(events[::2], courier) == rest


async def test_not_wanted(office: Office) -> None:
    """What nobody wants is passed over while something hangs."""
    async with receiving(hang) as receiver:
        courier = await office.subscribe(
            receiver, events=frozenset({EventType.DEVICE_ONLINE}), device_ids={1, 2}
        )
        events = [*await office.happen(1, device=1)]
        await courier.round()
        receiver.answer = answering()
        await office.happen(500, device=3)
        events += await office.happen(1, device=2)
        await until_done(office, courier, 1)
        courier.leave()

    assert message_ids(events, courier) == ids(receiver.requests)


async def test_bounded(office: Office) -> None:
    """No more than some are on their way to one receiver at the same time."""
    open_now, most = 0, 0
    together = asyncio.Barrier(AT_ONCE)

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await together.wait()
        # Time for whoever comes too early to be seen.
        for _ in range(20):
            await office.services.store.subscriptions.newest_event()
        open_now -= 1
        return web.Response()

    async with receiving(answer) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen(4 * AT_ONCE)
        await until_done(office, courier, 4 * AT_ONCE)

    assert most == AT_ONCE

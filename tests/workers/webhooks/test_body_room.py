"""Bodies that are sent share room in memory, in fair turns, and give it back."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
from aiohttp import web

from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import Subscription, SubscriptionHealth
from pushserver.workers.webhooks.body_room import (
    PART_OF_ONE,
    PART_OF_SLOW,
    SHORT_BODY,
    BodyPlace,
    BodyRoom,
    SharedRoom,
    SubscriptionRoom,
)
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.worker import WebhookWorker
from tests.clock import ManualClock
from tests.model.factories import command
from tests.storage.queue_actions import enqueue_commands, poll_command, post_result
from tests.storage.subscriptions import emit_errors, subscription
from tests.web.local_server import wait_until
from tests.workers.webhooks.driver import (
    DONE,
    WebhookDriver,
    running_webhooks,
)
from tests.workers.webhooks.receiver import running_receiver

KIB = 1024
STATUS = frozenset({EventType.COMMAND_STATUS, EventType.SHADOW_STATUS})


@pytest.fixture(name="driver")
async def _driver(
    database: str, clock: ManualClock, sender: WebhookSender
) -> AsyncIterator[WebhookDriver]:
    """Return an office with room for four long bodies, whose sender is patient."""
    long = SharedRoom(4 * 100 * KIB)
    async with running_webhooks(database, clock, sender) as driver:
        yield attrs.evolve(driver, body_room=BodyRoom(long=long))


def owner(letter: str) -> Subscription:
    """Return a subscription."""
    return subscription(id=ord(letter))


async def test_parts() -> None:
    """One subscription has a part of the room; slow receivers leave half of it."""
    shared = BodyRoom()
    quick, slow = (SubscriptionRoom(owner(each), shared) for each in "ab")
    slow.is_slow = True
    for limit, size in (
        (shared.short.limit, SHORT_BODY),
        (shared.long.limit, SHORT_BODY + 1),
    ):
        assert [limit // PART_OF_SLOW, limit] == [
            each.limit for each in slow.of_all(size)
        ]
        assert [limit] == [each.limit for each in quick.of_all(size)]
        assert limit // PART_OF_ONE == quick.own(size).limit


async def test_longest_of_slow_receiver() -> None:
    """However long the body for a slow receiver is, half of the room is for others."""
    shared = BodyRoom()
    quick, slow = (SubscriptionRoom(owner(each), shared) for each in "ab")
    slow.is_slow = True
    place, other = BodyPlace(slow), BodyPlace(quick)
    async with asyncio.timeout(10):
        await place.take(10 * shared.long.limit)
        await other.take(shared.long.limit // 2)

    assert shared.long.limit == shared.long.all.taken
    place.keep(0)
    other.keep(0)
    assert (0, 0) == (shared.long.all.taken, shared.long.slow.taken)


async def test_what_is_kept() -> None:
    """Once a body is made, it has as much room as it takes, and no more."""
    shared = BodyRoom()
    place = BodyPlace(SubscriptionRoom(owner("a"), shared))
    await place.take(SHORT_BODY)
    taken = [SHORT_BODY]
    for size in (300, 500, 0):
        place.keep(size)
        taken.append(shared.short.all.taken)

    assert [SHORT_BODY, 300, 300, 0] == taken


def long_body(size: int) -> bytes:
    """Return a result that says so much."""
    return b'{"response":"' + b"R" * size + b'"}'


async def emit_results(driver: WebhookDriver, count: int, size: int) -> None:
    """Have a device answer so many commands with as long a result each."""
    store = driver.services.store
    store.event_interest[DEFAULT_SCOPE_ID] = STATUS
    for _ in range(count):
        await enqueue_commands(store, command())
        in_flight = await poll_command(store)
        await post_result(store, in_flight, body=long_body(size))


@attrs.define
class Hanging:
    """Does not answer what says much until it is let; knows how much came at once."""

    reached: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(0))
    is_open: asyncio.Event = attrs.field(factory=asyncio.Event)
    open_now: int = 0
    most: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer at once what says little."""
        if (request.content_length or 0) > SHORT_BODY:
            self.open_now += 1
            self.most = max(self.most, self.open_now)
            self.reached.release()
            await self.is_open.wait()
            self.open_now -= 1
        return web.Response()


@asynccontextmanager
async def sending(
    driver: WebhookDriver, count: int
) -> AsyncIterator[tuple[Hanging, list[WebhookWorker]]]:
    """Run the workers of so many subscriptions whose receiver hangs; in time."""
    hanging, supervisor = Hanging(), driver.make_supervisor()
    async with asyncio.timeout(15), running_receiver(hanging.answer) as receiver:
        url = receiver.url
        workers = []
        for number in range(count):
            receiver.url = f"{url}/{number}"
            worker = await driver.subscribe(
                receiver, events=STATUS, include_result=True
            )
            workers.append(worker)
        async with supervisor.stopping_workers():
            await supervisor.update_workers()
            yield hanging, workers


async def until_delivered(
    driver: WebhookDriver, worker: WebhookWorker, count: int
) -> None:
    """Wait until so many are recorded as delivered."""
    while len(await driver.deliveries(worker, DONE)) < count:
        pass


async def let_others_come(driver: WebhookDriver) -> None:
    """Give whoever sends too early the time to be seen."""
    for _ in range(100):
        await driver.services.store.subscriptions.newest_event_id()


async def test_all_share(driver: WebhookDriver) -> None:
    """Of all subscriptions no more bodies are on their way than there is room for."""
    async with sending(driver, 6) as (hanging, workers):
        await emit_results(driver, 3, 90 * KIB)
        for _ in range(4):
            await hanging.reached.acquire()
        await let_others_come(driver)
        hanging.is_open.set()
        for worker in workers:
            await until_delivered(driver, worker, 9)

    assert (4, 0) == (hanging.most, driver.body_room.long.all.taken)
    assert 0 == driver.body_room.short.all.taken


async def test_long_events(driver: WebhookDriver) -> None:
    """Events that are long themselves share the room as those with long results do."""
    async with sending(driver, 6) as (hanging, workers):
        await emit_errors(driver.services.store, 90 * KIB, 3)
        for _ in range(4):
            await hanging.reached.acquire()
        await let_others_come(driver)
        hanging.is_open.set()
        for worker in workers:
            await until_delivered(driver, worker, 3)

    assert (4, 0) == (hanging.most, driver.body_room.long.all.taken)


async def test_short_ones(driver: WebhookDriver) -> None:
    """What says little is sent while there is no room for what says much."""
    async with sending(driver, 5) as (hanging, workers):
        await emit_results(driver, 1, 390 * KIB)
        await hanging.reached.acquire()
        await emit_results(driver, 5, 10)
        for worker in workers:
            await until_delivered(driver, worker, 17)

    assert (1, 1) == (hanging.most, hanging.open_now)


async def test_stopped(driver: WebhookDriver) -> None:
    """What stops while it waits for room, or has some, leaves all of it to others."""
    async with sending(driver, 5) as (hanging, _workers):
        await emit_results(driver, 3, 90 * KIB)
        for _ in range(4):
            await hanging.reached.acquire()
        assert driver.body_room.long.all.taken > 0

    assert 0 == driver.body_room.long.all.taken
    assert 0 == driver.body_room.short.all.taken


@pytest.mark.usefixtures("no_collector")
async def test_nothing_stays(driver: WebhookDriver) -> None:
    """Nor does anything of it stay in memory, be it on its way or waiting for room."""
    async with sending(driver, 5) as (hanging, _workers):
        await emit_results(driver, 3, 90 * KIB)
        for _ in range(4):
            await hanging.reached.acquire()
        there = places()
        await let_others_come(driver)

    await wait_until(lambda: places() == 0)
    assert there > 4


def places() -> int:
    """Return for how many bodies there is a place."""
    return sum(isinstance(each, BodyPlace) for each in gc.get_objects())


async def test_disabled_meanwhile(driver: WebhookDriver) -> None:
    """What is switched off while it waits for room is not sent any more."""
    async with sending(driver, 2) as (hanging, workers):
        await emit_results(driver, 2, 390 * KIB)
        await hanging.reached.acquire()
        for worker in workers:
            worker.subscription.health = SubscriptionHealth.DISABLED
        hanging.is_open.set()
        while driver.body_room.long.all.taken:
            await driver.services.store.subscriptions.newest_event_id()

    assert hanging.reached.locked()

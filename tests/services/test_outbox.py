"""The outbox stays bounded; what falls off is counted and told."""

import pytest
from structlog.testing import capture_logs

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.event import EventType
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import (
    BACKLOG,
    BACKLOG_AGE,
    DeliveryState,
    Health,
    Subscription,
)
from pushserver.services.outbox import DEAD_KEPT, EVENTS_KEPT, Outbox
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.services.desk import Desk
from tests.storage.outbox import delivery, happen, kept, subscription

DAY = 86_400


@pytest.fixture(name="outbox")
def _outbox(services: Services) -> Outbox:
    """Return an outbox that keeps ten events for each subscription."""
    return Outbox(
        services.store.subscriptions, services.subscriptions, services.clock, keep=10
    )


async def subscribed(services: Services, **given: object) -> Subscription:
    """Return a subscription that the services know."""
    made = subscription(**given)
    await kept(services.store, of=made)
    await services.subscriptions.load()
    return services.subscriptions.get(FIRST_SCOPE, made.id)


async def left(services: Services, of: Subscription) -> int:
    """Return how many events a subscription has before it."""
    return (await services.store.subscriptions.lag(of)).unread


def test_limits(services: Services) -> None:
    """A backlog may have 100,000 events, of three days."""
    usual = Outbox(services.store.subscriptions, services.subscriptions, services.clock)

    assert (100_000, 3 * DAY * SECOND) == (BACKLOG, BACKLOG_AGE)
    assert (BACKLOG, BACKLOG_AGE) == (usual.keep, usual.age)


async def test_number(services: Services, outbox: Outbox) -> None:
    """Of more events than are kept the oldest fall off: counted, told, and for good."""
    one = await subscribed(services)
    await happen(services.store, 12)
    with capture_logs() as logs:
        done = [await outbox.trim(), await outbox.trim()]
    (found,) = await services.store.subscriptions.all_subscriptions()

    assert [2, 0] == done
    assert (2, 10) == (one.dropped, await left(services, one))
    assert (2, one.cursor) == (found.dropped, found.cursor)
    assert [("subscription.events_dropped", 2)] == [
        (each["event"], each["dropped"]) for each in logs
    ]


async def test_many(services: Services, outbox: Outbox) -> None:
    """However many there are too many, they fall off at once."""
    one = await subscribed(services, health=Health.PAUSED)
    await happen(services.store, 1700)
    await outbox.trim()

    assert (1690, 10) == (one.dropped, await left(services, one))


async def test_age(services: Services, outbox: Outbox, clock: ManualClock) -> None:
    """Events that waited for three days fall off."""
    one = await subscribed(services, health=Health.PAUSED)
    await happen(services.store, 3)
    clock.tick(3 * DAY - 1)
    before = await outbox.trim()
    await happen(services.store, 2)
    clock.tick(2)
    await outbox.trim()

    assert 0 == before
    assert (3, 2) == (one.dropped, await left(services, one))


async def test_only_what_it_wants(services: Services, outbox: Outbox) -> None:
    """What a subscription did not want has not fallen off for it."""
    one = await subscribed(services, events=frozenset({EventType.TASK_FINISHED}))
    await happen(services.store, 12)
    with capture_logs() as logs:
        await outbox.trim()

    assert (0, []) == (one.dropped, logs)


DOOR = frozenset({7})


async def test_what_others_want(services: Services, outbox: Outbox) -> None:
    """What a subscription does not want pushes out nothing that it wants."""
    one = await subscribed(services, device_ids=DOOR)
    for _ in range(3):
        await happen(services.store, 2, device=7)
        await happen(services.store, 600)
        await outbox.trim()

    assert 0 == one.dropped
    assert 6 == await wanted_left(services, one)


async def test_its_own_number(services: Services, outbox: Outbox) -> None:
    """Of what it wants the oldest fall off, also while it reads, and no more."""
    one = await subscribed(services, device_ids=DOOR)
    for _ in range(4):
        await happen(services.store, 4, device=7)
        await happen(services.store, 20)
        await outbox.trim()
    first = one.dropped
    one.cursor = (
        await services.store.subscriptions.events(
            FIRST_SCOPE, after=one.cursor, limit=25
        )
    )[-1].id
    before = await wanted_left(services, one)
    await happen(services.store, 14 - before, device=7)
    await outbox.trim()

    assert (6, 4) == (first, one.dropped - first)
    assert 10 == await wanted_left(services, one)


async def wanted_left(services: Services, of: Subscription) -> int:
    """Return how many events that it wants a subscription has before it."""
    found = await services.store.subscriptions.events(
        FIRST_SCOPE, after=of.cursor, limit=10_000
    )
    matches = services.subscriptions.matches
    return sum(matches(of.wanted, event) for event in found)


async def test_other_scope(services: Services, outbox: Outbox) -> None:
    """Another scope's events do not push out one's own."""
    one = await subscribed(services)
    await happen(services.store, 5)
    await happen(services.store, 20, scope=2)
    await outbox.trim()

    assert (0, 5) == (one.dropped, await left(services, one))


async def test_store_away(services: Services, outbox: Outbox, desk: Desk) -> None:
    """What could not be written is done the next time, and counted once."""
    one = await subscribed(services)
    await happen(services.store, 12)
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await outbox.trim()
    await outbox.trim()
    (found,) = await services.store.subscriptions.all_subscriptions()

    assert (2, 2) == (one.dropped, found.dropped)


async def test_pending_number(services: Services, outbox: Outbox) -> None:
    """More that is to be tried again than is kept: the oldest is given up, counted."""
    one = await subscribed(services)
    ids = await pending(services, one, 15)
    with capture_logs() as logs:
        done = [await outbox.trim(), await outbox.trim()]

    dead = await listed(services, DeliveryState.DEAD)
    assert ([5, 0], ids[:5]) == (done, sorted(dead))
    assert 5 == one.dropped
    assert ["subscription.events_dropped"] == [each["event"] for each in logs]


async def test_pending_age(
    services: Services, outbox: Outbox, clock: ManualClock
) -> None:
    """What waited behind others for longer than events are kept is given up."""
    one = await subscribed(services)
    ids = await pending(services, one, 1)
    clock.tick(EVENTS_KEPT / SECOND - 1)
    before = await outbox.trim()
    clock.tick(2)
    await outbox.trim()

    assert 0 == before
    assert ids == await listed(services, DeliveryState.DEAD)
    assert 1 == one.dropped


async def pending(services: Services, of: Subscription, count: int) -> list[int]:
    """Have events happen that were all tried once, and are to be tried again."""
    ids = [event.id for event in await happen(services.store, count)]
    of.cursor = ids[-1]
    await services.store.subscriptions.record(of, [delivery(each) for each in ids])
    return ids


async def listed(services: Services, state: DeliveryState) -> list[int]:
    """Return the events of the deliveries that are in a state."""
    found = await services.store.subscriptions.deliveries(
        1, state=state, before=None, limit=100
    )
    return [each.event_id for each, _ in found]


async def test_old_events(
    services: Services, outbox: Outbox, clock: ManualClock
) -> None:
    """Events go after a week; those that were given up, after thirty days."""
    await subscribed(services)
    told, dead, nobodys = await happen(services.store, 3)
    await services.store.subscriptions.record(
        services.subscriptions.get(FIRST_SCOPE, 1),
        [
            delivery(told.id, state=DeliveryState.DELIVERED),
            delivery(dead.id, state=DeliveryState.DEAD),
        ],
    )
    clock.tick(7 * DAY + 1)
    await outbox.trim()
    week = await ids_left(services)
    clock.tick(23 * DAY)
    await outbox.trim()

    assert (7, 30) == (EVENTS_KEPT // DAY // SECOND, DEAD_KEPT // DAY // SECOND)
    assert [dead.id] == week
    assert nobodys.id not in week
    assert [] == await ids_left(services)


async def ids_left(services: Services) -> list[int]:
    """Return the ids of the events that are there."""
    found = await services.store.subscriptions.events(FIRST_SCOPE, after=0, limit=100)
    return [event.id for event in found]


async def test_in_pieces(
    services: Services, outbox: Outbox, clock: ManualClock
) -> None:
    """However many events are old, all of them go."""
    await happen(services.store, 1200)
    clock.tick(8 * DAY)

    assert 1200 == await outbox.trim()
    assert [] == await ids_left(services)

"""The outbox stays bounded; dropped events are counted and logged."""

import pytest
from structlog.testing import capture_logs

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import (
    MAX_BACKLOG,
    MAX_BACKLOG_AGE,
    Subscription,
    SubscriptionHealth,
    WebhookState,
)
from pushserver.services.outbox_trimmer import (
    DEAD_LETTER_RETENTION,
    EVENT_RETENTION,
    OutboxTrimmer,
)
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.services.driver import ServiceDriver
from tests.storage.subscriptions import (
    emit_events,
    save_subscription,
    subscription,
    webhook_delivery,
)

DAY = 86_400


@pytest.fixture(name="outbox")
def _outbox(services: Services) -> OutboxTrimmer:
    """Return an outbox that keeps ten events for each subscription."""
    return OutboxTrimmer(
        services.store.subscriptions,
        services.subscription_registry,
        services.clock,
        services.counts,
        max_backlog=10,
    )


async def create_subscription(services: Services, **fields: object) -> Subscription:
    """Return a subscription that the services know."""
    created = subscription(**fields)
    await save_subscription(services.store, owner=created)
    await services.subscription_registry.load()
    return services.subscription_registry.get(DEFAULT_SCOPE_ID, created.id)


async def left(services: Services, of: Subscription) -> int:
    """Return how many events a subscription has before it."""
    return (await services.store.subscriptions.lags([of]))[of.id].unprocessed


def test_limits(services: Services) -> None:
    """A backlog may have 100,000 events, of three days."""
    usual = OutboxTrimmer(
        services.store.subscriptions,
        services.subscription_registry,
        services.clock,
        services.counts,
    )

    assert (100_000, 3 * DAY * SECOND) == (MAX_BACKLOG, MAX_BACKLOG_AGE)
    assert (MAX_BACKLOG, MAX_BACKLOG_AGE) == (usual.max_backlog, usual.max_age)


async def test_number(services: Services, outbox: OutboxTrimmer) -> None:
    """Beyond the bound the oldest events are dropped for good, counted and logged."""
    one = await create_subscription(services)
    await emit_events(services.store, 12)
    with capture_logs() as logs:
        done = [await outbox.trim(), await outbox.trim()]
    (found,) = await services.store.subscriptions.all_subscriptions()

    assert [2, 0] == done
    assert (2, 10) == (one.dropped, await left(services, one))
    assert (2, one.cursor) == (found.dropped, found.cursor)
    assert 2 == services.counts["bounds.subscriptionBacklog"]
    assert [("subscription.events_dropped", 2)] == [
        (each["event"], each["dropped"]) for each in logs
    ]


async def test_many(services: Services, outbox: OutboxTrimmer) -> None:
    """However many events are too many, they are dropped at once."""
    one = await create_subscription(services, health=SubscriptionHealth.PAUSED)
    await emit_events(services.store, 1700)
    await outbox.trim()

    assert (1690, 10) == (one.dropped, await left(services, one))


async def test_age(
    services: Services, outbox: OutboxTrimmer, clock: ManualClock
) -> None:
    """Events that waited for three days fall off."""
    one = await create_subscription(services, health=SubscriptionHealth.PAUSED)
    await emit_events(services.store, 3)
    clock.tick(3 * DAY - 1)
    before = await outbox.trim()
    await emit_events(services.store, 2)
    clock.tick(2)
    await outbox.trim()

    assert 0 == before
    assert (3, 2) == (one.dropped, await left(services, one))


async def test_only_what_it_wants(services: Services, outbox: OutboxTrimmer) -> None:
    """An event that a subscription did not want does not count as dropped for it."""
    one = await create_subscription(
        services, events=frozenset({EventType.TASK_FINISHED})
    )
    await emit_events(services.store, 12)
    with capture_logs() as logs:
        await outbox.trim()

    assert (0, []) == (one.dropped, logs)


DOOR = frozenset({7})


async def test_what_others_want(services: Services, outbox: OutboxTrimmer) -> None:
    """Events that a subscription does not want push out none that it wants."""
    one = await create_subscription(services, device_ids=DOOR)
    for _ in range(3):
        await emit_events(services.store, 2, device=7)
        await emit_events(services.store, 600)
        await outbox.trim()

    assert 0 == one.dropped
    assert 6 == await matching_left(services, one)


async def test_its_own_number(services: Services, outbox: OutboxTrimmer) -> None:
    """
    The oldest events that a subscription wants are dropped, even while it reads, and no
    more.
    """
    one = await create_subscription(services, device_ids=DOOR)
    for _ in range(4):
        await emit_events(services.store, 4, device=7)
        await emit_events(services.store, 20)
        await outbox.trim()
    first = one.dropped
    one.cursor = (
        await services.store.subscriptions.events(
            DEFAULT_SCOPE_ID, after=one.cursor, limit=25
        )
    )[-1].id
    before = await matching_left(services, one)
    await emit_events(services.store, 14 - before, device=7)
    await outbox.trim()

    assert (6, 4) == (first, one.dropped - first)
    assert 10 == await matching_left(services, one)


async def matching_left(services: Services, of: Subscription) -> int:
    """Return how many events that it wants a subscription has before it."""
    found = await services.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=of.cursor, limit=10_000
    )
    matches = services.subscription_registry.matches
    return sum(matches(of.event_filter, event) for event in found)


async def test_other_scope(services: Services, outbox: OutboxTrimmer) -> None:
    """Another scope's events do not push out one's own."""
    one = await create_subscription(services)
    await emit_events(services.store, 5)
    await emit_events(services.store, 20, scope=2)
    await outbox.trim()

    assert (0, 5) == (one.dropped, await left(services, one))


async def test_store_away(
    services: Services, outbox: OutboxTrimmer, driver: ServiceDriver
) -> None:
    """A trim that could not be written is done the next time, and counted once."""
    one = await create_subscription(services)
    await emit_events(services.store, 12)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await outbox.trim()
    await outbox.trim()
    (found,) = await services.store.subscriptions.all_subscriptions()

    assert (2, 2) == (one.dropped, found.dropped)


async def test_pending_number(services: Services, outbox: OutboxTrimmer) -> None:
    """Of more pending deliveries than may wait the oldest is given up, and counted."""
    one = await create_subscription(services)
    ids = await emit_pending(services, one, 15)
    with capture_logs() as logs:
        done = [await outbox.trim(), await outbox.trim()]

    dead = await listed(services, WebhookState.DEAD)
    assert ([5, 0], ids[:5]) == (done, sorted(dead))
    assert 5 == one.dropped
    assert ["subscription.events_dropped"] == [each["event"] for each in logs]


async def test_pending_age(
    services: Services, outbox: OutboxTrimmer, clock: ManualClock
) -> None:
    """
    A delivery that waited behind others for longer than events are kept is given up.
    """
    one = await create_subscription(services)
    ids = await emit_pending(services, one, 1)
    clock.tick(EVENT_RETENTION / SECOND - 1)
    before = await outbox.trim()
    clock.tick(2)
    await outbox.trim()

    assert 0 == before
    assert ids == await listed(services, WebhookState.DEAD)
    assert 1 == one.dropped


async def emit_pending(services: Services, of: Subscription, count: int) -> list[int]:
    """Have events happen that were all tried once, and are to be tried again."""
    ids = [event.id for event in await emit_events(services.store, count)]
    of.cursor = ids[-1]
    await services.store.subscriptions.record_deliveries(
        of, [webhook_delivery(each) for each in ids]
    )
    return ids


async def listed(services: Services, state: WebhookState) -> list[int]:
    """Return the events of the deliveries that are in a state."""
    found = await services.store.subscriptions.deliveries(
        1, state=state, before=None, limit=100
    )
    return [each.event_id for each, _ in found]


async def test_old_events(
    services: Services, outbox: OutboxTrimmer, clock: ManualClock
) -> None:
    """Events go after a week; those that were given up, after thirty days."""
    await create_subscription(services)
    delivered, dead, nobodys = await emit_events(services.store, 3)
    await services.store.subscriptions.record_deliveries(
        services.subscription_registry.get(DEFAULT_SCOPE_ID, 1),
        [
            webhook_delivery(delivered.id, state=WebhookState.DELIVERED),
            webhook_delivery(dead.id, state=WebhookState.DEAD),
        ],
    )
    clock.tick(7 * DAY + 1)
    await outbox.trim()
    week = await ids_left(services)
    clock.tick(23 * DAY)
    await outbox.trim()

    assert (7, 30) == (
        EVENT_RETENTION // DAY // SECOND,
        DEAD_LETTER_RETENTION // DAY // SECOND,
    )
    assert [dead.id] == week
    assert nobodys.id not in week
    assert [] == await ids_left(services)


async def ids_left(services: Services) -> list[int]:
    """Return the ids of the events that are there."""
    found = await services.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=0, limit=100
    )
    return [event.id for event in found]


async def test_in_pieces(
    services: Services, outbox: OutboxTrimmer, clock: ManualClock
) -> None:
    """However many events are old, all of them go."""
    await emit_events(services.store, 1200)
    clock.tick(8 * DAY)

    assert 1200 == await outbox.trim()
    assert [] == await ids_left(services)


async def test_share(services: Services) -> None:
    """All subscriptions of a scope together keep no more than the scope may."""
    outbox = OutboxTrimmer(
        services.store.subscriptions,
        services.subscription_registry,
        services.clock,
        services.counts,
        max_backlog=10,
        max_scope_backlog=12,
    )
    one = await create_subscription(services, health=SubscriptionHealth.PAUSED)
    await emit_events(services.store, 10)
    alone = await outbox.trim()
    two = await create_subscription(
        services, id=one.id + 1, health=SubscriptionHealth.PAUSED, cursor=one.cursor
    )
    one = services.subscription_registry.get(DEFAULT_SCOPE_ID, one.id)
    shared = await outbox.trim()

    assert (0, 8) == (alone, shared)
    assert [6, 6] == [await left(services, each) for each in (one, two)]
    assert 8 == services.counts["bounds.scopeBacklog"]
    assert 0 == services.counts["bounds.subscriptionBacklog"]

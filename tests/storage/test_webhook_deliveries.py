"""
Which events were sent to which subscription, and which are due: stored and purged.
"""

import asyncio
from functools import partial

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.ids import first_id_at
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import (
    SubscriptionHealth,
    WebhookAttempt,
    WebhookDelivery,
    WebhookState,
)
from pushserver.storage.base import Store
from pushserver.storage.subscriptions import Lag
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE
from tests.storage.read_counts import count_reads
from tests.storage.subscriptions import (
    emit_events,
    save_subscription,
    subscription,
    webhook_delivery,
)

DAY = 86_400 * SECOND
DEAD, DONE = WebhookState.DEAD, WebhookState.DELIVERED


def plain(found: WebhookDelivery | None) -> dict[str, object] | None:
    """Return a delivery as plain values."""
    return None if found is None else attrs.asdict(found, recurse=False)


async def due(
    store: Store, *, now: int = START, ordered: bool = False, limit: int = 100
) -> list[int]:
    """Return which events are due."""
    found = await store.subscriptions.due_deliveries(
        1, now=now, ordered=ordered, limit=limit
    )
    return [each.event_id for each in found]


async def state_of(store: Store, event_id: int) -> tuple[str, int | None]:
    """Return where one delivery stands."""
    found = await store.subscriptions.find_delivery(1, event_id)
    assert found is not None
    return found.state, found.next_attempt_at


@pytest.mark.parametrize(
    "expected",
    [
        webhook_delivery(5, device_id=None, state=DONE, next_attempt_at=None),
        webhook_delivery(
            5,
            attempts=[
                WebhookAttempt(at=START, duration=15, error="No answer within 15 s."),
                WebhookAttempt(
                    at=START + 5, duration=20, status=200, answer='{"é":"\0☃"}'
                ),
            ],
        ),
    ],
    ids=["plain", "full"],
)
async def test_every_field(store: Store, expected: WebhookDelivery) -> None:
    """A delivery comes back as it was, with each try at it."""
    await save_subscription(store, expected)

    assert plain(expected) == plain(await store.subscriptions.find_delivery(1, 5))
    assert await store.subscriptions.find_delivery(1, 6) is None


async def test_recorded_at_once(store: Store) -> None:
    """What came of deliveries and how the subscription does are written together."""
    one = await save_subscription(store, webhook_delivery(5))
    one.cursor, one.health, one.failures = 6, SubscriptionHealth.PAUSED, 3
    again = webhook_delivery(
        5, next_attempt_at=START + 1, attempts=[WebhookAttempt(at=START, duration=1)]
    )
    await store.subscriptions.record_deliveries(one, [again, webhook_delivery(6)])

    (found,) = await store.subscriptions.all_subscriptions()
    assert (6, SubscriptionHealth.PAUSED, 3) == (
        found.cursor,
        found.health,
        found.failures,
    )
    assert plain(again) == plain(await store.subscriptions.find_delivery(1, 5))
    assert [6] == await due(store)


async def test_due(store: Store) -> None:
    """Due is what is pending and its time has come, what waited longest first."""
    await save_subscription(
        store,
        webhook_delivery(9),
        webhook_delivery(3, next_attempt_at=START + SECOND),
        webhook_delivery(4, next_attempt_at=START - SECOND),
        webhook_delivery(5, state=DONE, next_attempt_at=None),
        webhook_delivery(6, state=DEAD, next_attempt_at=None),
    )

    assert [4, 9] == await due(store)
    assert [4] == await due(store, limit=1)
    assert [4, 9, 3] == await due(store, now=START + SECOND)


async def test_of_each_subscription(store: Store) -> None:
    """Each subscription has its own deliveries of the same event."""
    await save_subscription(store, webhook_delivery(3))
    await save_subscription(
        store, webhook_delivery(3, subscription_id=2), owner=subscription(id=2)
    )
    await store.subscriptions.record_deliveries(subscription(id=2), [])

    assert [3] == await due(store)


async def test_due_in_order(store: Store) -> None:
    """Ordered, nothing is due whose device has an older event that waits."""
    away = START + DAY
    await save_subscription(
        store,
        webhook_delivery(1, device_id=1, next_attempt_at=away),
        webhook_delivery(2, device_id=1),
        webhook_delivery(3, device_id=2),
        webhook_delivery(4, device_id=2),
        webhook_delivery(5, device_id=3, state=DEAD, next_attempt_at=None),
        webhook_delivery(6, device_id=3),
        webhook_delivery(7, device_id=None),
        webhook_delivery(8, device_id=None),
    )

    assert [3, 4, 6, 7, 8] == await due(store, ordered=True)
    assert [3, 4] == await due(store, ordered=True, limit=2)
    assert [2, 3, 4, 6, 7, 8] == await due(store)
    assert [1, 2] == (await due(store, ordered=True, now=away))[:2]


async def test_next_due(store: Store) -> None:
    """A worker with nothing to do gets the time of the next delivery."""
    next_due = store.subscriptions.next_due_at
    assert await next_due(1, ordered=False) is None
    await save_subscription(
        store,
        webhook_delivery(3, next_attempt_at=START + 9),
        webhook_delivery(4, next_attempt_at=START + 7, device_id=1),
        webhook_delivery(5, state=DEAD, next_attempt_at=None),
    )

    assert START + 7 == await next_due(1, ordered=False)
    assert START + 7 == await next_due(1, ordered=True)


async def test_next_due_in_order(store: Store) -> None:
    """Ordered, what waits behind an older event of its device is nothing to do."""
    await save_subscription(
        store,
        webhook_delivery(3, next_attempt_at=START + 9),
        webhook_delivery(4, next_attempt_at=0),
    )

    assert START + 9 == await store.subscriptions.next_due_at(1, ordered=True)
    assert 0 == await store.subscriptions.next_due_at(1, ordered=False)


async def test_blocked_devices(store: Store) -> None:
    """The devices with something pending are known, whatever their time is."""
    await save_subscription(
        store,
        webhook_delivery(1, device_id=1, next_attempt_at=START + DAY),
        webhook_delivery(2, device_id=None),
        webhook_delivery(3, device_id=3, state=DONE),
        webhook_delivery(4, device_id=1),
    )

    assert {1, None} == await store.subscriptions.devices_with_pending(1)
    assert frozenset() == await store.subscriptions.devices_with_pending(2)


async def listed(
    store: Store,
    state: WebhookState | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[int]:
    """Return which deliveries are listed."""
    found = await store.subscriptions.deliveries(
        1, state=state, before=before, limit=limit
    )
    return [each.event_id for each, _ in found]


async def test_list(store: Store) -> None:
    """Deliveries are listed by their events, the newest first, page by page."""
    await save_subscription(
        store, *(webhook_delivery(n, state=DEAD if n % 2 else DONE) for n in range(6))
    )

    assert [5, 4, 3, 2, 1, 0] == await listed(store)
    assert [5, 3, 1] == await listed(store, DEAD)
    assert [3] == await listed(store, DEAD, before=5, limit=1)


async def test_list_of_devices(store: Store) -> None:
    """Deliveries of some devices are listed alone, also beside those of none."""
    await save_subscription(
        store,
        *(webhook_delivery(number, device_id=number) for number in range(1, 5)),
        webhook_delivery(5, device_id=None),
    )
    of_devices = partial(store.subscriptions.deliveries, 1, state=None, before=4)

    found = [
        [each.event_id for each, _ in await of_devices(limit=9, device_ids=ids)]
        for ids in (None, frozenset({1, 3, 4}), frozenset[int]())
    ]
    assert [[3, 2, 1], [3, 1], []] == found


async def test_list_with_events(store: Store) -> None:
    """A delivery is listed with its event, but its data, as long as that is there."""
    (event,) = await emit_events(store)
    listed = attrs.evolve(event, data=None)
    await save_subscription(store, webhook_delivery(event.id), webhook_delivery(5))

    found = await store.subscriptions.deliveries(1, state=None, before=None, limit=9)
    assert [(event.id, listed), (5, None)] == [(d.event_id, e) for d, e in found]


async def test_lag(store: Store) -> None:
    """How far a subscription is behind: what waits, what died, what is unread."""
    events = await emit_events(store, 5)
    await emit_events(store, 1, scope=2)
    one = subscription(cursor=events[1].id)
    await save_subscription(
        store,
        webhook_delivery(1),
        webhook_delivery(2),
        webhook_delivery(3, state=DEAD),
        webhook_delivery(4, state=DONE),
        owner=one,
    )

    two = subscription(id=2, cursor=events[-1].id)
    idle = subscription(id=3, scope_id=2)
    lags = await store.subscriptions.lags([one, two, idle])

    expected = {1: Lag(pending=2, dead=1, unprocessed=3), 2: Lag(0, 0, 0)}
    assert expected | {3: Lag(0, 0, 1)} == lags
    assert {} == await store.subscriptions.lags([])


async def test_lags_of_a_list(store: Store) -> None:
    """The lags of all that are listed are read together, not one by one."""
    async with count_reads(store) as count:
        await store.subscriptions.lags([subscription(id=n) for n in range(1, 51)])

    assert 1 == len(count.statements)


async def test_hurry(store: Store) -> None:
    """What is pending may be tried at once; nothing that is due waits for longer."""
    await save_subscription(
        store,
        webhook_delivery(1, next_attempt_at=START + DAY),
        webhook_delivery(2, next_attempt_at=0),
        webhook_delivery(3, state=DEAD, next_attempt_at=None),
        webhook_delivery(4, state=DONE, next_attempt_at=None),
    )
    await store.subscriptions.retry_pending_now(1, now=START, limit=9)

    states = [await state_of(store, number) for number in (1, 2, 3, 4)]
    expected = [("pending", START), ("pending", 0), ("dead", None), ("delivered", None)]
    assert expected == states


async def test_revive(store: Store) -> None:
    """Those of the given events that were given up are pending again, at once."""
    old, new = first_id_at(START) - 1, first_id_at(START)
    await save_subscription(
        store,
        webhook_delivery(old, state=DEAD, next_attempt_at=None),
        webhook_delivery(new, state=DEAD, next_attempt_at=None),
        webhook_delivery(new + 1, state=DONE, next_attempt_at=None),
    )

    requeue = store.subscriptions.requeue_dead
    assert 1 == await requeue(1, [new, new + 1], now=START + 5)
    assert 0 == await requeue(1, [], now=START + 5)
    assert ("dead", None) == await state_of(store, old)
    assert ("pending", START + 5) == await state_of(store, new)
    assert ("delivered", None) == await state_of(store, new + 1)


async def test_give_up(store: Store) -> None:
    """What is pending beyond a number, or from before an instant, is given up."""
    base = first_id_at(START)
    one = await save_subscription(
        store,
        webhook_delivery(base - 2, state=DONE, next_attempt_at=None),
        webhook_delivery(base - 1),
        *(
            webhook_delivery(base + number, next_attempt_at=START + 9)
            for number in range(6)
        ),
    )
    give_up = partial(store.subscriptions.dead_letter_backlog, one.id, before=START)

    assert [1, 0] == [await give_up(keep=100, limit=9) for _ in range(2)]
    assert [2, 1, 0] == [await give_up(keep=3, limit=2) for _ in range(3)]
    assert [base + 2, base + 1, base, base - 1] == await listed(store, DEAD)
    assert [4] == [
        each.dropped for each in await store.subscriptions.all_subscriptions()
    ]
    assert ("dead", None) == await state_of(store, base)


async def test_horizon(store: Store) -> None:
    """Beyond the horizon are all events of a scope but the newest."""
    events = await emit_events(store, 5)
    await emit_events(store, 3, scope=2)
    horizon = partial(store.subscriptions.backlog_start, DEFAULT_SCOPE_ID)

    assert events[2].id == await horizon(keep=2)
    assert 0 == await horizon(keep=5)


async def test_purge_events(store: Store) -> None:
    """Old events go with their deliveries, but not while one of them waits."""
    events = await emit_events(store, 4)
    states = (DONE, DEAD, WebhookState.PENDING)
    sent = zip(events[:3], states, strict=True)
    await save_subscription(
        store, *(webhook_delivery(event.id, state=state) for event, state in sent)
    )
    purge = partial(store.subscriptions.purge_events, before=START + SECOND)

    assert [1, 1, 0] == [await purge(limit=1) for _ in range(3)]
    assert [events[1].id, events[2].id] == await ids_left(store)
    assert await store.subscriptions.find_delivery(1, events[0].id) is None
    assert 2 == len(await listed(store))


async def test_purge_events_young(store: Store, clock: ManualClock) -> None:
    """Events that are not old stay."""
    await emit_events(store, 2)

    assert 0 == await store.subscriptions.purge_events(before=clock.now(), limit=9)
    assert 2 == len(await ids_left(store))


async def test_purge_dead(store: Store) -> None:
    """What was given up long ago is forgotten; its event may go then."""
    (event,) = await emit_events(store)
    old = first_id_at(START - DAY)
    await save_subscription(
        store,
        webhook_delivery(old, state=DEAD),
        webhook_delivery(old + 1, state=DONE),
        webhook_delivery(event.id, state=DEAD),
    )

    assert 1 == await store.subscriptions.purge_dead_deliveries(before=START, limit=9)
    assert [event.id, old + 1] == await listed(store)


async def ids_left(store: Store) -> list[int]:
    """Return the ids of the events that are there."""
    found = await store.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=100)
    return [event.id for event in found]


async def test_written_while_read(store: Store) -> None:
    """Writing what came of one subscription is not held up by reading another's."""
    events = list(await emit_events(store, 300))
    one = await save_subscription(store)
    chunks = [events[at : at + 30] for at in range(0, 300, 30)]
    async with asyncio.timeout(20):
        await asyncio.gather(
            *(
                store.subscriptions.record_deliveries(
                    one, [webhook_delivery(e.id) for e in chunk]
                )
                for chunk in chunks
            ),
            *(listed(store) for _ in range(10)),
        )

    assert [event.id for event in events] == await due(store, limit=1000)
    assert DEVICE in await store.subscriptions.devices_with_pending(1)

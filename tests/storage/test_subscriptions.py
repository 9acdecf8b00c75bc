"""Subscriptions are stored, field by field, and deleted with all that is theirs."""

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.actor import Actor
from pushserver.model.event import EventType
from pushserver.model.retry_policy import RetryProfile
from pushserver.model.subscription import (
    Subscription,
    SubscriptionHealth,
    WebhookFormat,
)
from pushserver.model.token import Permission
from pushserver.storage.base import Store
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE
from tests.scopes import add_scopes
from tests.storage.locations import StoreLocation, failing_commits, open_store
from tests.storage.subscriptions import (
    save_subscription,
    subscription,
    webhook_delivery,
)

FULL = subscription(
    id=7,
    scope_id=3,
    events=frozenset({EventType.COMMAND_STATUS, EventType.DEVICE_OFFLINE}),
    format=WebhookFormat.IOTDA,
    app_id="door app",
    cursor=2**62,
    device_ids=frozenset({DEVICE, 1}),
    tags={"site": frozenset({"São Paulo"}), "a": frozenset({"1", "2", "3"})},
    ordered=True,
    headers={"Authorization": "Bearer x"},
    description="the doors",
    created_by=Actor(5, "João"),
    include_result=True,
    profile=RetryProfile.HUAWEI,
    resource_name="device.commmad.status",
    old_secret="whsec_b2xk",
    old_secret_until=START + 1,
    health=SubscriptionHealth.PAUSED,
    failures=12,
    failing_since=START + 2,
    dropped=3,
    last_success_at=START + 4,
    last_failure_at=START + 5,
    last_error="The receiver answered 500.",
    may_read=frozenset({Permission.RESULTS_READ}),
)


async def all_of(store: Store) -> list[dict[str, object]]:
    """Return every subscription, as plain values."""
    found = await store.subscriptions.all_subscriptions()
    return [attrs.asdict(each, recurse=False) for each in found]


@pytest.mark.parametrize("expected", [subscription(), FULL], ids=["plain", "full"])
async def test_every_field(
    location: StoreLocation, clock: ManualClock, expected: Subscription
) -> None:
    """A subscription comes back as it was, also after a restart."""
    async with open_store(location, clock) as store:
        if expected is FULL:
            await add_scopes(store, [FULL.scope_id], clock)
        await store.subscriptions.add_subscription(expected)
    async with open_store(location, clock) as store:
        assert [attrs.asdict(expected, recurse=False)] == await all_of(store)


def test_full_is_full() -> None:
    """The fullest subscription leaves no field as it is by itself."""
    plain = subscription()
    same = [
        field.name
        for field in attrs.fields(Subscription)
        if getattr(plain, field.name) == getattr(FULL, field.name)
    ]

    assert ["created_at", "url", "secret"] == same


async def test_changed(store: Store) -> None:
    """A change writes the fields that it names, and none that others know better."""
    await save_subscription(store, owner=subscription(cursor=7, description="old"))
    old = subscription(cursor=1, description="changed", failures=3)

    await store.subscriptions.update_subscription(old, ["description"])
    await store.subscriptions.update_subscription(old, [])

    (now,) = await all_of(store)
    assert ("changed", 7, 0) == (now["description"], now["cursor"], now["failures"])


async def test_progress(store: Store) -> None:
    """A worker stores its progress and overwrites no setting."""
    await save_subscription(store, owner=subscription(description="new"))
    old = subscription(cursor=9, description="old", failures=3)

    await store.subscriptions.record_deliveries(old, [])

    (now,) = await all_of(store)
    assert ("new", 9, 3) == (now["description"], now["cursor"], now["failures"])


async def test_switched_off_elsewhere(store: Store) -> None:
    """
    A subscription that was disabled stays so, whatever becomes of what was under way.
    """
    await save_subscription(
        store, owner=subscription(health=SubscriptionHealth.DISABLED)
    )

    await store.subscriptions.record_deliveries(
        subscription(health=SubscriptionHealth.ACTIVE), []
    )

    assert [SubscriptionHealth.DISABLED] == [
        each["health"] for each in await all_of(store)
    ]


async def test_oldest_first(store: Store) -> None:
    """Subscriptions are listed by age."""
    for number in (3, 1, 2):
        await save_subscription(store, owner=subscription(id=number))

    assert [1, 2, 3] == [each["id"] for each in await all_of(store)]


async def test_forgotten(store: Store) -> None:
    """
    A deleted subscription goes, then its deliveries in batches; others keep theirs.
    """
    one = await save_subscription(
        store, webhook_delivery(10), webhook_delivery(11), webhook_delivery(12)
    )
    await save_subscription(
        store, webhook_delivery(10, subscription_id=2), owner=subscription(id=2)
    )
    await store.subscriptions.delete_subscription(one.id)
    purge = store.subscriptions.purge_orphaned_deliveries
    assert [2, 1, 0] == [await purge(limit=2) for _ in range(3)]

    find = store.subscriptions.find_delivery
    assert [2] == [each["id"] for each in await all_of(store)]
    assert [None, 10] == [
        found and found.event_id for found in (await find(1, 10), await find(2, 10))
    ]


async def test_not_brought_back(store: Store) -> None:
    """What comes of deliveries after the subscription is gone brings nothing back."""
    one = await save_subscription(store)
    await store.subscriptions.delete_subscription(one.id)
    await store.subscriptions.record_deliveries(one, [webhook_delivery(10)])

    assert [] == await all_of(store)
    assert await store.subscriptions.find_delivery(1, 10) is None


async def test_store_away(store: Store) -> None:
    """What cannot be written is said, and nothing of it is there."""
    one = await save_subscription(store)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await store.subscriptions.record_deliveries(
                attrs.evolve(one, cursor=5), [webhook_delivery(5)]
            )

    assert [0] == [each["cursor"] for each in await all_of(store)]
    assert await store.subscriptions.find_delivery(1, 5) is None

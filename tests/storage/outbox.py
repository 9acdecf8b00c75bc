"""Events, subscriptions and deliveries, in one line each."""

from collections.abc import Sequence
from typing import Any

from pushserver.model.changes import Changes
from pushserver.model.event import DeviceTold, Event, EventType
from pushserver.model.lane import Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import (
    DeliveryState,
    Format,
    Subscription,
    WebhookDelivery,
)
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past
from tests.clock import START
from tests.model.values import DEVICE

ALL = frozenset(EventType)


def subscription(**given: Any) -> Subscription:
    """Return a subscription to everything, as most are."""
    usual: dict[str, Any] = {
        "id": 1,
        "scope_id": FIRST_SCOPE,
        "created_at": START,
        "url": "https://example.com/hook",
        "events": ALL,
        "format": Format.NATIVE,
        "secret": "whsec_c2VjcmV0",
        "app_id": "1",
        "cursor": 0,
    }
    return Subscription(**{**usual, **given})


def delivery(event_id: int, **given: Any) -> WebhookDelivery:
    """Return a delivery that is due at once."""
    usual: dict[str, Any] = {
        "subscription_id": 1,
        "device_id": DEVICE,
        "state": DeliveryState.PENDING,
        "next_at": START,
    }
    return WebhookDelivery(event_id=event_id, **{**usual, **given})


async def happen(
    store: Store, count: int = 1, *, scope: int = FIRST_SCOPE, device: int = DEVICE
) -> Sequence[Event]:
    """Let something happen in a scope, as often as is asked for."""
    store.interest[scope] = ALL

    def decide(_lane: Lane, changes: Changes, _past: Past) -> Sequence[Event]:
        begun, now = len(changes.events), START
        for _ in range(count):
            kind, told = EventType.DEVICE_ONLINE, DeviceTold(last_seen_at=now)
            changes.tell(scope, kind, now, told, device)
        return changes.events[begun:]

    return await store.change(device, decide)


async def kept(
    store: Store, *deliveries: WebhookDelivery, of: Subscription | None = None
) -> Subscription:
    """Keep a subscription, and what came of deliveries to it."""
    owner = subscription() if of is None else of
    await store.subscriptions.add_subscription(owner)
    await store.subscriptions.record(owner, deliveries)
    return owner

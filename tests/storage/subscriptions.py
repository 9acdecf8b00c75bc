"""Events, subscriptions and deliveries, in one line each."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pushserver.model.changes import Changes
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import DevicePayload, ShadowPayload
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import (
    Subscription,
    WebhookDelivery,
    WebhookFormat,
    WebhookState,
)
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from tests.clock import START
from tests.model.factories import DEVICE

ALL_EVENTS = frozenset(EventType)


def subscription(**overrides: Any) -> Subscription:
    """Return a subscription to everything, as most are."""
    defaults: dict[str, Any] = {
        "id": 1,
        "scope_id": DEFAULT_SCOPE_ID,
        "created_at": START,
        "url": "https://example.com/hook",
        "events": ALL_EVENTS,
        "format": WebhookFormat.NATIVE,
        "secret": "whsec_c2VjcmV0",
        "app_id": "1",
        "cursor": 0,
    }
    return Subscription(**{**defaults, **overrides})


def webhook_delivery(event_id: int, **overrides: Any) -> WebhookDelivery:
    """Return a delivery that is due at once."""
    defaults: dict[str, Any] = {
        "subscription_id": 1,
        "device_id": DEVICE,
        "state": WebhookState.PENDING,
        "next_attempt_at": START,
    }
    return WebhookDelivery(event_id=event_id, **{**defaults, **overrides})


async def emit_events(
    store: Store, count: int = 1, *, scope: int = DEFAULT_SCOPE_ID, device: int = DEVICE
) -> Sequence[Event]:
    """Emit events in a scope, as many as requested."""
    store.event_interest[scope] = ALL_EVENTS

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> Sequence[Event]:
        first_new, now = len(changes.events), START
        for _ in range(count):
            kind, payload = EventType.DEVICE_ONLINE, DevicePayload(last_seen_at=now)
            changes.emit(scope, kind, now, payload, device)
        return changes.events[first_new:]

    return await store.change_lane(device, decide)


async def emit_errors(store: Store, size: int, count: int = 1) -> Sequence[Event]:
    """Emit events of a shadow, each with an error of so many bytes."""
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    payload = ShadowPayload(
        service_id="ntp",
        properties=msgspec.Raw(b'{"a":"b"}'),
        delivered=False,
        version=1,
        command_id=1,
        error="E" * size,
    )

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> Sequence[Event]:
        kind, first_new = EventType.SHADOW_STATUS, len(changes.events)
        for _ in range(count):
            changes.emit(DEFAULT_SCOPE_ID, kind, START, payload, DEVICE)
        return changes.events[first_new:]

    return await store.change_lane(DEVICE, decide)


async def save_subscription(
    store: Store, *deliveries: WebhookDelivery, owner: Subscription | None = None
) -> Subscription:
    """Store a subscription and the outcome of its deliveries."""
    saved = subscription() if owner is None else owner
    await store.subscriptions.add_subscription(saved)
    await store.subscriptions.record_deliveries(saved, deliveries)
    return saved

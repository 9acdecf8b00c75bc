"""Rows and values of events, subscriptions and webhooks, for every store."""

from typing import Any

import msgspec

from pushserver.model.event import Event, EventType
from pushserver.model.subscription import (
    PROGRESS_FIELDS,
    RetryProfile,
    Subscription,
    SubscriptionHealth,
    WebhookAttempt,
    WebhookDelivery,
    WebhookFormat,
    WebhookState,
)
from pushserver.storage.rows import Row

EVENT_COLUMNS = "id, scope_id, type, device_id, at, data"
SUBSCRIPTION_COLUMNS = (
    "id, scope_id, created_at, url, events, format, secret, app_id, cursor, device_ids,"
    " tags, ordered, headers, description, include_result, profile, resource_name,"
    " old_secret, old_secret_until, health, failures, failing_since, dropped,"
    " last_success_at, last_failure_at, last_error"
)
#: Comparable to itself, as NULL is not.
_NO_DEVICE = -1
WEBHOOK_COLUMNS = (
    "subscription_id, event_id, device_id, state, next_attempt_at, attempts"
)


def event_from_row(row: Row) -> Event:
    """Make an event of the columns EVENT."""
    return Event(
        id=row[0],
        scope_id=row[1],
        type=EventType(row[2]),
        device_id=row[3],
        at=row[4],
        data=bytes(row[5]),
    )


def event_row(event: Event) -> Row:
    """Return the columns EVENT."""
    return (
        event.id,
        event.scope_id,
        event.type._value_,
        event.device_id,
        event.at,
        event.data,
    )


def subscription_from_row(row: Row) -> Subscription:
    """Make a subscription of the columns SUBSCRIPTION."""
    return Subscription(
        id=row[0],
        scope_id=row[1],
        created_at=row[2],
        url=row[3],
        events=frozenset(EventType(name) for name in row[4].split()),
        format=WebhookFormat(row[5]),
        secret=row[6],
        app_id=row[7],
        cursor=row[8],
        device_ids=_read(row[9], frozenset[int] | None),
        tags=_read(row[10], dict[str, str] | None),
        ordered=bool(row[11]),
        headers=_read(row[12], dict[str, str]),
        description=row[13],
        include_result=bool(row[14]),
        profile=RetryProfile(row[15]),
        resource_name=row[16],
        old_secret=row[17],
        old_secret_until=row[18],
        health=SubscriptionHealth(row[19]),
        failures=row[20],
        failing_since=row[21],
        dropped=row[22],
        last_success_at=row[23],
        last_failure_at=row[24],
        last_error=row[25],
    )


def subscription_row(subscription: Subscription) -> Row:
    """Return the columns SUBSCRIPTION."""
    return (
        subscription.id,
        subscription.scope_id,
        subscription.created_at,
        subscription.url,
        " ".join(sorted(subscription.events)),
        subscription.format.value,
        subscription.secret,
        subscription.app_id,
        subscription.cursor,
        _encode_json(subscription.device_ids),
        _encode_json(subscription.tags),
        int(subscription.ordered),
        _encode_json(subscription.headers),
        subscription.description,
        int(subscription.include_result),
        subscription.profile.value,
        subscription.resource_name,
        subscription.old_secret,
        subscription.old_secret_until,
        subscription.health.value,
        subscription.failures,
        subscription.failing_since,
        subscription.dropped,
        subscription.last_success_at,
        subscription.last_failure_at,
        subscription.last_error,
    )


def delivery_progress_row(subscription: Subscription) -> Row:
    """Return the columns PROGRESS and the id."""
    row = [getattr(subscription, name) for name in PROGRESS_FIELDS]
    row[PROGRESS_FIELDS.index("health")] = subscription.health.value
    return (*row, subscription.id)


def webhook_from_row(row: Row) -> WebhookDelivery:
    """Make a delivery of the columns WEBHOOK."""
    return WebhookDelivery(
        subscription_id=row[0],
        event_id=row[1],
        device_id=device_id_from_column(row[2]),
        state=WebhookState(row[3]),
        next_attempt_at=row[4],
        attempts=msgspec.json.decode(row[5], type=list[WebhookAttempt]),
    )


def webhook_row(delivery: WebhookDelivery) -> Row:
    """Return the columns WEBHOOK."""
    return (
        delivery.subscription_id,
        delivery.event_id,
        _NO_DEVICE if delivery.device_id is None else delivery.device_id,
        delivery.state.value,
        delivery.next_attempt_at,
        msgspec.json.encode(delivery.attempts).decode(),
    )


def device_id_from_column(number: int) -> int | None:
    """Return the device that is meant by a webhook's `device_id`."""
    return None if number == _NO_DEVICE else number


def _read(text: str | None, type_: Any) -> Any:
    return None if text is None else msgspec.json.decode(text, type=type_)


def _encode_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

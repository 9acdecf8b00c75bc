"""Subscriptions and their deliveries as programs read them."""

from collections.abc import Mapping

from pushserver.clock import SECOND, rfc3339
from pushserver.model.event import Event
from pushserver.model.subscription import Subscription, WebhookAttempt, WebhookDelivery
from pushserver.web.api.event_names import format_event_names
from pushserver.web.api.subscription_types import (
    AttemptOut,
    BacklogOut,
    SubscriptionOut,
    WebhookDeliveryOut,
)
from pushserver.web.api.views import optional_instant


def subscription_out(
    subscription: Subscription, backlog: BacklogOut, secret: str | None
) -> SubscriptionOut:
    """Show a subscription; its secret only when it is new."""
    ids = subscription.device_ids
    return SubscriptionOut(
        id=str(subscription.id),
        url=subscription.url,
        events=format_event_names(subscription.events, subscription.format),
        format=subscription.format,
        device_ids=None if ids is None else [str(one) for one in sorted(ids)],
        tags=_tags_out(subscription.tags),
        ordered=subscription.ordered,
        headers=dict(subscription.headers),
        description=subscription.description,
        include=["result"] if subscription.include_result else [],
        retry_profile=subscription.profile,
        resource_name=subscription.resource_name,
        app_id=subscription.app_id,
        state=subscription.health,
        created_at=rfc3339(subscription.created_at),
        failures=subscription.failures,
        failing_since=optional_instant(subscription.failing_since),
        last_success_at=optional_instant(subscription.last_success_at),
        last_failure_at=optional_instant(subscription.last_failure_at),
        last_error=subscription.last_error,
        backlog=backlog,
        secret=secret,
    )


def _tags_out(tags: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if tags is None else dict(tags)


def webhook_delivery_out(
    delivery: WebhookDelivery, event: Event | None
) -> WebhookDeliveryOut:
    """Show what became of telling *event*, if that is still kept."""
    return WebhookDeliveryOut(
        id=str(delivery.event_id),
        webhook_id=delivery.message_id,
        type=None if event is None else event.type,
        device_id=None if delivery.device_id is None else str(delivery.device_id),
        event_at=None if event is None else rfc3339(event.at),
        state=delivery.state,
        next_at=rfc3339(delivery.next_attempt_at) if delivery.next_attempt_at else None,
        attempts=[attempt_out(attempt) for attempt in delivery.attempts],
    )


def attempt_out(attempt: WebhookAttempt) -> AttemptOut:
    """Show one try to deliver."""
    return AttemptOut(
        at=rfc3339(attempt.at),
        duration=attempt.duration / SECOND,
        status=attempt.status,
        answer=attempt.answer,
        error=attempt.error,
    )

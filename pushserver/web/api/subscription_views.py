"""Subscriptions and their deliveries as programs read them."""

import attrs
from msgspec import Raw
from msgspec.structs import replace

from pushserver.clock import SECOND, rfc3339
from pushserver.model.event import Event
from pushserver.model.subscription import Subscription, WebhookAttempt, WebhookDelivery
from pushserver.model.token import Permission, Token
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.api.event_names import format_event_names
from pushserver.web.api.rendering import optional_instant, render
from pushserver.web.api.subscription_types import (
    BacklogOut,
    SubscriptionOut,
)
from pushserver.web.api.webhook_delivery_types import (
    AttemptOut,
    WebhookDeliveryOut,
)


def subscription_out(
    protocols: DeviceProtocols,
    subscription: Subscription,
    backlog: BacklogOut,
    secret: str | None = None,
) -> SubscriptionOut:
    """Render a subscription; its secret only when it is new."""
    ids, tags = subscription.device_ids, subscription.tags
    return render(
        SubscriptionOut,
        subscription,
        events=format_event_names(subscription.events, subscription.format),
        device_ids=None if ids is None else Raw(protocols.display_ids(ids)),
        tags=tags and {key: sorted(values) for key, values in tags.items()},
        headers=dict(subscription.headers),
        include=["result"] if subscription.include_result else [],
        retry_profile=subscription.profile,
        state=subscription.health,
        backlog=backlog,
        secret=secret,
    )


def without_what_others_read(
    out: SubscriptionOut, reader: Token, *, has_own_headers: bool
) -> SubscriptionOut:
    """
    Return *out* without what *reader* needs to read subscriptions for.

    That is the last error, and the headers, unless it *has_own_headers*: those that
    the call itself sent.
    """
    if reader.has_permission(Permission.SUBSCRIPTIONS_READ):
        return out
    headers = out.headers if has_own_headers else {}
    return replace(out, last_error=None, headers=headers)


def webhook_delivery_out(
    protocols: DeviceProtocols,
    delivery: WebhookDelivery,
    event: Event | None,
    reader: Token,
) -> WebhookDeliveryOut:
    """Render a delivery of *event*, which may have been deleted meanwhile."""
    return render(
        WebhookDeliveryOut,
        delivery,
        id=str(delivery.event_id),
        device_id=None
        if delivery.device_id is None
        else protocols.display_id(delivery.device_id),
        webhook_id=delivery.message_id,
        type=None if event is None else event.type,
        event_at=None if event is None else rfc3339(event.at),
        next_at=optional_instant(delivery.next_attempt_at or None),
        attempts=[attempt_out(attempt, reader) for attempt in delivery.attempts],
    )


def attempt_out(attempt: WebhookAttempt, reader: Token) -> AttemptOut:
    """Render one attempt to deliver."""
    shown = shown_attempt(attempt, reader)
    return render(AttemptOut, shown, duration=attempt.duration / SECOND)


def shown_attempt(attempt: WebhookAttempt, reader: Token) -> WebhookAttempt:
    """Leave out what the receiver said, unless *reader* may read subscriptions."""
    if reader.has_permission(Permission.SUBSCRIPTIONS_READ):
        return attempt
    return attrs.evolve(attempt, answer=None, error=None)

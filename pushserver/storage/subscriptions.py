"""Events, subscriptions and the deliveries of webhooks."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.event import Event, EventType
from pushserver.model.subscription import Subscription, WebhookDelivery, WebhookState


@attrs.frozen
class Lag:
    """How far a subscription is behind, in events."""

    pending: int
    dead: int
    unprocessed: int


@attrs.frozen
class StreamInterest:
    """An event type that is recorded for streams of a scope, from when to when."""

    scope_id: int
    type: EventType
    recorded_since: int
    expires_at: int


class StreamInterestStore(Protocol):
    """The event types to record for streams, kept over restarts."""

    async def all_interests(self) -> Sequence[StreamInterest]:
        """Return every interest."""

    async def save_interests(self, interests: Collection[StreamInterest]) -> None:
        """Add interests; prolong those that exist and have not expired."""

    async def delete_expired(self, *, now: int) -> None:
        """Delete expired interests."""


class SubscriptionStore(Protocol):
    """Subscriptions, and the outbox; decisions write the events."""

    async def all_subscriptions(self) -> Sequence[Subscription]:
        """Return every subscription, oldest first."""

    async def add_subscription(
        self, subscription: Subscription, audit: Sequence[AuditEntry] = ()
    ) -> None:
        """
        Add a subscription.

        Raises:
            NotFound: its scope was deleted.
        """

    async def update_subscription(
        self,
        subscription: Subscription,
        names: Sequence[str],
        audit: Sequence[AuditEntry] = (),
    ) -> None:
        """Write these fields of a subscription, and no others."""

    async def delete_subscription(
        self, subscription_id: int, audit: Sequence[AuditEntry] = ()
    ) -> None:
        """
        Delete a subscription, but not its deliveries (`purge_orphaned_deliveries`).
        """

    async def purge_orphaned_deliveries(self, *, limit: int) -> int:
        """Delete deliveries of deleted subscriptions; return how many."""

    async def newest_event_id(self) -> int:
        """Return the id of the newest event, else 0."""

    async def events(self, scope_id: int, *, after: int, limit: int) -> Sequence[Event]:
        """
        Return the scope's events, oldest first, with ids above *after*.

        Data that is long is left in the store, as in all lists of events.
        """

    async def events_by_id(self, ids: Sequence[int]) -> Sequence[Event]:
        """Return those of these events that exist."""

    async def event_data(
        self, event_id: int, *, longest: int | None = None
    ) -> bytes | None:
        """
        Return the data of an event, if it exists.

        Raises:
            TooLong: it is of more than *longest* bytes, which were not read.
        """

    async def count_events(self, scope_id: int, *, after: int, to: int) -> int:
        """Count the scope's events with ids above *after*, up to *to*."""

    async def due_deliveries(
        self, subscription_id: int, *, now: int, ordered: bool, limit: int
    ) -> Sequence[WebhookDelivery]:
        """
        Return pending deliveries whose next attempt is due, most overdue first.

        If *ordered*, return them by event, without those behind an older delivery of
        the same device that is not due.
        """

    async def next_due_at(self, subscription_id: int, *, ordered: bool) -> int | None:
        """
        Return when the next pending delivery is due.

        If *ordered*, ignore those behind an older delivery of the same device.
        """

    async def devices_with_pending(self, subscription_id: int) -> frozenset[int | None]:
        """Return the devices with pending deliveries; None stands for no device."""

    async def record_deliveries(
        self, subscription: Subscription, deliveries: Sequence[WebhookDelivery]
    ) -> None:
        """
        Write the outcome of deliveries and the subscription's progress, atomically.

        The subscription's settings are left alone; a disabled one stays disabled.
        """

    async def requeue_delivery(self, delivery: WebhookDelivery) -> None:
        """Write one delivery that will be sent again."""

    async def find_delivery(
        self, subscription_id: int, event_id: int
    ) -> WebhookDelivery | None:
        """Return the delivery of one event."""

    async def deliveries(
        self,
        subscription_id: int,
        *,
        state: WebhookState | None,
        before: int | None,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[tuple[WebhookDelivery, Event | None]]:
        """
        List deliveries, newest first, below event id *before*.

        Each comes with its event, whose data is left in the store.

        With *device_ids*, list those of these devices alone.
        """

    async def retry_pending_now(
        self, subscription_id: int, *, now: int, limit: int
    ) -> int:
        """Make pending deliveries due at *now*; return how many were due later."""

    async def requeue_dead(
        self, subscription_id: int, event_ids: Sequence[int], *, now: int
    ) -> int:
        """Make those of these deliveries pending that are dead; return how many."""

    async def dead_letter_backlog(
        self, subscription_id: int, *, keep: int, before: int, limit: int
    ) -> int:
        """
        Give up pending deliveries beyond the newest *keep*, or of events before
        *before*.

        The oldest go first, at most *limit*. They count as dropped, and can be
        requeued. Return how many were given up.
        """

    async def backlog_start(self, scope_id: int, *, keep: int) -> int:
        """Return the id of the scope's newest event but *keep*; 0 if there is none."""

    async def lags(self, subscriptions: Sequence[Subscription]) -> Mapping[int, Lag]:
        """
        Return the lag of each, by its id.

        That is its pending and dead deliveries, and the events not processed yet.
        """

    async def purge_events(self, *, before: int, limit: int) -> int:
        """Delete old events without undelivered deliveries; return how many."""

    async def purge_dead_deliveries(self, *, before: int, limit: int) -> int:
        """Delete dead deliveries of events before *before*; return how many."""

"""The promise of every store for events, subscriptions and what was told to them."""

from collections.abc import Collection, Sequence
from typing import Protocol

import attrs

from pushserver.model.event import Event, EventType
from pushserver.model.subscription import (
    Subscription,
    WebhookDelivery,
    WebhookState,
)


@attrs.frozen
class Lag:
    """How far a subscription is behind."""

    pending: int
    dead: int
    unprocessed: int


@attrs.frozen
class StreamInterest:
    """A type of events of a scope that streams want, since when and until when."""

    scope_id: int
    type: EventType
    recorded_since: int
    expires_at: int


class StreamInterestStore(Protocol):
    """What streams want to hear of, so that it lasts over restarts."""

    async def all_interests(self) -> Sequence[StreamInterest]:
        """Return what is kept."""

    async def save_interests(self, interests: Collection[StreamInterest]) -> None:
        """Keep wishes; one that is kept already lasts longer, if it had not lapsed."""

    async def delete_expired(self, *, now: int) -> None:
        """Forget what has lapsed."""


class SubscriptionStore(Protocol):
    """Subscriptions, and the outbox. Events are written by decisions."""

    async def all_subscriptions(self) -> Sequence[Subscription]:
        """Return every subscription, oldest first."""

    async def add_subscription(self, subscription: Subscription) -> None:
        """Keep a new subscription."""

    async def update_subscription(
        self, subscription: Subscription, names: Sequence[str]
    ) -> None:
        """Write these fields of a subscription; the others are somebody else's."""

    async def delete_subscription(self, subscription_id: int) -> None:
        """
        Delete a subscription; what was told to it is left to
        `purge_orphaned_deliveries`.
        """

    async def purge_orphaned_deliveries(self, *, limit: int) -> int:
        """Delete what was told to subscriptions that are gone; return how many."""

    async def newest_event_id(self) -> int:
        """Return the id of the newest event, else 0."""

    async def events(self, scope_id: int, *, after: int, limit: int) -> Sequence[Event]:
        """Return the scope's events with ids above *after*, in order."""

    async def events_by_id(self, ids: Sequence[int]) -> Sequence[Event]:
        """Return these events, those that are there."""

    async def count_events(self, scope_id: int, *, after: int, to: int) -> int:
        """Count the scope's events with ids above *after*, up to *to*."""

    async def due_deliveries(
        self, subscription_id: int, *, now: int, ordered: bool, limit: int
    ) -> Sequence[WebhookDelivery]:
        """
        Return what is to be tried again by now, what has waited for longest first.

        If *ordered*, oldest events first, and nothing whose device has an older one
        that waits for later.
        """

    async def next_due_at(self, subscription_id: int, *, ordered: bool) -> int | None:
        """
        Return when the next of the pending ones is to be tried.

        If *ordered*, of those that wait behind no older one of their device.
        """

    async def devices_with_pending(self, subscription_id: int) -> frozenset[int | None]:
        """Return the devices that have something pending."""

    async def record_deliveries(
        self, subscription: Subscription, deliveries: Sequence[WebhookDelivery]
    ) -> None:
        """
        Write what came of deliveries, and how the subscription does, at once.

        Its settings are left alone, and one that was switched off stays so.
        """

    async def requeue_delivery(self, delivery: WebhookDelivery) -> None:
        """Write one delivery that is to be sent again."""

    async def find_delivery(
        self, subscription_id: int, event_id: int
    ) -> WebhookDelivery | None:
        """Return what became of one event."""

    async def deliveries(
        self,
        subscription_id: int,
        *,
        state: WebhookState | None,
        before: int | None,
        limit: int,
    ) -> Sequence[tuple[WebhookDelivery, Event | None]]:
        """List deliveries by their events, newest first, with event ids below."""

    async def retry_pending_now(
        self, subscription_id: int, *, now: int, limit: int
    ) -> int:
        """Let what is pending be tried again by *now*; return how many were later."""

    async def requeue_dead(
        self, subscription_id: int, *, since: int, now: int, limit: int
    ) -> int:
        """Let what was given up be tried again, of events from *since* on; how many."""

    async def dead_letter_backlog(
        self, subscription_id: int, *, keep: int, before: int, limit: int
    ) -> int:
        """
        Give up what is pending beyond the newest *keep*, or of events before *before*.

        The oldest first, at most *limit*. It is counted as dropped, and can be revived;
        return how many.
        """

    async def backlog_start(self, scope_id: int, *, keep: int) -> int:
        """Return the scope's newest event but *keep*, 0 if there are fewer."""

    async def lag(self, subscription: Subscription) -> Lag:
        """Count what is pending, dead, and not looked at."""

    async def purge_events(self, *, before: int, limit: int) -> int:
        """Delete old events nobody waits for and what was told of them; how many."""

    async def purge_dead_deliveries(self, *, before: int, limit: int) -> int:
        """Forget what was given up of events made before *before*; how many."""

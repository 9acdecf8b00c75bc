"""Finds what to send to one subscription: due retries and new events."""

from collections.abc import Sequence

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.event import Event
from pushserver.model.in_flight import NEVER
from pushserver.model.subscription import (
    Subscription,
    SubscriptionHealth,
    WebhookAttempt,
    WebhookDelivery,
    WebhookState,
)
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.subscriptions import SubscriptionStore
from pushserver.workers.webhooks.send_window import PendingDelivery, SendWindow

log = structlog.get_logger(__name__)

#: Seconds after which the store is read even if no notice came.
RECHECK_INTERVAL = 60.0
#: How many deliveries are read for a probe, so that one to send is soon found behind
#: many that are not wanted any more.
_READ_FOR_PROBE = 64
_GONE = "Not sent: the event was deleted."
_NO_MATCH = "Not sent: the subscription does not want this event any more."


@attrs.frozen
class Batch:
    """
    What to send and to record next.

    `pending` can be sent. `unsent` cannot: it waits for an older event of its device,
    or was given up. Events up to the id `cursor` were read; with `has_more` there may
    be newer ones.
    """

    pending: Sequence[PendingDelivery]
    unsent: Sequence[WebhookDelivery]
    cursor: int
    has_more: bool


@attrs.define(eq=False)
class DeliverySource:
    """
    Reads from the store only what may have changed since the last read.

    The worker reports when events or deliveries were written elsewhere. Each read is a
    hop to a thread, which is most of the cost of a delivery.
    """

    subscription: Subscription
    subscriptions: SubscriptionRegistry
    store: SubscriptionStore
    window: SendWindow
    clock: Clock
    _has_new_events: bool = attrs.field(default=True, init=False)
    _has_pending: bool = attrs.field(default=True, init=False)
    _due_at: int = attrs.field(default=0, init=False)

    def expect_events(self) -> None:
        """Read events with the next batch: there may be new ones."""
        self._has_new_events = True

    def expect_anything(self) -> None:
        """Read everything with the next batch: deliveries may have changed, too."""
        self._has_new_events = self._has_pending = True
        self._due_at = 0

    def on_recorded(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Remember when the deliveries just recorded as pending are due."""
        pending = [d for d in deliveries if d.state is WebhookState.PENDING]
        if pending:
            self._has_pending = True
            due_at = min(d.next_attempt_at or 0 for d in pending)
            self._due_at = min(self._due_at, due_at)

    def seconds_until_due(self) -> float:
        """Return the seconds until the next batch may have something to send."""
        seconds = (self._due_at - self.clock.now()) / SECOND
        return min(RECHECK_INTERVAL, max(0.05, seconds))

    def no_batch(self) -> Batch:
        """Return a batch with nothing to do."""
        return Batch([], [], self.subscription.cursor, has_more=False)

    async def next_batch(self, limit: int) -> Batch:
        """
        Return the next batch, with at most *limit* deliveries.

        Raises:
            Unavailable: the store is away.
        """
        pending, given_up = await self._due_deliveries(limit)
        limit -= len(pending)
        events = await self._new_events(limit)
        new, blocked = await self._split_blocked(events)
        cursor = events[-1].id if events else self.subscription.cursor
        return Batch(
            [*pending, *new],
            [*given_up, *blocked],
            cursor,
            has_more=limit == len(events),
        )

    async def _new_events(self, limit: int) -> Sequence[Event]:
        if limit <= 0 or not self._has_new_events:
            return ()
        # Before reading, so that events written meanwhile set it again.
        self._has_new_events = False
        scope_id, cursor = self.subscription.scope_id, self.subscription.cursor
        events = await self.store.events(scope_id, after=cursor, limit=limit)
        self._has_new_events |= len(events) == limit
        return events

    async def _due_deliveries(
        self, limit: int
    ) -> tuple[list[PendingDelivery], list[WebhookDelivery]]:
        """Return due deliveries not under way, and those that are given up."""
        subscription, window, now = self.subscription, self.window, self.clock.now()
        to_read = limit + len(window)
        if subscription.health is SubscriptionHealth.PAUSED:
            # The probe is the longest waiting delivery, even if it is not due yet.
            now, to_read = NEVER, _READ_FOR_PROBE
        if now < self._due_at:
            return [], []
        deliveries = await self.store.due_deliveries(
            subscription.id,
            now=now,
            ordered=subscription.ordered,
            limit=to_read,
        )
        if not deliveries:
            await self._read_next_due()
        busy_devices = window.device_ids if subscription.ordered else frozenset()
        due = [
            each
            for each in deliveries
            if each.event_id not in window and each.device_id not in busy_devices
        ]
        if subscription.health is not SubscriptionHealth.PAUSED:
            due = due[:limit]
        pending, given_up = await self._with_events(due)
        return pending[:limit], given_up

    async def _read_next_due(self) -> None:
        # Before reading, so that a delivery written meanwhile resets them.
        self._due_at = self.clock.now() + round(RECHECK_INTERVAL * SECOND)
        self._has_pending = False
        next_due = await self.store.next_due_at(
            self.subscription.id, ordered=self.subscription.ordered
        )
        if next_due is not None:
            self._has_pending = True
            self._due_at = min(self._due_at, next_due)

    async def _with_events(
        self, due: Sequence[WebhookDelivery]
    ) -> tuple[list[PendingDelivery], list[WebhookDelivery]]:
        """
        Return deliveries with their events, and those that are given up.

        Their event is gone, or the filter or the device's tags were changed since.
        """
        if not due:
            return [], []
        stored_events = await self.store.events_by_id([each.event_id for each in due])
        events = {event.id: event for event in stored_events}
        pending, given_up = [], []
        for delivery in due:
            event = events.get(delivery.event_id)
            if event is not None and self.still_matches(event):
                pending.append((event, delivery))
            else:
                self.give_up(delivery, _GONE if event is None else _NO_MATCH)
                given_up.append(delivery)
        return pending, given_up

    def still_matches(self, event: Event) -> bool:
        """Tell whether an event matches the filter and the tags of now."""
        return self.subscriptions.matches(self.subscription.event_filter, event)

    def give_up(self, delivery: WebhookDelivery, why: str = _NO_MATCH) -> None:
        """Make a delivery a dead letter that says why it is not sent."""
        unsent = WebhookAttempt(at=self.clock.now(), duration=0, error=why)
        delivery.attempts.append(unsent)
        delivery.state, delivery.next_attempt_at = WebhookState.DEAD, None
        log.info(
            "webhook.dead",
            subscription_id=delivery.subscription_id,
            event_id=delivery.event_id,
            reason=why,
        )

    async def _split_blocked(
        self, events: Sequence[Event]
    ) -> tuple[list[PendingDelivery], list[WebhookDelivery]]:
        """Split the events into those to send and those that must wait."""
        pending, blocked = [], []
        blocked_devices = await self._blocked_devices() if events else frozenset()
        for event in events:
            if event.id in self.window or not self.still_matches(event):
                continue
            if event.device_id in blocked_devices:
                blocked.append(self._new_delivery(event))
            else:
                pending.append((event, self._new_delivery(event)))
        return pending, blocked

    async def _blocked_devices(self) -> frozenset[int | None]:
        """Return the devices whose next event must wait for an older one."""
        if not self.subscription.ordered:
            return frozenset()
        if not self._has_pending:
            return self.window.device_ids
        pending = await self.store.devices_with_pending(self.subscription.id)
        return pending | self.window.device_ids

    def _new_delivery(self, event: Event) -> WebhookDelivery:
        """Return a new delivery, which waits behind others."""
        return WebhookDelivery(
            subscription_id=self.subscription.id,
            event_id=event.id,
            device_id=event.device_id,
            state=WebhookState.PENDING,
            next_attempt_at=0,
        )

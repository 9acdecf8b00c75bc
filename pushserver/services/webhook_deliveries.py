"""Sends to subscriptions on request: a ping now, and again what was sent before."""

from collections.abc import Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict, NotFound, Unavailable
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.event import Event
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import (
    PingResult,
    Subscription,
    WebhookDelivery,
    WebhookState,
)
from pushserver.services.subscription_audit import subscription_entry
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.base import Store

#: How many dead letters are read at a time: each has the answers of its attempts.
_PAGE_SIZE = 100


@attrs.frozen(repr=False)
class WebhookDeliveries:
    """Sends pings, and events again."""

    store: Store
    clock: Clock
    registry: SubscriptionRegistry

    async def redeliver(
        self,
        scope_id: int,
        subscription_id: int,
        event_id: int,
        actor: Actor = SERVER,
    ) -> WebhookDelivery:
        """
        Redeliver one event as soon as possible.

        Raises:
            NotFound: there is no such subscription or delivery, or its event is gone.
            Conflict: the subscription does not want the event any more.
        """
        subscription = self.registry.get(scope_id, subscription_id)
        store = self.store.subscriptions
        delivery = await self._find(subscription, event_id)
        delivery.state, delivery.next_attempt_at = (
            WebhookState.PENDING,
            self.clock.now(),
        )
        entry = subscription_entry(
            subscription, actor, AuditAction.SUBSCRIPTION_REDELIVER
        )
        await self.store.audit.add_entries([entry])
        await store.requeue_delivery(delivery)
        self.registry.notify(subscription_id)
        return delivery

    async def _find(self, subscription: Subscription, event_id: int) -> WebhookDelivery:
        """Return a delivery that can be sent again."""
        store = self.store.subscriptions
        delivery = await store.find_delivery(subscription.id, event_id)
        events = await store.events_by_id([event_id])
        if delivery is None or not events:
            raise NotFound(f"There is no delivery {event_id} any more.")
        if not self.registry.matches(subscription.event_filter, events[0]):
            raise Conflict("The subscription does not want this event any more.")
        return delivery

    async def recover(
        self,
        scope_id: int,
        subscription_id: int,
        since: int,
        actor: Actor = SERVER,
        *,
        device_ids: frozenset[int] | None = None,
    ) -> int:
        """
        Redeliver dead-lettered events from *since* on; return how many.

        Only those of *device_ids*, if that is given; and those that the subscription
        does not want any more stay dead.

        Raises:
            NotFound: there is none.
        """
        subscription = self.registry.get(scope_id, subscription_id)
        entry = subscription_entry(
            subscription, actor, AuditAction.SUBSCRIPTION_REDELIVER
        )
        await self.store.audit.add_entries([entry])
        revived = await self._requeue_dead(subscription, since, device_ids)
        self.registry.notify(subscription_id)
        return revived

    async def _requeue_dead(
        self, subscription: Subscription, since: int, device_ids: frozenset[int] | None
    ) -> int:
        revived, first, now = 0, first_id_at(since), self.clock.now()
        # Downward: what is given up again meanwhile is not found a second time.
        before: int | None = None
        while before is None or before > first:
            page = await self.store.subscriptions.deliveries(
                subscription.id,
                state=WebhookState.DEAD,
                before=before,
                limit=_PAGE_SIZE,
                device_ids=device_ids,
            )
            if not page:
                break
            matching = [
                each for each in self._matching(subscription, page) if each >= first
            ]
            requeue = self.store.subscriptions.requeue_dead
            revived += await requeue(subscription.id, matching, now=now)
            before = page[-1][0].event_id
        return revived

    def _matching(
        self,
        subscription: Subscription,
        page: Sequence[tuple[WebhookDelivery, Event | None]],
    ) -> list[int]:
        """Return the events that are there, and that the subscription wants now."""
        event_filter, matches = subscription.event_filter, self.registry.matches
        events = [event for _, event in page if event is not None]
        return [event.id for event in events if matches(event_filter, event)]

    async def ping(
        self, scope_id: int, subscription_id: int, actor: Actor = SERVER
    ) -> PingResult:
        """
        Send a ping now, and return how the receiver answered.

        Raises:
            NotFound: there is no such subscription.
            Unavailable: no worker is running.
        """
        subscription = self.registry.get(scope_id, subscription_id)
        worker = self.registry.workers.get(subscription_id)
        if worker is None:
            raise Unavailable("The server is starting or stopping; try again.")
        entry = subscription_entry(subscription, actor, AuditAction.SUBSCRIPTION_PING)
        await self.store.audit.add_entries([entry])
        return await worker.ping()

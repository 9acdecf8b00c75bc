"""Sends to subscriptions on request: a ping now, and again what was sent before."""

from functools import partial

import attrs

from pushserver.clock import Clock
from pushserver.errors import NotFound, Unavailable
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.subscription import (
    PingResult,
    WebhookDelivery,
    WebhookState,
)
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.services.subscription_audit import subscription_entry
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.base import Store


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
        """
        subscription = self.registry.get(scope_id, subscription_id)
        store = self.store.subscriptions
        delivery = await store.find_delivery(subscription_id, event_id)
        if delivery is None or not await store.events_by_id([event_id]):
            raise NotFound(f"There is no delivery {event_id} any more.")
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

    async def recover(
        self,
        scope_id: int,
        subscription_id: int,
        since: int,
        actor: Actor = SERVER,
    ) -> int:
        """
        Redeliver dead-lettered events from *since* on; return how many.

        Raises:
            NotFound: there is none.
        """
        subscription = self.registry.get(scope_id, subscription_id)
        entry = subscription_entry(
            subscription, actor, AuditAction.SUBSCRIPTION_REDELIVER
        )
        await self.store.audit.add_entries([entry])
        requeue_batch = partial(
            self.store.subscriptions.requeue_dead,
            subscription_id,
            since=since,
            now=self.clock.now(),
            limit=BATCH_SIZE,
        )
        revived = await repeat_until_done(requeue_batch)
        self.registry.notify(subscription_id)
        return revived

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

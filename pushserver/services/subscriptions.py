"""Subscriptions as programs see them: create, change, enable, delete."""

from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict, Invalid
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry
from pushserver.model.event import EventType
from pushserver.model.ids import IdGenerator
from pushserver.model.subscription import (
    SECRET_OVERLAP,
    Subscription,
    SubscriptionHealth,
    WebhookFormat,
    new_webhook_secret,
)
from pushserver.services.ssrf_guard import SsrfGuard
from pushserver.services.stock_bounds import StockBounds
from pushserver.services.subscription_audit import subscription_entry
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.base import Store


@attrs.frozen(repr=False)
class Subscriptions:
    """Changes subscriptions in the store and in the registry."""

    store: Store
    clock: Clock
    ids: IdGenerator
    ssrf_guard: SsrfGuard
    registry: SubscriptionRegistry
    bounds: StockBounds

    async def create(
        self,
        scope_id: int,
        *,
        url: str,
        events: frozenset[EventType],
        format_: WebhookFormat,
        settings: Mapping[str, Any],
        actor: Actor = SERVER,
    ) -> Subscription:
        """
        Create a subscription, with a secret.

        Raises:
            Invalid: the URL is refused, or the format has no body for an event.
            Conflict: there is one with this URL, format, events and filter.
            LimitReached: the scope has enough.
        """
        await self._check_target(url, events, format_)
        cursor = await self.store.subscriptions.newest_event_id()
        subscription = Subscription(
            id=self.ids(),
            scope_id=scope_id,
            created_at=self.clock.now(),
            url=url,
            events=events,
            format=format_,
            secret=new_webhook_secret(),
            cursor=cursor,
            created_by=actor,
            **{"ordered": format_ is not WebhookFormat.NATIVE, **settings},
        )
        async with self.registry.write_lock:
            self._refuse_duplicate(subscription)
            present = len(self.registry.in_scope(scope_id))
            self.bounds.require_room("scope_subscriptions", present)
            entry = subscription_entry(
                subscription, actor, AuditAction.SUBSCRIPTION_CREATE
            )
            await self.store.subscriptions.add_subscription(subscription, [entry])
            self.registry.add(subscription)
        return subscription

    async def patch(
        self,
        scope_id: int,
        subscription_id: int,
        settings: Mapping[str, Any],
        actor: Actor = SERVER,
    ) -> Subscription:
        """
        Change a subscription.

        Raises:
            NotFound: there is none.
            Invalid: the URL is refused, or the format has no body for an event.
            Conflict: there is another with this URL, format, events and filter.
        """
        before = self.registry.get(scope_id, subscription_id)
        after = attrs.evolve(before, **settings)
        if "url" in settings or "events" in settings:
            await self._check_target(after.url, after.events, after.format)
        entry = subscription_entry(
            before, actor, AuditAction.SUBSCRIPTION_CHANGE, settings
        )
        return await self._change(before, settings, entry)

    async def _check_target(
        self, url: str, events: frozenset[EventType], format_: WebhookFormat
    ) -> None:
        unsupported = sorted(events - format_.event_types)
        if unsupported:
            raise Invalid(
                f"The format {format_} has no body for {', '.join(unsupported)}.",
                pointer="/events",
            )
        await self.ssrf_guard.check_resolved(url)

    def _refuse_duplicate(self, subscription: Subscription) -> None:
        for other in self.registry.in_scope(subscription.scope_id):
            if other.id != subscription.id and _same(other) == _same(subscription):
                raise Conflict(
                    f"Subscription {other.id} posts the same events"
                    f" ({', '.join(sorted(other.events))}) of {_of_devices(other)} to"
                    f" this URL already, in the format {other.format}."
                )

    async def delete(
        self, scope_id: int, subscription_id: int, actor: Actor = SERVER
    ) -> None:
        """
        Delete a subscription and its pending deliveries.

        Raises:
            NotFound: there is none.
        """
        async with self.registry.write_lock:
            subscription = self.registry.get(scope_id, subscription_id)
            entry = subscription_entry(
                subscription, actor, AuditAction.SUBSCRIPTION_DELETE
            )
            await self.store.subscriptions.delete_subscription(subscription_id, [entry])
            self.registry.remove(subscription)

    async def rotate_secret(
        self, scope_id: int, subscription_id: int, actor: Actor = SERVER
    ) -> Subscription:
        """
        Give a subscription a new secret; the old one also signs for a day.

        Raises:
            NotFound: there is none.
        """
        subscription = self.registry.get(scope_id, subscription_id)
        return await self._change(
            subscription,
            {
                "secret": new_webhook_secret(),
                "old_secret": subscription.secret,
                "old_secret_until": self.clock.now() + SECRET_OVERLAP,
            },
            subscription_entry(subscription, actor, AuditAction.SUBSCRIPTION_SECRET),
        )

    async def set_enabled(
        self,
        scope_id: int,
        subscription_id: int,
        actor: Actor = SERVER,
        *,
        enabled: bool,
    ) -> Subscription:
        """
        Enable or disable a subscription.

        Raises:
            NotFound: there is none.
        """
        subscription = self.registry.get(scope_id, subscription_id)
        health = SubscriptionHealth.ACTIVE if enabled else SubscriptionHealth.DISABLED
        settings = {"health": health, "failures": 0, "failing_since": None}
        action = (
            AuditAction.SUBSCRIPTION_ENABLE
            if enabled
            else AuditAction.SUBSCRIPTION_DISABLE
        )
        entry = subscription_entry(subscription, actor, action)
        return await self._change(subscription, settings, entry)

    async def _change(
        self,
        subscription: Subscription,
        settings: Mapping[str, Any],
        entry: AuditEntry,
    ) -> Subscription:
        """Change the subscription in memory; undo that if it cannot be stored."""
        async with self.registry.write_lock:
            self.registry.get(subscription.scope_id, subscription.id)
            self._refuse_duplicate(attrs.evolve(subscription, **settings))
            before = {name: getattr(subscription, name) for name in settings}
            self._assign(subscription, settings)
            try:
                await self.store.subscriptions.update_subscription(
                    subscription, list(settings), [entry]
                )
            except BaseException:
                self._assign(subscription, before)
                raise
            self.registry.add(subscription)
        return subscription

    @staticmethod
    def _assign(subscription: Subscription, settings: Mapping[str, Any]) -> None:
        for name, value in settings.items():
            setattr(subscription, name, value)


def _same(subscription: Subscription) -> tuple[object, ...]:
    """Return what tells a subscription from every other."""
    return (
        subscription.scope_id,
        subscription.url,
        subscription.format,
        subscription.event_filter,
    )


def _of_devices(subscription: Subscription) -> str:
    """Return in words whose events are posted."""
    filters = ["the same deviceIds"] if subscription.device_ids is not None else []
    filters += [
        f"the tag {' or '.join(f'{key}={value}' for value in sorted(values))}"
        for key, values in sorted((subscription.tags or {}).items())
    ]
    return f"devices with {' and '.join(filters)}" if filters else "all devices"

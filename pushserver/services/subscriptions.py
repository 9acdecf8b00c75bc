"""Subscriptions as programs see them: make, change, switch, send again."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict, Invalid, NotFound, Unavailable
from pushserver.model.changes import Changes
from pushserver.model.event import Event, EventType
from pushserver.model.ids import IdSource
from pushserver.model.news import News
from pushserver.model.subscription import (
    ROTATION,
    TELLS,
    DeliveryState,
    Format,
    Health,
    Ping,
    Subscription,
    Wanted,
    WebhookDelivery,
    new_webhook_secret,
)
from pushserver.services.directory import Directory
from pushserver.services.guard import Guard
from pushserver.services.interests import Interests
from pushserver.storage.base import Store

#: So many rows are written at once, so that a door command waits for no more.
PIECE = 500


class Courier(Protocol):
    """Who delivers to one subscription."""

    def ring(self) -> None:
        """Look for something to deliver now."""

    async def ping(self) -> Ping:
        """Send a ping now."""


@attrs.define(eq=False)
class Subscriptions:
    """
    Every subscription, in memory.

    The worker that delivers puts a courier here for each.
    """

    store: Store
    clock: Clock
    ids: IdSource
    directory: Directory
    guard: Guard
    interests: Interests
    changed: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    couriers: dict[int, Courier] = attrs.field(factory=dict, init=False)
    _all: dict[int, Subscription] = attrs.field(factory=dict, init=False)
    _saving: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def load(self) -> None:
        """Read the subscriptions from the store."""
        found = await self.store.subscriptions.all_subscriptions()
        self._all = {subscription.id: subscription for subscription in found}
        self.settle()

    async def refresh(self) -> None:
        """
        Read the subscriptions again: another server changed some.

        Those at work go on with what was changed; how they do is known best here.
        """
        found = await self.store.subscriptions.all_subscriptions()
        for fresh in found:
            known = self._all.setdefault(fresh.id, fresh)
            if known is not fresh:
                known.take_settings(fresh)
        there = {subscription.id for subscription in found}
        for subscription_id in self._all.keys() - there:
            del self._all[subscription_id]
        self.settle()

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._all.values()))

    def look(self, changes: Changes) -> None:
        """Ring for the subscriptions that want something of what was written."""
        if not changes.events:
            return
        for each in self._all.values():
            wanted = each.wanted
            if any(
                event.scope_id == each.scope_id and self.matches(wanted, event)
                for event in changes.events
            ):
                self.ring(each.id)

    def hear(self, news: News) -> None:
        """Ring for the subscriptions for which other servers wrote something."""
        for each in self._all.values():
            if news.everything or each.scope_id in news.events:
                self.ring(each.id)

    def ring(self, subscription_id: int) -> None:
        """Have the subscription looked after now."""
        courier = self.couriers.get(subscription_id)
        if courier is not None:
            courier.ring()

    async def ping(self, scope_id: int, subscription_id: int) -> Ping:
        """
        Send a ping now, and return what the receiver said.

        Raises:
            NotFound: there is no such subscription.
            Unavailable: nobody delivers just now.
        """
        self.get(scope_id, subscription_id)
        courier = self.couriers.get(subscription_id)
        if courier is None:
            raise Unavailable("The server is starting or stopping; try again.")
        return await courier.ping()

    def matches(self, wanted: Wanted, event: Event) -> bool:
        """Tell whether *event*, which is of the same scope, is *wanted*."""
        if event.type not in wanted.events:
            return False
        ids, tags = wanted.device_ids, wanted.tags
        if ids is None and tags is None:
            return True
        if event.device_id is None or (ids is not None and event.device_id not in ids):
            return False
        return self._has(event.scope_id, event.device_id, tags or {})

    def _has(self, scope_id: int, device_id: int, tags: Mapping[str, str]) -> bool:
        device = self.directory.find(scope_id, device_id)
        known = {} if device is None else device.tags
        return all(known.get(name) == value for name, value in tags.items())

    def of(self, scope_id: int) -> list[Subscription]:
        """Return the scope's subscriptions, oldest first."""
        return [s for s in self._all.values() if s.scope_id == scope_id]

    def get(self, scope_id: int, subscription_id: int) -> Subscription:
        """
        Return one subscription.

        Raises:
            NotFound: there is none.
        """
        found = self._all.get(subscription_id)
        if found is None or found.scope_id != scope_id:
            raise NotFound(f"There is no subscription {subscription_id}.")
        return found

    async def make(
        self,
        scope_id: int,
        *,
        url: str,
        events: frozenset[EventType],
        format_: Format,
        settings: Mapping[str, Any],
    ) -> Subscription:
        """
        Make a subscription; its secret is in it.

        Raises:
            Invalid: the URL is refused, or the format has no body for an event.
            Conflict: there is one with this URL, events and format.
        """
        await self._check(url, events, format_)
        cursor = await self.store.subscriptions.newest_event()
        subscription = Subscription(
            id=self.ids(),
            scope_id=scope_id,
            created_at=self.clock.now(),
            url=url,
            events=events,
            format=format_,
            secret=new_webhook_secret(),
            cursor=cursor,
            **{"ordered": format_ is not Format.NATIVE, **settings},
        )
        async with self._saving:
            self._refuse_twin(subscription)
            await self._save(subscription)
        return subscription

    async def patch(
        self, scope_id: int, subscription_id: int, settings: Mapping[str, Any]
    ) -> Subscription:
        """
        Change a subscription.

        Raises:
            NotFound: there is none.
            Invalid: the URL is refused, or the format has no body for an event.
            Conflict: there is another with this URL, events and format.
        """
        before = self.get(scope_id, subscription_id)
        after = attrs.evolve(before, **settings)
        if "url" in settings or "events" in settings:
            await self._check(after.url, after.events, after.format)
        return await self._change(before, settings)

    async def _check(
        self, url: str, events: frozenset[EventType], format_: Format
    ) -> None:
        beyond = sorted(events - TELLS[format_])
        if beyond:
            raise Invalid(
                f"The format {format_} has no body for {', '.join(beyond)}.",
                pointer="/events",
            )
        await self.guard.resolve(url)

    def _refuse_twin(self, wanted: Subscription) -> None:
        same = (wanted.scope_id, wanted.url, wanted.events, wanted.format)
        for each in self._all.values():
            twin = (each.scope_id, each.url, each.events, each.format) == same
            if twin and each.id != wanted.id:
                raise Conflict(
                    f"Subscription {each.id} has this URL, events and format already."
                )

    async def delete(self, scope_id: int, subscription_id: int) -> None:
        """
        Forget a subscription and what it waits for.

        Raises:
            NotFound: there is none.
        """
        async with self._saving:
            self.get(scope_id, subscription_id)
            await self.store.subscriptions.forget_subscription(subscription_id)
            del self._all[subscription_id]
        self.settle()

    async def rotate(self, scope_id: int, subscription_id: int) -> Subscription:
        """
        Give a subscription a new secret; the old one signs, too, for a day.

        Raises:
            NotFound: there is none.
        """
        subscription = self.get(scope_id, subscription_id)
        return await self._change(
            subscription,
            {
                "secret": new_webhook_secret(),
                "old_secret": subscription.secret,
                "old_secret_until": self.clock.now() + ROTATION,
            },
        )

    async def switch(
        self, scope_id: int, subscription_id: int, *, on: bool
    ) -> Subscription:
        """
        Enable or disable a subscription.

        Raises:
            NotFound: there is none.
        """
        subscription = self.get(scope_id, subscription_id)
        health = Health.ACTIVE if on else Health.DISABLED
        fresh = {"health": health, "failures": 0, "failing_since": None}
        return await self._change(subscription, fresh)

    async def redeliver(
        self, scope_id: int, subscription_id: int, event_id: int
    ) -> WebhookDelivery:
        """
        Send one event again, as soon as can be.

        Raises:
            NotFound: there is no such subscription or delivery, or its event is gone.
        """
        subscription = self.get(scope_id, subscription_id)
        store = self.store.subscriptions
        delivery = await store.find_delivery(subscription_id, event_id)
        if delivery is None or not await store.events_by_id([event_id]):
            raise NotFound(f"There is no delivery {event_id} any more.")
        delivery.state, delivery.next_at = DeliveryState.PENDING, self.clock.now()
        await store.record(subscription, [delivery])
        self.ring(subscription_id)
        return delivery

    async def recover(self, scope_id: int, subscription_id: int, since: int) -> int:
        """
        Send everything again that was given up since *since*; return how much.

        Raises:
            NotFound: there is none.
        """
        self.get(scope_id, subscription_id)
        found, now = 0, self.clock.now()
        while more := await self.store.subscriptions.revive(
            subscription_id, since=since, now=now, limit=PIECE
        ):
            found += more
        self.ring(subscription_id)
        return found

    async def _change(
        self, subscription: Subscription, settings: Mapping[str, Any]
    ) -> Subscription:
        """Change the one at work; take it back if it cannot be written."""
        async with self._saving:
            self.get(subscription.scope_id, subscription.id)
            self._refuse_twin(attrs.evolve(subscription, **settings))
            before = {name: getattr(subscription, name) for name in settings}
            self._set(subscription, settings)
            try:
                await self._save(subscription)
            except BaseException:
                self._set(subscription, before)
                raise
        return subscription

    @staticmethod
    def _set(subscription: Subscription, settings: Mapping[str, Any]) -> None:
        for name, value in settings.items():
            setattr(subscription, name, value)

    async def _save(self, subscription: Subscription) -> None:
        await self.store.subscriptions.save_subscription(subscription)
        self._all[subscription.id] = subscription
        self.settle()
        self.ring(subscription.id)

    def settle(self) -> None:
        """See that what is wanted now is written, and that couriers are at work."""
        self.interests.subscribe(self._all.values())
        self.changed.set()

"""Subscriptions as programs see them: make, change, switch, send again."""

from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.errors import Conflict, Invalid, NotFound, Unavailable
from pushserver.model.event import EventType
from pushserver.model.subscription import (
    ROTATION,
    TELLS,
    DeliveryState,
    Format,
    Health,
    Ping,
    Subscription,
    WebhookDelivery,
    new_webhook_secret,
)
from pushserver.services.subscribers import Subscribers

#: So many rows are written at once, so that a door command waits for no more.
PIECE = 500


@attrs.define(eq=False, repr=False)
class Subscriptions(Subscribers):
    """What may be done with subscriptions, on top of finding them."""

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
            await self.store.subscriptions.add_subscription(subscription)
            self._kept(subscription)
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
        self.get(scope_id, subscription_id)
        store = self.store.subscriptions
        delivery = await store.find_delivery(subscription_id, event_id)
        if delivery is None or not await store.events_by_id([event_id]):
            raise NotFound(f"There is no delivery {event_id} any more.")
        delivery.state, delivery.next_at = DeliveryState.PENDING, self.clock.now()
        await store.send_again(delivery)
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
                await self.store.subscriptions.change_subscription(
                    subscription, list(settings)
                )
            except BaseException:
                self._set(subscription, before)
                raise
            self._kept(subscription)
        return subscription

    @staticmethod
    def _set(subscription: Subscription, settings: Mapping[str, Any]) -> None:
        for name, value in settings.items():
            setattr(subscription, name, value)

    def _kept(self, subscription: Subscription) -> None:
        self._all[subscription.id] = subscription
        self.settle()
        self.ring(subscription.id)

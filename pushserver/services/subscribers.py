"""Every subscription, in memory: who wants what, and who delivers to it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.clock import Clock
from pushserver.errors import NotFound
from pushserver.model.changes import Changes
from pushserver.model.event import Event
from pushserver.model.ids import IdSource
from pushserver.model.news import News
from pushserver.model.subscription import Ping, Subscription, Wanted
from pushserver.services.directory import Directory
from pushserver.services.guard import Guard
from pushserver.services.interests import Interests
from pushserver.storage.base import Store


class Courier(Protocol):
    """Who delivers to one subscription."""

    def ring(self) -> None:
        """Look for something to deliver now."""

    async def ping(self) -> Ping:
        """Send a ping now."""


@attrs.define(eq=False, repr=False)
class Subscribers:
    """
    Looks subscriptions up, and rings for those that want what happened.

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

    async def look_up(self) -> None:
        """See how subscriptions do, also where another server delivers."""
        if not self.store.leads:
            await self.refresh()

    async def refresh(self, *, taking_over: bool = False) -> None:
        """
        Read the subscriptions again: another server changed some.

        Those at work go on with what was changed. How they do is known best to the
        server that delivers; one that takes over from another has to read it.
        """
        # What is saved here meanwhile would be taken for what is not there.
        async with self._saving:
            found = await self.store.subscriptions.all_subscriptions()
            self._take_over(found, progress=taking_over or not self.store.leads)
        self.settle()

    def _take_over(self, found: Sequence[Subscription], *, progress: bool) -> None:
        for fresh in found:
            known = self._all.setdefault(fresh.id, fresh)
            if known is not fresh:
                known.take(fresh, progress=progress)
            self.ring(fresh.id)
        there = {subscription.id for subscription in found}
        for subscription_id in self._all.keys() - there:
            del self._all[subscription_id]

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

    def settle(self) -> None:
        """See that what is wanted now is written, and that couriers are at work."""
        self.interests.subscribe(self._all.values())
        self.changed.set()

"""All subscriptions in memory, which events they match, and their workers."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.errors import NotFound
from pushserver.fair_turns import FairTurns
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import Event, EventType
from pushserver.model.subscription import PingResult, Subscription, SubscriptionFilter
from pushserver.model.tag_filter import has_tags
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.event_interest import EventInterest
from pushserver.storage.base import Store

#: Of a commit's events of one type, those of so many devices are compared with each
#: subscription: a thousand would take long, and the worker looks for itself.
MAX_MATCHED = 16
#: By scope and type, one event of each device; None has those of no device.
DistinctEvents = Mapping[tuple[int, EventType], Mapping[int | None, Event]]


class SubscriptionWorker(Protocol):
    """Delivers to one subscription."""

    def notify(self) -> None:
        """Look for deliveries now: they may have changed."""

    def notify_events(self) -> None:
        """Look for new events now."""

    async def ping(self) -> PingResult:
        """Send a ping now."""


@attrs.define(eq=False, repr=False)
class SubscriptionRegistry:
    """
    Looks subscriptions up, and wakes the workers of those that match an event.

    `WebhookSupervisor` keeps its `workers` here; `wakeup` is set when some may have to
    start or stop. Hold `write_lock` while saving subscriptions or rereading them from
    the store.
    """

    store: Store
    devices: DeviceRegistry
    event_interest: EventInterest
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    workers: dict[int, SubscriptionWorker] = attrs.field(factory=dict, init=False)
    write_lock: FairTurns = attrs.field(factory=FairTurns, init=False)
    #: By scope and id: no scope's are gone through for another's.
    _by_scope: dict[int, dict[int, Subscription]] = attrs.field(
        factory=dict, init=False
    )

    async def load(self) -> None:
        """Read the subscriptions from the store."""
        stored = await self.store.subscriptions.all_subscriptions()
        self._by_scope = {}
        for each in stored:
            self._of_scope(each.scope_id)[each.id] = each
        self._apply_all_changes()

    async def refresh_follower(self) -> None:
        """Reread the progress of deliveries if another server makes them."""
        if not self.store.is_leader:
            await self.refresh()

    async def refresh(self, *, taking_over: bool = False) -> None:
        """
        Reread the subscriptions after another server changed some.

        The leader, which delivers, keeps its own progress; a server that is
        *taking_over* reads what its predecessor wrote.
        """
        # Else one saved here between the read and the merge would be lost.
        async with self.write_lock:
            stored = await self.store.subscriptions.all_subscriptions()
            self._apply_stored(stored, progress=taking_over or not self.store.is_leader)
        self._apply_all_changes()

    def _apply_stored(self, stored: Sequence[Subscription], *, progress: bool) -> None:
        for each in stored:
            known = self._of_scope(each.scope_id).setdefault(each.id, each)
            if known is not each:
                known.merge_from(each, with_progress=progress)
            self.notify(each.id)
        stored_ids = {each.id for each in stored}
        for each in self:
            if each.id not in stored_ids:
                del self._by_scope[each.scope_id][each.id]

    def _of_scope(self, scope_id: int) -> dict[int, Subscription]:
        return self._by_scope.setdefault(scope_id, {})

    def __iter__(self) -> Iterator[Subscription]:
        """Return the subscriptions of all scopes, in no order."""
        return iter([s for each in self._by_scope.values() for s in each.values()])

    def on_events(self, notice: ChangeNotice) -> None:
        """Wake the workers of the subscriptions that match the new events, or may."""
        if notice.everything:
            for each in self:
                self.notify(each.id)
            return
        distinct = _distinct(notice.new_events)
        for scope_id in notice.events:
            for each in self.in_scope(scope_id):
                # Other servers' notices have only scopes.
                if not notice.new_events or self._may_match(each, distinct):
                    self._notify_events(each.id)

    def _may_match(self, subscription: Subscription, distinct: DistinctEvents) -> bool:
        """Tell whether one of the events matches, or they are too many to look."""
        event_filter = subscription.event_filter
        return any(
            len(events) > MAX_MATCHED
            or any(self.matches(event_filter, each) for each in events.values())
            for kind in subscription.events
            if (events := distinct.get((subscription.scope_id, kind)))
        )

    def _notify_events(self, subscription_id: int) -> None:
        worker = self.workers.get(subscription_id)
        if worker is not None:
            worker.notify_events()

    def notify(self, subscription_id: int) -> None:
        """Wake the subscription's worker, if it has one."""
        worker = self.workers.get(subscription_id)
        if worker is not None:
            worker.notify()

    def matches(self, event_filter: SubscriptionFilter, event: Event) -> bool:
        """Tell whether *event_filter*, of the same scope, lets *event* through."""
        if event.type not in event_filter.event_types:
            return False
        ids, tags = event_filter.device_ids, event_filter.tags
        if ids is None and tags is None:
            return True
        if event.device_id is None or (ids is not None and event.device_id not in ids):
            return False
        device = self.devices.find(event.scope_id, event.device_id)
        return has_tags({} if device is None else device.tags, tags or {})

    def in_scope(self, scope_id: int) -> list[Subscription]:
        """Return the scope's subscriptions, oldest first."""
        return list(self._by_scope.get(scope_id, {}).values())

    def get(self, scope_id: int, subscription_id: int) -> Subscription:
        """
        Return one subscription.

        Raises:
            NotFound: there is none.
        """
        found = self._by_scope.get(scope_id, {}).get(subscription_id)
        if found is None:
            raise NotFound(f"There is no subscription {subscription_id}.")
        return found

    def add(self, subscription: Subscription) -> None:
        """Add or replace a subscription that was stored."""
        self._of_scope(subscription.scope_id)[subscription.id] = subscription
        self.apply_changes(subscription.scope_id)
        self.notify(subscription.id)

    def remove(self, subscription: Subscription) -> None:
        """Remove a deleted subscription."""
        del self._by_scope[subscription.scope_id][subscription.id]
        self.apply_changes(subscription.scope_id)

    def apply_changes(self, scope_id: int) -> None:
        """Record what the scope's subscriptions want, and tell who shows them."""
        self.event_interest.set_scope_subscriptions(scope_id, self.in_scope(scope_id))
        self._publish_change()

    def _apply_all_changes(self) -> None:
        self.event_interest.set_subscriptions(self)
        self._publish_change()

    def _publish_change(self) -> None:
        """Tell who shows subscriptions, and start or stop workers."""
        self.store.feed.publish_own(ChangeNotice(subscriptions=True))
        self.wakeup.set()


def _distinct(events: Iterable[Event]) -> DistinctEvents:
    """Return one of those events that are alike to every filter."""
    distinct: dict[tuple[int, EventType], dict[int | None, Event]] = {}
    for each in events:
        of_kind = distinct.setdefault((each.scope_id, each.type), {})
        of_kind.setdefault(each.device_id, each)
    return distinct

"""Bounds the outbox; counts and logs what it drops."""

from collections import Counter
from functools import partial

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import (
    MAX_BACKLOG,
    MAX_BACKLOG_AGE,
    MAX_SCOPE_BACKLOG,
    Subscription,
    SubscriptionFilter,
)
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.subscriptions import SubscriptionStore

log = structlog.get_logger(__name__)

_DAY = 86_400 * SECOND
#: Age at which events without undelivered deliveries are deleted.
EVENT_RETENTION = 7 * _DAY
#: Age until which dead-lettered deliveries can be recovered.
DEAD_LETTER_RETENTION = 30 * _DAY


@attrs.define
class _MatchCount:
    """How many events in a range of ids match a filter."""

    event_filter: SubscriptionFilter
    after_id: int
    up_to_id: int
    count: int = 0


@attrs.frozen
class OutboxTrimmer:
    """
    Drops events and deliveries that are too old or too many.

    The backlog of a subscription holds at most the newest `max_backlog` events that it
    matches, none older than `max_age` (microseconds). Those of a scope hold at most
    `max_scope_backlog` in all, each an equal share.
    """

    store: SubscriptionStore
    subscriptions: SubscriptionRegistry
    clock: Clock
    counts: Counter[str]
    max_backlog: int = MAX_BACKLOG
    max_scope_backlog: int = MAX_SCOPE_BACKLOG
    max_age: int = MAX_BACKLOG_AGE
    _match_counts: dict[int, _MatchCount] = attrs.field(factory=dict, init=False)

    async def trim(self) -> int:
        """
        Drop and delete what exceeds the limits; return how many rows.

        Raises:
            Unavailable: the store is away; the next call does the rest.
        """
        now = self.clock.now()
        done = 0
        removed_ids = self._match_counts.keys() - {
            each.id for each in self.subscriptions
        }
        for subscription_id in removed_ids:
            del self._match_counts[subscription_id]
        for subscription in self.subscriptions:
            done += await self._drop_unread(subscription, now)
            done += await self._drop_pending(subscription, now)
        dead_before, events_before = now - DEAD_LETTER_RETENTION, now - EVENT_RETENTION
        store, limit = self.store, BATCH_SIZE
        for purge in (
            partial(store.purge_dead_deliveries, before=dead_before, limit=limit),
            partial(store.purge_orphaned_deliveries, limit=limit),
            partial(store.purge_events, before=events_before, limit=limit),
        ):
            done += await repeat_until_done(purge)
        return done

    async def _drop_unread(self, subscription: Subscription, now: int) -> int:
        """Move the cursor past events that are too old or too many."""
        horizon, excess = (
            first_id_at(now - self.max_age),
            await self._count_excess(subscription),
        )
        dropped = 0
        try:
            while subscription.cursor < horizon or dropped < excess:
                skipped, matched = await self._skip_events(
                    subscription, horizon, excess - dropped
                )
                dropped += matched
                if not skipped:
                    break
        finally:
            self._log_dropped(subscription, dropped)
        return dropped

    async def _count_excess(self, subscription: Subscription) -> int:
        """Return how many matching events after the cursor exceed its share."""
        scope_id, cursor = subscription.scope_id, subscription.cursor
        keep = self._share(subscription)
        if await self.store.backlog_start(scope_id, keep=keep) <= cursor:
            # Nearly always: the whole scope has fewer events.
            self._match_counts.pop(subscription.id, None)
            return 0
        event_filter, match_count = (
            subscription.event_filter,
            self._match_counts.get(subscription.id),
        )
        if match_count is None or (match_count.after_id, match_count.event_filter) != (
            cursor,
            event_filter,
        ):
            match_count = self._match_counts[subscription.id] = _MatchCount(
                event_filter, cursor, cursor
            )
        while events := await self.store.events(
            scope_id, after=match_count.up_to_id, limit=BATCH_SIZE
        ):
            match_count.up_to_id = events[-1].id
            match_count.count += sum(
                self.subscriptions.matches(event_filter, e) for e in events
            )
        return match_count.count - keep

    async def _skip_events(
        self, subscription: Subscription, horizon: int, excess: int
    ) -> tuple[int, int]:
        """
        Skip events up to the id *horizon*, and *excess* matching ones beyond it.

        Return how many were skipped, and how many of those matched.
        """
        events = await self.store.events(
            subscription.scope_id, after=subscription.cursor, limit=BATCH_SIZE
        )
        skipped, matched = 0, 0
        for event in events:
            if event.id > horizon and matched >= excess:
                break
            skipped += 1
            matched += self.subscriptions.matches(subscription.event_filter, event)
        if skipped:
            await self._advance_cursor(subscription, events[skipped - 1].id, matched)
        return skipped, matched

    async def _advance_cursor(
        self, subscription: Subscription, cursor: int, matched: int
    ) -> None:
        dropped = subscription.dropped + matched
        moved = attrs.evolve(subscription, cursor=cursor, dropped=dropped)
        await self.store.record_deliveries(moved, [])
        subscription.cursor = max(cursor, subscription.cursor)
        subscription.dropped += matched
        match_count = self._match_counts.get(subscription.id)
        if match_count is not None:
            match_count.after_id, match_count.count = (
                subscription.cursor,
                match_count.count - matched,
            )

    async def _drop_pending(self, subscription: Subscription, now: int) -> int:
        """Dead-letter pending deliveries that are too old or too many."""
        dropped = 0
        try:
            while given_up := await self.store.dead_letter_backlog(
                subscription.id,
                keep=self._share(subscription),
                before=now - EVENT_RETENTION,
                limit=BATCH_SIZE,
            ):
                subscription.dropped += given_up
                dropped += given_up
        finally:
            self._log_dropped(subscription, dropped)
        return dropped

    def _share(self, subscription: Subscription) -> int:
        """Return how many events the backlog of *subscription* may hold."""
        sharing = len(self.subscriptions.in_scope(subscription.scope_id))
        return min(self.max_backlog, max(1, self.max_scope_backlog // sharing))

    def _log_dropped(self, subscription: Subscription, dropped: int) -> None:
        is_share = self._share(subscription) < self.max_backlog
        setting = "scopeBacklog" if is_share else "subscriptionBacklog"
        self.counts[f"bounds.{setting}"] += dropped
        if dropped:
            log.warning(
                "subscription.events_dropped",
                subscription_id=subscription.id,
                dropped=dropped,
            )

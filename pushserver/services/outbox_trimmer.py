"""Keeps the outbox bounded: what falls off is counted and told."""

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import (
    MAX_BACKLOG,
    MAX_BACKLOG_AGE,
    Subscription,
    SubscriptionFilter,
)
from pushserver.services.subscriptions import Subscriptions
from pushserver.storage.subscriptions import SubscriptionStore

log = structlog.get_logger(__name__)

_DAY = 86_400 * SECOND
#: How long events are kept that were told, or that nobody took.
EVENT_RETENTION = 7 * _DAY
#: How long what was given up can be sent again.
DEAD_LETTER_RETENTION = 30 * _DAY
#: So many rows are deleted at once, so that a door command waits for no more.
BATCH_SIZE = 500


@attrs.define
class _MatchCount:
    """How many events are wanted of those after an id, up to another."""

    event_filter: SubscriptionFilter
    after_id: int
    up_to_id: int
    count: int = 0


@attrs.frozen
class OutboxTrimmer:
    """
    Lets go of what is too old or too much.

    Each subscription's backlog is of the newest `max_backlog` events that it wants,
    none older than `max_age` (microseconds).
    """

    store: SubscriptionStore
    subscriptions: Subscriptions
    clock: Clock
    max_backlog: int = MAX_BACKLOG
    max_age: int = MAX_BACKLOG_AGE
    _match_counts: dict[int, _MatchCount] = attrs.field(factory=dict, init=False)

    async def trim(self) -> int:
        """
        Drop and delete what is over the limits; return how many rows.

        Raises:
            Unavailable: the store is away; the rest is done the next time.
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
        while count := await self.store.purge_dead_deliveries(
            before=dead_before, limit=BATCH_SIZE
        ):
            done += count
        while count := await self.store.purge_orphaned_deliveries(limit=BATCH_SIZE):
            done += count
        while count := await self.store.purge_events(
            before=events_before, limit=BATCH_SIZE
        ):
            done += count
        return done

    async def _drop_unread(self, subscription: Subscription, now: int) -> int:
        """Move the cursor past events that are too old, or too many."""
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
        """
        Return how many of the events that it wants are before it beyond `max_backlog`.
        """
        scope_id, cursor = subscription.scope_id, subscription.cursor
        if await self.store.backlog_start(scope_id, keep=self.max_backlog) <= cursor:
            # As nearly always: there are not as many of anybody's.
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
        return match_count.count - self.max_backlog

    async def _skip_events(
        self, subscription: Subscription, horizon: int, excess: int
    ) -> tuple[int, int]:
        """
        Pass some events, those up to *horizon* and *excess* of those that are wanted.

        Return how many, and how many of them were wanted.
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
        """Give up what is to be tried again, or waits behind that, for too long."""
        dropped = 0
        try:
            while given_up := await self.store.dead_letter_backlog(
                subscription.id,
                keep=self.max_backlog,
                before=now - EVENT_RETENTION,
                limit=BATCH_SIZE,
            ):
                subscription.dropped += given_up
                dropped += given_up
        finally:
            self._log_dropped(subscription, dropped)
        return dropped

    @staticmethod
    def _log_dropped(subscription: Subscription, dropped: int) -> None:
        if dropped:
            log.warning(
                "subscription.events_dropped",
                subscription_id=subscription.id,
                dropped=dropped,
            )

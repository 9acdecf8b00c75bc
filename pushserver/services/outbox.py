"""Keeps the outbox bounded: what falls off is counted and told."""

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import BACKLOG, BACKLOG_AGE, Subscription
from pushserver.services.subscriptions import Subscriptions
from pushserver.storage.subscribing import SubscriptionStore

log = structlog.get_logger(__name__)

_DAY = 86_400 * SECOND
#: How long events are kept that were told, or that nobody took.
EVENTS_KEPT = 7 * _DAY
#: How long what was given up can be sent again.
DEAD_KEPT = 30 * _DAY
#: So many rows are deleted at once, so that a door command waits for no more.
PIECE = 500


@attrs.frozen
class Outbox:
    """
    Lets go of what is too old or too much.

    Each subscription's backlog is of the newest `keep` events, none older than `age`
    (microseconds).
    """

    store: SubscriptionStore
    subscriptions: Subscriptions
    clock: Clock
    keep: int = BACKLOG
    age: int = BACKLOG_AGE

    async def trim(self) -> int:
        """
        Drop and delete what is over the limits; return how many rows.

        Raises:
            Unavailable: the store is away; the rest is done the next time.
        """
        now = self.clock.now()
        done = 0
        for subscription in self.subscriptions:
            done += await self._drop_unread(subscription, now)
            done += await self._drop_pending(subscription, now)
        dead, old = now - DEAD_KEPT, now - EVENTS_KEPT
        while gone := await self.store.purge_dead(before=dead, limit=PIECE):
            done += gone
        while gone := await self.store.purge_webhooks(limit=PIECE):
            done += gone
        while gone := await self.store.purge_events(before=old, limit=PIECE):
            done += gone
        return done

    async def _drop_unread(self, subscription: Subscription, now: int) -> int:
        """Move the cursor past events that are too old, or too many."""
        horizon = max(
            await self.store.horizon(subscription.scope_id, keep=self.keep),
            first_id_at(now - self.age),
        )
        dropped = 0
        try:
            while subscription.cursor < horizon:
                passed, fallen = await self._pass(subscription, horizon)
                dropped += fallen
                if not passed:
                    break
        finally:
            self._tell(subscription, dropped)
        return dropped

    async def _pass(self, subscription: Subscription, horizon: int) -> tuple[int, int]:
        """Pass some events; return how many, and how many of them were wanted."""
        events = await self.store.events(
            subscription.scope_id, after=subscription.cursor, limit=PIECE
        )
        old = [event for event in events if event.id <= horizon]
        if not old:
            return 0, 0
        wanted = subscription.wanted
        fallen = sum(self.subscriptions.matches(wanted, event) for event in old)
        cursor, dropped = old[-1].id, subscription.dropped + fallen
        moved = attrs.evolve(subscription, cursor=cursor, dropped=dropped)
        await self.store.record(moved, [])
        subscription.cursor = max(cursor, subscription.cursor)
        subscription.dropped += fallen
        return len(old), fallen

    async def _drop_pending(self, subscription: Subscription, now: int) -> int:
        """Give up what is to be tried again, or waits behind that, for too long."""
        dropped = 0
        try:
            while given_up := await self.store.give_up(
                subscription.id, keep=self.keep, before=now - EVENTS_KEPT, limit=PIECE
            ):
                subscription.dropped += given_up
                dropped += given_up
        finally:
            self._tell(subscription, dropped)
        return dropped

    @staticmethod
    def _tell(subscription: Subscription, dropped: int) -> None:
        if dropped:
            log.warning(
                "subscription.events_dropped",
                subscription_id=subscription.id,
                dropped=dropped,
            )

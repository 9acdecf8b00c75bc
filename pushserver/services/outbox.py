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
    """Lets go of what is too old or too much."""

    store: SubscriptionStore
    subscriptions: Subscriptions
    clock: Clock

    async def trim(self) -> int:
        """Drop and delete what is over the limits; return how many rows."""
        now = self.clock.now()
        done = 0
        for subscription in self.subscriptions:
            done += await self._drop(subscription, now)
        done += await self.store.purge_dead(before=now - DEAD_KEPT)
        while gone := await self.store.purge_events(
            before=now - EVENTS_KEPT, limit=PIECE
        ):
            done += gone
        return done

    async def _drop(self, subscription: Subscription, now: int) -> int:
        """Move the cursor past events that are too old, or too many."""
        scope_id = subscription.scope_id
        horizon = max(
            await self.store.horizon(scope_id, keep=BACKLOG),
            first_id_at(now - BACKLOG_AGE),
        )
        dropped = 0
        while subscription.cursor < horizon:
            events = await self.store.events(
                scope_id, after=subscription.cursor, limit=PIECE
            )
            old = [event for event in events if event.id <= horizon]
            if not old:
                break
            matches = self.subscriptions.matches
            fallen = sum(matches(subscription.wanted, event) for event in old)
            subscription.cursor = max(subscription.cursor, old[-1].id)
            subscription.dropped += fallen
            dropped += fallen
            await self.store.record(subscription, [])
        if dropped:
            log.warning(
                "subscription.events_dropped",
                subscription_id=subscription.id,
                dropped=dropped,
            )
        return dropped

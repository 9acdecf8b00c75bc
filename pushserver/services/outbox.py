"""Keeps the outbox bounded: what falls off is counted and told."""

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import BACKLOG, BACKLOG_AGE, Subscription, Wanted
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


@attrs.define
class _Tally:
    """How many events are wanted of those after an id, up to another."""

    of: Wanted
    after: int
    to: int
    count: int = 0


@attrs.frozen
class Outbox:
    """
    Lets go of what is too old or too much.

    Each subscription's backlog is of the newest `keep` events that it wants, none older
    than `age` (microseconds).
    """

    store: SubscriptionStore
    subscriptions: Subscriptions
    clock: Clock
    keep: int = BACKLOG
    age: int = BACKLOG_AGE
    _tallies: dict[int, _Tally] = attrs.field(factory=dict, init=False)

    async def trim(self) -> int:
        """
        Drop and delete what is over the limits; return how many rows.

        Raises:
            Unavailable: the store is away; the rest is done the next time.
        """
        now = self.clock.now()
        done = 0
        gone = self._tallies.keys() - {each.id for each in self.subscriptions}
        for subscription_id in gone:
            del self._tallies[subscription_id]
        for subscription in self.subscriptions:
            done += await self._drop_unread(subscription, now)
            done += await self._drop_pending(subscription, now)
        dead, old = now - DEAD_KEPT, now - EVENTS_KEPT
        while count := await self.store.purge_dead(before=dead, limit=PIECE):
            done += count
        while count := await self.store.purge_webhooks(limit=PIECE):
            done += count
        while count := await self.store.purge_events(before=old, limit=PIECE):
            done += count
        return done

    async def _drop_unread(self, subscription: Subscription, now: int) -> int:
        """Move the cursor past events that are too old, or too many."""
        horizon, excess = first_id_at(now - self.age), await self._excess(subscription)
        dropped = 0
        try:
            while subscription.cursor < horizon or dropped < excess:
                passed, fallen = await self._pass(
                    subscription, horizon, excess - dropped
                )
                dropped += fallen
                if not passed:
                    break
        finally:
            self._tell(subscription, dropped)
        return dropped

    async def _excess(self, subscription: Subscription) -> int:
        """Return how many of the events that it wants are before it beyond `keep`."""
        scope_id, cursor = subscription.scope_id, subscription.cursor
        if await self.store.horizon(scope_id, keep=self.keep) <= cursor:
            # As nearly always: there are not as many of anybody's.
            self._tallies.pop(subscription.id, None)
            return 0
        wanted, tally = subscription.wanted, self._tallies.get(subscription.id)
        if tally is None or (tally.after, tally.of) != (cursor, wanted):
            tally = self._tallies[subscription.id] = _Tally(wanted, cursor, cursor)
        while events := await self.store.events(scope_id, after=tally.to, limit=PIECE):
            tally.to = events[-1].id
            tally.count += sum(self.subscriptions.matches(wanted, e) for e in events)
        return tally.count - self.keep

    async def _pass(
        self, subscription: Subscription, horizon: int, excess: int
    ) -> tuple[int, int]:
        """
        Pass some events, those up to *horizon* and *excess* of those that are wanted.

        Return how many, and how many of them were wanted.
        """
        events = await self.store.events(
            subscription.scope_id, after=subscription.cursor, limit=PIECE
        )
        passed, fallen = 0, 0
        for event in events:
            if event.id > horizon and fallen >= excess:
                break
            passed += 1
            fallen += self.subscriptions.matches(subscription.wanted, event)
        if passed:
            await self._move(subscription, events[passed - 1].id, fallen)
        return passed, fallen

    async def _move(self, subscription: Subscription, cursor: int, fallen: int) -> None:
        dropped = subscription.dropped + fallen
        moved = attrs.evolve(subscription, cursor=cursor, dropped=dropped)
        await self.store.record(moved, [])
        subscription.cursor = max(cursor, subscription.cursor)
        subscription.dropped += fallen
        tally = self._tallies.get(subscription.id)
        if tally is not None:
            tally.after, tally.count = subscription.cursor, tally.count - fallen

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

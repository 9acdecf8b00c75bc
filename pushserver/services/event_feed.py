"""Events for streams, read and rendered once for all that are at the same place."""

import asyncio
from collections.abc import Sequence

import attrs

from pushserver.fair_turns import FairTurns
from pushserver.model.event import Event
from pushserver.model.token import Permission
from pushserver.services.event_renderer import EventRenderer
from pushserver.storage.subscriptions import SubscriptionStore

#: Seconds for which a batch serves others: names change, and what is purged is gone.
_LIFETIME = 1.0
#: So many batches are kept: streams that began together stay together.
_MAX_BATCHES = 4


@attrs.frozen(eq=False)
class EventBatch:
    """Events that follow each other, and their bodies as far as anybody wanted them."""

    events: Sequence[Event]
    read_at: float
    bodies: dict[tuple[int, frozenset[Permission]], bytes] = attrs.Factory(dict)


@attrs.define(eq=False, repr=False)
class EventFeed:
    """
    What the streams of events send.

    `turn`: whoever reads and renders holds it, so that the next ones find it done.
    """

    store: SubscriptionStore
    renderer: EventRenderer
    turn: FairTurns = attrs.field(factory=FairTurns, init=False)
    _batches: dict[tuple[int, int, int], EventBatch] = attrs.field(
        factory=dict, init=False
    )

    async def read(self, scope_id: int, *, after: int, limit: int) -> EventBatch:
        """
        Return the scope's events after the id *after*, oldest first.

        Raises:
            Unavailable: the store is away.
        """
        now, key = asyncio.get_running_loop().time(), (scope_id, after, limit)
        batch = self._batches.get(key)
        if batch is None or batch.read_at + _LIFETIME < now:
            events = await self.store.events(scope_id, after=after, limit=limit)
            batch = EventBatch(events, now)
            self._keep(key, batch)
        return batch

    def _keep(self, key: tuple[int, int, int], batch: EventBatch) -> None:
        """Keep a batch, unless it is empty: the next event may be there already."""
        self._batches.pop(key, None)
        if batch.events:
            self._batches[key] = batch
            if len(self._batches) > _MAX_BATCHES:
                del self._batches[next(iter(self._batches))]

    async def render(
        self, batch: EventBatch, event: Event, may_read: frozenset[Permission]
    ) -> bytes:
        """
        Return the body of an event of a batch, without its result.

        Raises:
            Unavailable: the store is away.
        """
        key = event.id, may_read
        if key not in batch.bodies:
            batch.bodies[key] = await self.renderer.render_native(
                event, include_result=False, may_read=may_read
            )
        return batch.bodies[key]

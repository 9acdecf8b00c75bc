"""Events for streams, read and rendered once for all that are at the same place."""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from operator import attrgetter
from typing import TypeAlias

import attrs

from pushserver.fair_turns import FairTurns
from pushserver.model.event import Event
from pushserver.model.token import Permission
from pushserver.services.event_renderer import EventGone, EventRenderer
from pushserver.storage.subscriptions import SubscriptionStore

_Key: TypeAlias = tuple[int, frozenset[Permission]]
#: Seconds for which a batch serves others: names change, and what is purged is gone.
_LIFETIME = 1.0
#: So many batches are kept: streams that began together stay together.
MAX_BATCHES = 16
#: So many bytes of bodies are kept in all.
KEPT_BODIES = 8 * 1024 * 1024


@attrs.frozen(eq=False, repr=False)
class EventBatch:
    """A scope's events that follow each other, after the id `after`."""

    scope_id: int
    after: int
    events: Sequence[Event]
    read_at: float

    def has_after(self, scope_id: int, event_id: int) -> bool:
        """Tell whether it has what follows an event of a scope."""
        return self.scope_id == scope_id and self.after <= event_id < self.events[-1].id

    def events_after(self, event_id: int) -> Sequence[Event]:
        """Return its events that come after one."""
        start = bisect_right(self.events, event_id, key=attrgetter("id"))
        return self.events[start:] if start else self.events


@attrs.define(eq=False, repr=False)
class _KeptBodies:
    """Bodies that others may want in a moment: the latest ones, as far as they fit."""

    _bodies: OrderedDict[_Key, tuple[float, bytes]] = attrs.field(
        factory=OrderedDict, init=False
    )
    _size: int = attrs.field(default=0, init=False)

    def find(self, key: _Key) -> bytes | None:
        """Return a body that was kept."""
        found = self._bodies.get(key)
        return None if found is None else found[1]

    def keep(self, key: _Key, body: bytes, now: float) -> None:
        """Keep a body; the oldest ones make room for it."""
        self._bodies[key] = now, body
        self._size += len(body)
        while self._size > KEPT_BODIES:
            self._drop_oldest()

    def expire(self, before: float) -> None:
        """Drop what was kept before then."""
        while self._bodies and next(iter(self._bodies.values()))[0] < before:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, (_, body) = self._bodies.popitem(last=False)
        self._size -= len(body)


@attrs.define(eq=False, repr=False)
class EventFeed:
    """
    What the streams of events send.

    `turn`: whoever reads and renders holds it, so that the next ones find it done.
    Nobody has a batch any longer: each slow peer's stream would have one of its own.
    """

    store: SubscriptionStore
    renderer: EventRenderer
    turn: FairTurns = attrs.field(factory=FairTurns, init=False)
    _batches: list[EventBatch] = attrs.field(factory=list, init=False)
    _bodies: _KeptBodies = attrs.field(factory=_KeptBodies, init=False)

    async def read(self, scope_id: int, *, after: int, limit: int) -> EventBatch | None:
        """
        Return a batch that has the scope's events after the id *after*, if any.

        Raises:
            Unavailable: the store is away.
        """
        now = asyncio.get_running_loop().time()
        self._expire(now - _LIFETIME)
        for batch in self._batches:
            if batch.has_after(scope_id, after):
                return batch
        events = await self.store.events(scope_id, after=after, limit=limit)
        if not events:
            # Not kept: the next event may be there already.
            return None
        batch = EventBatch(scope_id, after, events, now)
        self._batches = [*self._batches[1 - MAX_BATCHES :], batch]
        return batch

    def _expire(self, before: float) -> None:
        while self._batches and self._batches[0].read_at < before:
            del self._batches[0]
        self._bodies.expire(before)

    async def render(
        self, event: Event, may_read: frozenset[Permission]
    ) -> bytes | None:
        """
        Return the body of an event, without its result; None if it was deleted.

        Raises:
            Unavailable: the store is away.
        """
        key, now = (event.id, may_read), asyncio.get_running_loop().time()
        body = self._bodies.find(key)
        if body is None:
            try:
                body = await self.renderer.render_native(
                    event, include_result=False, may_read=may_read
                )
            except EventGone:
                return None
            self._bodies.keep(key, body, now)
        return body

"""Who wants to hear of what: only such events are written."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.changes import Changes
from pushserver.model.event import EventType
from pushserver.model.ids import first_id_at
from pushserver.model.news import News
from pushserver.model.subscription import Health, Subscription
from pushserver.storage.base import Store

#: How long a stream's interest lasts after it left, so that it can go on where it was.
LINGERS = 600 * SECOND


@attrs.define(eq=False)
class _Stream:
    scope_id: int
    types: frozenset[EventType]
    bell: asyncio.Event


@attrs.define(eq=False)
class Interests:
    """
    Keeps the store's `interest` in step with subscriptions and streams.

    Of streams that left nothing is kept but until when each event of their scopes is
    still wanted, however often they come and go.
    """

    store: Store
    clock: Clock
    _subscribed: dict[int, frozenset[EventType]] = attrs.field(factory=dict, init=False)
    _streams: set[_Stream] = attrs.field(factory=set, init=False)
    _lingering: dict[tuple[int, EventType], int] = attrs.field(factory=dict, init=False)
    _since: dict[tuple[int, EventType], int] | None = attrs.field(
        default=None, init=False
    )

    def subscribe(self, subscriptions: Iterable[Subscription]) -> None:
        """Note what these, which are all there are, want to hear of."""
        self._subscribed = {}
        for each in subscriptions:
            if each.health is not Health.DISABLED:
                self._add(self._subscribed, each.scope_id, each.events)
        self._settle()

    @contextmanager
    def stream(
        self, scope_id: int, types: frozenset[EventType]
    ) -> Iterator[asyncio.Event]:
        """
        Have these events written for the length of the block, and ten minutes on.

        Lend a bell that rings when one was.
        """
        stream = _Stream(scope_id, types, asyncio.Event())
        self._streams.add(stream)
        self._settle()
        try:
            yield stream.bell
        finally:
            self._streams.discard(stream)
            until = self.clock.now() + LINGERS
            self._lingering |= {(scope_id, kind): until for kind in types}

    def is_whole(self, scope_id: int, types: frozenset[EventType], after: int) -> bool:
        """Tell whether all events of these types after the id *after* were written."""
        since = self._since or {}
        return all(
            (scope_id, kind) in since and first_id_at(since[scope_id, kind]) <= after
            for kind in types
        )

    def look(self, changes: Changes) -> None:
        """Ring for the streams of whose scopes something was written."""
        scopes = {event.scope_id for event in changes.events}
        for stream in self._streams:
            if stream.scope_id in scopes:
                stream.bell.set()

    def hear(self, news: News) -> None:
        """Ring for the streams of whose scopes other servers wrote something."""
        for stream in self._streams:
            if news.everything or stream.scope_id in news.events:
                stream.bell.set()

    def ring(self) -> None:
        """Let every stream look up: the server is stopping, or a token is revoked."""
        for stream in self._streams:
            stream.bell.set()

    async def forget(self) -> int:
        """Let go of what streams wanted that left long ago; return how much."""
        now, before = self.clock.now(), self._lingering
        self._lingering = {each: until for each, until in before.items() if until > now}
        self._settle()
        return len(before) - len(self._lingering)

    def _settle(self) -> None:
        wanted = dict(self._subscribed)
        for stream in self._streams:
            self._add(wanted, stream.scope_id, stream.types)
        for scope_id, kind in self._lingering:
            self._add(wanted, scope_id, frozenset({kind}))
        self.store.interest.clear()
        self.store.interest.update(wanted)
        # What was wanted when the server stopped was written all the time.
        begun = 0 if self._since is None else self.clock.now()
        before = self._since or {}
        self._since = {
            (scope_id, kind): before.get((scope_id, kind), begun)
            for scope_id, types in wanted.items()
            for kind in types
        }

    @staticmethod
    def _add(
        wanted: dict[int, frozenset[EventType]],
        scope_id: int,
        types: frozenset[EventType],
    ) -> None:
        wanted[scope_id] = wanted.get(scope_id, frozenset()) | types

"""Who wants to hear of what: only such events are written."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.changes import Changes
from pushserver.model.event import EventType
from pushserver.model.ids import first_id_at
from pushserver.model.news import News
from pushserver.model.subscription import Health, Subscription
from pushserver.storage.base import Store
from pushserver.storage.subscribing import Wish

#: How long a stream's interest lasts after it left, so that it can go on where it was.
LINGERS = 600 * SECOND
#: It is renewed by then while a stream is there.
_RENEWED = 60 * SECOND

Want = tuple[int, EventType]


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
    still wanted, however often they come and go. That is in the store, too: other
    servers write what is wanted here, and this one does after a restart.
    """

    store: Store
    clock: Clock
    _subscribed: dict[int, frozenset[EventType]] = attrs.field(factory=dict, init=False)
    _streams: set[_Stream] = attrs.field(factory=set, init=False)
    _lingering: dict[Want, int] = attrs.field(factory=dict, init=False)
    _since: dict[Want, int] | None = attrs.field(default=None, init=False)
    _kept: dict[Want, Wish] = attrs.field(factory=dict, init=False)

    async def load(self) -> None:
        """Read what streams want, on this server and on others."""
        self._hear_of(await self.store.interests.all_wishes())
        if self._since is not None:
            self._settle()

    def _hear_of(self, wishes: Iterable[Wish]) -> None:
        now = self.clock.now()
        self._kept = {(w.scope_id, w.type): w for w in wishes if w.until > now}
        for want, wish in self._kept.items():
            self._lingering[want] = max(wish.until, self._lingering.get(want, 0))

    async def keep(self, scope_id: int, types: Collection[EventType]) -> None:
        """
        Have all servers write these events from now on, for a while.

        Raises:
            Unavailable: the store is away.
        """
        now = self.clock.now()
        new = {(scope_id, kind): now + LINGERS for kind in types}
        await self._save(
            {w: until for w, until in new.items() if self._is_due(w, until)}
        )

    def _is_due(self, want: Want, until: int) -> bool:
        kept = self._kept.get(want)
        return kept is None or kept.until + _RENEWED <= until

    async def _save(self, wanted: Mapping[Want, int]) -> None:
        now = self.clock.now()
        wishes = {
            want: Wish(*want, min(now, (self._since or {}).get(want, now)), until)
            for want, until in wanted.items()
        }
        if wishes:
            await self.store.interests.keep_wishes(list(wishes.values()))
            self._kept |= wishes

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
        """
        Let go of what streams wanted that left long ago; return how much.

        What those want that are there is kept for longer.

        Raises:
            Unavailable: the store is away.
        """
        now, before = self.clock.now(), self._lingering
        self._lingering = {each: until for each, until in before.items() if until > now}
        gone = len(before) - len(self._lingering)
        self._settle()
        wanted = {w: u for w, u in self._lingering.items() if self._is_longer(w, u)}
        for stream in self._streams:
            wanted |= {(stream.scope_id, kind): now + LINGERS for kind in stream.types}
        await self._save(wanted)
        await self.store.interests.drop_wishes(now=now)
        await self.load()
        return gone

    def _is_longer(self, want: Want, until: int) -> bool:
        kept = self._kept.get(want)
        return kept is None or kept.until < until

    def _settle(self) -> None:
        wanted = dict(self._subscribed)
        for stream in self._streams:
            self._add(wanted, stream.scope_id, stream.types)
        for scope_id, kind in self._lingering:
            self._add(wanted, scope_id, frozenset({kind}))
        self.store.interest.clear()
        self.store.interest.update(wanted)
        before = self._since
        self._since = {
            (scope_id, kind): self._begun((scope_id, kind), before)
            for scope_id, types in wanted.items()
            for kind in types
        }

    def _begun(self, want: Want, before: Mapping[Want, int] | None) -> int:
        """Return since when all events of this type were written."""
        scope_id, kind = want
        now = self.clock.now()
        since = now if before is None else before.get(want, now)
        if before is None and kind in self._subscribed.get(scope_id, ()):
            # What was wanted when the server stopped was written all the time.
            return 0
        return min(since, self._kept[want].since) if want in self._kept else since

    @staticmethod
    def _add(
        wanted: dict[int, frozenset[EventType]],
        scope_id: int,
        types: frozenset[EventType],
    ) -> None:
        wanted[scope_id] = wanted.get(scope_id, frozenset()) | types

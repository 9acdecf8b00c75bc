"""Which events are recorded: only those of a subscription or a stream."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import EventType
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import Subscription, SubscriptionHealth
from pushserver.storage.base import Store
from pushserver.storage.subscriptions import StreamInterest

#: How long events are recorded after a stream closed, so that it can resume.
STREAM_LINGER = 600 * SECOND
#: How often the interest of an open stream is renewed.
_RENEW_INTERVAL = 60 * SECOND

InterestKey = tuple[int, EventType]


@attrs.define(eq=False)
class _StreamWaiter:
    scope_id: int
    types: frozenset[EventType]
    wakeup: asyncio.Event


@attrs.define(eq=False)
class EventInterest:
    """
    Computes the store's `event_interest` from subscriptions and streams.

    The event types of a stream stay recorded for a while after it closed. That is
    stored, so other servers record them, too, and so does this one after a restart.
    """

    store: Store
    clock: Clock
    _subscribed: dict[int, frozenset[EventType]] = attrs.field(factory=dict, init=False)
    _streams: set[_StreamWaiter] = attrs.field(factory=set, init=False)
    _lingering_until: dict[InterestKey, int] = attrs.field(factory=dict, init=False)
    _recorded_since: dict[InterestKey, int] | None = attrs.field(
        default=None, init=False
    )
    _stored: dict[InterestKey, StreamInterest] = attrs.field(factory=dict, init=False)

    async def load(self) -> None:
        """Read the interest of the streams of all servers."""
        self._apply_stored(await self.store.stream_interests.all_interests())
        if self._recorded_since is not None:
            self._recompute()

    def _apply_stored(self, interests: Iterable[StreamInterest]) -> None:
        now = self.clock.now()
        self._stored = {
            (each.scope_id, each.type): each
            for each in interests
            if each.expires_at > now
        }
        for key, interest in self._stored.items():
            self._lingering_until[key] = max(
                interest.expires_at, self._lingering_until.get(key, 0)
            )

    async def extend(self, scope_id: int, types: Collection[EventType]) -> None:
        """
        Have all servers record these events for `STREAM_LINGER` from now on.

        Raises:
            Unavailable: the store is away.
        """
        now = self.clock.now()
        deadlines = {(scope_id, kind): now + STREAM_LINGER for kind in types}
        await self._store_interests(
            {
                key: until
                for key, until in deadlines.items()
                if self._needs_renewal(key, until)
            }
        )

    def _needs_renewal(self, key: InterestKey, until: int) -> bool:
        stored = self._stored.get(key)
        return stored is None or stored.expires_at + _RENEW_INTERVAL <= until

    async def _store_interests(self, deadlines: Mapping[InterestKey, int]) -> None:
        now = self.clock.now()
        interests = {
            key: StreamInterest(
                *key, min(now, (self._recorded_since or {}).get(key, now)), until
            )
            for key, until in deadlines.items()
        }
        if interests:
            await self.store.stream_interests.save_interests(list(interests.values()))
            self._stored |= interests

    def set_subscriptions(self, subscriptions: Iterable[Subscription]) -> None:
        """Replace the interest of all subscriptions by that of *subscriptions*."""
        self._subscribed = self._types_of(subscriptions)
        self._recompute()

    def set_scope_subscriptions(
        self, scope_id: int, subscriptions: Iterable[Subscription]
    ) -> None:
        """Replace the interest of the scope's subscriptions."""
        before = self._subscribed.pop(scope_id, None)
        self._subscribed |= self._types_of(subscriptions)
        if before != self._subscribed.get(scope_id):
            self._recompute()

    def _types_of(
        self, subscriptions: Iterable[Subscription]
    ) -> dict[int, frozenset[EventType]]:
        """Return by scope which events those want that are not disabled."""
        types_by_scope: dict[int, frozenset[EventType]] = {}
        for each in subscriptions:
            if each.health is not SubscriptionHealth.DISABLED:
                self._add(types_by_scope, each.scope_id, each.events)
        return types_by_scope

    @contextmanager
    def open_stream(
        self, scope_id: int, types: frozenset[EventType]
    ) -> Iterator[asyncio.Event]:
        """
        Have these events recorded during the block and for ten minutes after it.

        Yield an event that is set when one was recorded.
        """
        stream = _StreamWaiter(scope_id, types, asyncio.Event())
        self._streams.add(stream)
        if not types <= self.store.event_interest.get(scope_id, frozenset()):
            self._recompute()
        try:
            yield stream.wakeup
        finally:
            self._streams.discard(stream)
            until = self.clock.now() + STREAM_LINGER
            self._lingering_until |= {(scope_id, kind): until for kind in types}

    def is_complete_after(
        self, scope_id: int, types: frozenset[EventType], after: int
    ) -> bool:
        """Tell whether every event of these types after the id *after* was recorded."""
        since = self._recorded_since or {}
        return all(
            (scope_id, kind) in since and first_id_at(since[scope_id, kind]) <= after
            for kind in types
        )

    def on_events(self, notice: ChangeNotice) -> None:
        """Wake the streams of scopes with new events."""
        for stream in self._streams:
            if notice.everything or stream.scope_id in notice.events:
                stream.wakeup.set()

    def wake_streams(self) -> None:
        """Wake every stream: the server is stopping, or a token was revoked."""
        for stream in self._streams:
            stream.wakeup.set()

    async def expire(self) -> int:
        """
        Drop the interest of streams that closed long ago; return how many.

        Renew that of open streams.

        Raises:
            Unavailable: the store is away.
        """
        now, before = self.clock.now(), self._lingering_until
        self._lingering_until = {
            each: until for each, until in before.items() if until > now
        }
        expired = len(before) - len(self._lingering_until)
        self._recompute()
        deadlines = {
            key: until
            for key, until in self._lingering_until.items()
            if self._outlasts_stored(key, until)
        }
        for stream in self._streams:
            deadlines |= {
                (stream.scope_id, kind): now + STREAM_LINGER for kind in stream.types
            }
        await self._store_interests(deadlines)
        await self.store.stream_interests.delete_expired(now=now)
        await self.load()
        return expired

    def _outlasts_stored(self, key: InterestKey, until: int) -> bool:
        stored = self._stored.get(key)
        return stored is None or stored.expires_at < until

    def _recompute(self) -> None:
        types_by_scope = dict(self._subscribed)
        for stream in self._streams:
            self._add(types_by_scope, stream.scope_id, stream.types)
        for scope_id, kind in self._lingering_until:
            self._add(types_by_scope, scope_id, frozenset({kind}))
        self.store.event_interest.clear()
        self.store.event_interest.update(types_by_scope)
        previous = self._recorded_since
        self._recorded_since = {
            (scope_id, kind): self._compute_recorded_since((scope_id, kind), previous)
            for scope_id, types in types_by_scope.items()
            for kind in types
        }

    def _compute_recorded_since(
        self, key: InterestKey, previous: Mapping[InterestKey, int] | None
    ) -> int:
        """Return since when every event of this type was recorded."""
        scope_id, kind = key
        now = self.clock.now()
        since = now if previous is None else previous.get(key, now)
        if previous is None and kind in self._subscribed.get(scope_id, ()):
            # Subscriptions are stored: their events were always recorded.
            return 0
        return (
            min(since, self._stored[key].recorded_since)
            if key in self._stored
            else since
        )

    @staticmethod
    def _add(
        types_by_scope: dict[int, frozenset[EventType]],
        scope_id: int,
        types: frozenset[EventType],
    ) -> None:
        types_by_scope[scope_id] = types_by_scope.get(scope_id, frozenset()) | types

"""What changed in a scope, by topic, for pages that show it live."""

import asyncio
import enum
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.services.device_registry import DeviceRegistry


class Topic(enum.StrEnum):
    """What a part of a page shows."""

    COMMANDS = "commands"
    DEVICES = "devices"
    SEEN = "seen"  # when devices were last seen: changes all the time
    TASKS = "tasks"  # and operations
    SUBSCRIPTIONS = "subscriptions"
    TOKENS = "tokens"
    EVENTS = "events"


#: A longer number is of no round that a server ever had.
_MAX_DIGITS = 18


@attrs.frozen
class LiveRound:
    """
    How many times this server has told somebody of changes, at some instant.

    `server` is random, so that no other server, or an earlier run, is taken for it.
    """

    server: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` writes; None if it is something else."""
        server, _, number = text.partition("-")
        is_number = number.isascii() and number.isdecimal()
        is_round = is_number and len(number) <= _MAX_DIGITS
        return cls(server, int(number)) if is_round else None

    def includes(self, announced: Self | None) -> bool:
        """Tell whether what was *announced* in that round had happened by this one."""
        if announced is None or announced.server != self.server:
            return False
        return announced.number <= self.number

    def __str__(self) -> str:
        return f"{self.server}-{self.number}"


@attrs.define(eq=False)
class TopicWatch:
    """
    Collects which topics changed in a scope; `wakeup` is set when one did.

    It is among the `untold` of each of its topics of which it has not been told yet.
    """

    scope_id: int
    topics: frozenset[Topic]
    untold: Mapping[Topic, set["TopicWatch"]]
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _changed: set[Topic] = attrs.field(factory=set, init=False)

    def add(self, topic: Topic) -> None:
        """Collect a topic."""
        self._changed.add(topic)
        self.wakeup.set()

    def take(self) -> set[Topic]:
        """Return what changed since the last call."""
        changed, self._changed = self._changed, set()
        self.wakeup.clear()
        for topic in changed:
            self.untold[topic].add(self)
        return changed


@attrs.define(eq=False)
class LiveTopics:
    """Passes on what commits changed, here or on other servers, to who watches."""

    devices: DeviceRegistry
    _watches: set[TopicWatch] = attrs.field(factory=set, init=False)
    #: Hundreds of pages may be open, and every commit comes by.
    _untold: Mapping[Topic, set[TopicWatch]] = attrs.field(
        factory=lambda: {topic: set() for topic in Topic}, init=False
    )
    _round: LiveRound = attrs.field(
        factory=lambda: LiveRound(secrets.token_hex(8), 0), init=False
    )

    @property
    def watch_count(self) -> int:
        """How many watch."""
        return len(self._watches)

    @property
    def current_round(self) -> LiveRound:
        """The round of who was told last."""
        return self._round

    def begin_round(self) -> LiveRound:
        """Return the round of somebody who took changes just now, and is told them."""
        self._round = LiveRound(self._round.server, self._round.number + 1)
        return self._round

    @contextmanager
    def watching(self, scope_id: int, topics: frozenset[Topic]) -> Iterator[TopicWatch]:
        """Collect changes of *topics* during the block."""
        watch = TopicWatch(scope_id, topics, self._untold)
        self._watches.add(watch)
        for topic in topics:
            self._untold[topic].add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            for watches in self._untold.values():
                watches.discard(watch)

    def wake(self) -> None:
        """Have everybody look whether the server stops."""
        for watch in self._watches:
            watch.wakeup.set()

    def on_notice(self, notice: ChangeNotice) -> None:
        """Tell those who watch what changed in their scope."""
        if not self._watches:
            return
        changed = [topic for topic in _topics_of(notice) if self._untold[topic]]
        scopes = self._scopes_of(notice) if changed else None
        for topic in changed:
            watches = self._untold[topic]
            concerned = [w for w in watches if scopes is None or w.scope_id in scopes]
            for watch in concerned:
                watch.add(topic)
            watches.difference_update(concerned)

    def _scopes_of(self, notice: ChangeNotice) -> set[int] | None:
        """Return in which scopes something changed; None if that is unknown."""
        is_local = bool(notice.lanes)
        if notice.everything or notice.tokens or notice.subscriptions:
            return None
        if notice.over and not is_local:
            return None
        scopes = {*notice.results, *notice.events}
        watched = {watch.scope_id for watch in self._watches}
        for device_id in _device_ids(notice):
            device = self.devices.find_in_any_scope(device_id)
            if device is not None:
                scopes.add(device.scope_id)
            if watched <= scopes:
                break
        return scopes


def _device_ids(notice: ChangeNotice) -> Iterable[int]:
    yield from notice.lanes
    yield from notice.waiting
    yield from notice.devices
    yield from (each.device_id for each in notice.seen)


def _topics_of(notice: ChangeNotice) -> frozenset[Topic]:
    if notice.everything:
        return frozenset(Topic)
    is_about_commands = notice.lanes or notice.waiting or notice.over or notice.results
    changed = {
        Topic.COMMANDS: is_about_commands,
        Topic.DEVICES: notice.devices,
        Topic.SEEN: notice.seen,
        Topic.TASKS: notice.over or notice.tasks_due or notice.steps_due,
        Topic.SUBSCRIPTIONS: notice.subscriptions,
        Topic.TOKENS: notice.tokens,
        Topic.EVENTS: notice.events,
    }
    return frozenset(topic for topic, has_changed in changed.items() if has_changed)

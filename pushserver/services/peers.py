"""Other servers over the same store: what they did is looked at here, too."""

import asyncio
from collections.abc import Collection

import attrs

from pushserver.model.news import News
from pushserver.services.fleet import Fleet
from pushserver.services.holds import Holds
from pushserver.services.interests import Interests
from pushserver.services.outcomes import Outcomes
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.tokens import Tokens
from pushserver.storage.base import Store

#: Seconds for which those are gathered who want to know more: anybody may, and often.
_GATHERING = 0.01


@attrs.define
class Stale:
    """What others changed and is not read again yet; `devices` None: all of them."""

    devices: set[int] | None = attrs.Factory(set)
    tokens: bool = False
    subscriptions: bool = False

    def add(self, other: "Stale") -> None:
        """Add what *other* has."""
        if self.devices is None or other.devices is None:
            self.devices = None
        else:
            self.devices |= other.devices
        self.tokens |= other.tokens
        self.subscriptions |= other.subscriptions


@attrs.define(kw_only=True, eq=False)
class Peers:
    """
    Hands news from other servers to whoever keeps something in memory.

    `stale` is set when something is to be read again.
    """

    store: Store
    fleet: Fleet
    tokens: Tokens
    subscriptions: Subscriptions
    interests: Interests
    holds: Holds
    outcomes: Outcomes
    stale: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _stale: Stale = attrs.field(factory=Stale, init=False)
    _reading: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _catching: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    async def catch_up(self) -> bool:
        """
        Know what others had changed before the call; tell whether there may be others.

        Somebody may ask one server for what another one made a moment ago. Whoever asks
        at the same time shares the reading.

        Raises:
            Unavailable: the store is away.
        """
        if not self.store.is_shared:
            return False
        if self._catching is None:
            self._catching = asyncio.create_task(self._catch_up(), name="catch up")
        await asyncio.shield(self._catching)
        return True

    async def _catch_up(self) -> None:
        await asyncio.sleep(_GATHERING)
        self._catching = None
        await self.store.hear()
        await self.refresh()

    def hear(self, news: News) -> None:
        """Look at what *news* tells of, and at all if it may have been more."""
        self._wake(None if news.everything else news.waiting)
        self.outcomes.hear(news)
        self.interests.hear(news)
        self.subscriptions.hear(news)
        changed = {*news.devices, *self.fleet.hear_seen(news.seen)}
        told = Stale(
            devices=None if news.everything else changed,
            tokens=news.tokens or news.everything,
            subscriptions=news.subscriptions or news.everything,
        )
        if told != Stale():
            self._stale.add(told)
            self.stale.set()

    async def refresh(self) -> int:
        """
        Read again what others changed; tell whether there was anything.

        Raises:
            Unavailable: the store is away; it is still to be read.
        """
        async with self._reading:
            self.stale.clear()
            stale, self._stale = self._stale, Stale()
            try:
                await self._read(stale)
            except BaseException:
                self._stale.add(stale)
                raise
        return stale != Stale()

    async def _read(self, stale: Stale) -> None:
        if stale.tokens:
            await self.tokens.refresh()
        if stale.devices is None or stale.devices:
            await self.fleet.refresh(stale.devices)
        if stale.subscriptions:
            await self.subscriptions.refresh()
            await self.interests.load()

    def _wake(self, device_ids: Collection[int] | None) -> None:
        if device_ids is None:
            device_ids = [hold.visit.device_id for hold in self.holds]
        for device_id in device_ids:
            self.holds.wake(device_id)

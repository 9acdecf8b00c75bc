"""Other servers over the same store: what they did is looked at here, too."""

import asyncio
from collections.abc import Collection

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.services.completion_waiters import CompletionWaiters
from pushserver.services.event_interest import EventInterest
from pushserver.services.fleet_admin import FleetAdmin
from pushserver.services.held_polls import HeldPolls
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.tokens import Tokens
from pushserver.storage.base import Store

#: Seconds for which those are gathered who want to know more: anybody may, and often.
_COALESCE_SECONDS = 0.01


@attrs.define
class StaleCaches:
    """What others changed and is not read again yet; `devices` None: all of them."""

    devices: set[int] | None = attrs.Factory(set)
    tokens: bool = False
    subscriptions: bool = False

    def merge(self, other: "StaleCaches") -> None:
        """Add what *other* has."""
        if self.devices is None or other.devices is None:
            self.devices = None
        else:
            self.devices |= other.devices
        self.tokens |= other.tokens
        self.subscriptions |= other.subscriptions


@attrs.define(kw_only=True, eq=False)
class ClusterSync:
    """
    Hands news from other servers to whoever keeps something in memory.

    `wakeup` is set when something is to be read again.
    """

    store: Store
    fleet: FleetAdmin
    tokens: Tokens
    subscriptions: Subscriptions
    event_interest: EventInterest
    holds: HeldPolls
    completion_waiters: CompletionWaiters
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _stale: StaleCaches = attrs.field(factory=StaleCaches, init=False)
    _refresh_lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _catch_up_task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

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
        if self._catch_up_task is None:
            self._catch_up_task = asyncio.create_task(self._catch_up(), name="catch up")
        await asyncio.shield(self._catch_up_task)
        return True

    async def _catch_up(self) -> None:
        await asyncio.sleep(_COALESCE_SECONDS)
        self._catch_up_task = None
        await self.store.sync_notices()
        await self.refresh()

    def on_notice(self, notice: ChangeNotice) -> None:
        """Look at what *notice* tells of, and at all if it may have been more."""
        self._wake_holds(None if notice.everything else notice.waiting)
        self.completion_waiters.on_notice(notice)
        self.event_interest.on_notice(notice)
        self.subscriptions.on_notice(notice)
        changed = {*notice.devices, *self.fleet.on_devices_seen(notice.seen)}
        newly_stale = StaleCaches(
            devices=None if notice.everything else changed,
            tokens=notice.tokens or notice.everything,
            subscriptions=notice.subscriptions or notice.everything,
        )
        if newly_stale != StaleCaches():
            self._stale.merge(newly_stale)
            self.wakeup.set()

    async def refresh(self) -> int:
        """
        Read again what others changed; tell whether there was anything.

        Raises:
            Unavailable: the store is away; it is still to be read.
        """
        async with self._refresh_lock:
            self.wakeup.clear()
            stale, self._stale = self._stale, StaleCaches()
            try:
                await self._refresh_caches(stale)
            except BaseException:
                self._stale.merge(stale)
                raise
        return stale != StaleCaches()

    async def _refresh_caches(self, stale: StaleCaches) -> None:
        if stale.tokens:
            await self.tokens.refresh()
        if stale.devices is None or stale.devices:
            await self.fleet.refresh(stale.devices)
        if stale.subscriptions:
            await self.subscriptions.refresh()
            await self.event_interest.load()

    def _wake_holds(self, device_ids: Collection[int] | None) -> None:
        if device_ids is None:
            device_ids = [hold.poll.device_id for hold in self.holds]
        for device_id in device_ids:
            self.holds.wake(device_id)

"""Refreshes this server's caches when other servers change what is cached."""

import asyncio

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.services.device_sync import DeviceSync
from pushserver.services.event_interest import EventInterest
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.services.tokens import Tokens
from pushserver.storage.base import Store

#: Seconds for which callers of `catch_up` are collected to share one read.
_COALESCE_SECONDS = 0.01
#: A token is valid by memory alone for so many seconds after others were last heard: it
#: may have been revoked since.
MAX_TOKEN_AGE = 1.0


@attrs.define
class StaleCaches:
    """Which caches are stale; `devices` None means all of them."""

    devices: set[int] | None = attrs.Factory(set)
    tokens: bool = False
    subscriptions: bool = False

    def merge(self, other: "StaleCaches") -> None:
        """Add what is stale in *other*."""
        if self.devices is None or other.devices is None:
            self.devices = None
        else:
            self.devices |= other.devices
        self.tokens |= other.tokens
        self.subscriptions |= other.subscriptions


@attrs.define(kw_only=True, eq=False)
class ClusterSync:
    """
    Refreshes devices, tokens, subscriptions and event interest from the store.

    `wakeup` is set when one of them is stale. `DeviceSync` refreshes the devices.
    """

    store: Store
    device_sync: DeviceSync
    tokens: Tokens
    subscriptions: SubscriptionRegistry
    event_interest: EventInterest
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _stale: StaleCaches = attrs.field(factory=StaleCaches, init=False)
    _token_notices: int = attrs.field(default=0, init=False)
    _read_token_notices: int = attrs.field(default=0, init=False)
    _refresh_lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _catch_up_task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    async def catch_up(self) -> bool:
        """
        Read what others changed before the call; tell whether the store is shared.

        A program may ask one server for what another one has just created. Concurrent
        callers share one read.

        Raises:
            Unavailable: the store is away.
        """
        if not self.store.is_shared:
            return False
        if self._catch_up_task is None:
            self._catch_up_task = asyncio.create_task(self._catch_up(), name="catch up")
        await asyncio.shield(self._catch_up_task)
        return True

    def may_have_missed_tokens(self) -> bool:
        """Tell whether a token that is valid by memory may have been revoked by now."""
        are_stale = self._token_notices != self._read_token_notices
        return are_stale or not self.store.is_up_to_date(MAX_TOKEN_AGE)

    async def _catch_up(self) -> None:
        await asyncio.sleep(_COALESCE_SECONDS)
        self._catch_up_task = None
        await self.store.sync_notices()
        await self.refresh()

    def on_devices(self, notice: ChangeNotice) -> None:
        """Mark devices that another server changed as stale."""
        devices = None if notice.everything else {*notice.devices}
        self._mark_stale(StaleCaches(devices=devices))

    def on_seen(self, notice: ChangeNotice) -> None:
        """Merge when others saw devices; mark unknown devices as stale."""
        unknown = {*self.device_sync.on_devices_seen(notice.seen)}
        if unknown:
            self._mark_stale(StaleCaches(devices=unknown))

    def on_tokens(self, _notice: ChangeNotice) -> None:
        """Mark the tokens as stale."""
        self._token_notices += 1
        self._mark_stale(StaleCaches(tokens=True))

    def on_subscriptions(self, _notice: ChangeNotice) -> None:
        """Mark the subscriptions, and the event interest of streams, as stale."""
        self._mark_stale(StaleCaches(subscriptions=True))

    def _mark_stale(self, newly_stale: StaleCaches) -> None:
        self._stale.merge(newly_stale)
        self.wakeup.set()

    async def refresh(self) -> int:
        """
        Refresh what is stale; tell whether anything was.

        Raises:
            Unavailable: the store is away; it stays stale.
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
            token_notices = self._token_notices
            await self.tokens.refresh()
            self._read_token_notices = token_notices
        if stale.devices is None or stale.devices:
            await self.device_sync.refresh(stale.devices)
        if stale.subscriptions:
            await self.subscriptions.refresh()
            await self.event_interest.load()

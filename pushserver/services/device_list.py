"""Lists the devices of a scope that match a filter, sorted."""

from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from operator import itemgetter

import attrs

from pushserver.clock import Clock
from pushserver.fair_turns import FairTurns
from pushserver.model.device import Device
from pushserver.model.device_filter import (
    DeviceFilter,
    DeviceOrder,
    DeviceSort,
    SortKey,
)
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.off_loop import in_pieces
from pushserver.services.online_rule import OnlineRule
from pushserver.storage.base import Store

_Keyed = tuple[SortKey, Device]
#: So many calls at once have what is known of all queues: of many, that is a lot.
_MAX_CALLS_WITH_QUEUES = 4


@attrs.frozen(repr=False)
class DeviceList:
    """
    Pages of devices, from memory; what is in their queues is read from the store.

    A page takes no more memory than it is long, however many devices there are.
    """

    store: Store
    clock: Clock
    devices: DeviceRegistry
    online_rule: OnlineRule
    _room: FairTurns = attrs.field(
        factory=partial(FairTurns, _MAX_CALLS_WITH_QUEUES), init=False
    )

    @asynccontextmanager
    async def busy_ids(self, scope_id: int) -> AsyncIterator[Collection[int]]:
        """
        Yield the devices that have a command in flight; few calls have them at once.

        Raises:
            Unavailable: the store is away.
        """
        async with self._room:
            yield await self.store.devices_in_flight(scope_id)

    async def page(
        self,
        scope_id: int,
        criteria: DeviceFilter,
        order: DeviceOrder,
        *,
        online: bool | None = None,
        after: SortKey | None = None,
        limit: int,
    ) -> Sequence[_Keyed]:
        """
        Return at most *limit* devices, each with its key.

        The page begins *after* a key, whether or not a device has that one any more.

        Raises:
            Unavailable: the store is away.
        """
        is_by_id = order.sort is DeviceSort.DEVICE_ID
        start = after[0] if is_by_id and after is not None else None
        ids = self.devices.walk_ids(criteria, after=start, descending=order.descending)
        page = _Page(order, after, limit)
        async with self._queues(scope_id, order, online) as (depths, busy_ids):
            is_meant = self._condition(criteria, online, busy_ids)
            key_of = order.sort.key_of(depths)
            async for some in in_pieces(ids):
                devices = filter(is_meant, self.devices.find_all(scope_id, some))
                page.add((key_of(device), device) for device in devices)
                if is_by_id and len(page.rows) == limit:
                    break
        return page.rows

    async def ids(
        self, scope_id: int, criteria: DeviceFilter, *, online: bool | None = None
    ) -> list[int]:
        """
        Return the ids of all that are meant, in their order.

        Raises:
            Unavailable: the store is away.
        """
        found: list[int] = []
        async with self._queues(scope_id, DeviceOrder(), online) as (_, busy_ids):
            is_meant = self._condition(criteria, online, busy_ids)
            async for some in in_pieces(self.devices.walk_ids(criteria)):
                devices = filter(is_meant, self.devices.find_all(scope_id, some))
                found += (device.device_id for device in devices)
        return found

    @asynccontextmanager
    async def _queues(
        self, scope_id: int, order: DeviceOrder, online: bool | None
    ) -> AsyncIterator[tuple[Mapping[int, int], Collection[int]]]:
        """Yield the depths of all queues, and who is busy, as far as it is needed."""
        depths: Mapping[int, int] = {}
        busy_ids: Collection[int] = ()
        needs_depths = order.sort is DeviceSort.QUEUE_DEPTH
        async with AsyncExitStack() as stack:
            if needs_depths or online is not None:
                await stack.enter_async_context(self._room)
            if needs_depths:
                depths = await self.store.queue_depths(scope_id)
            if online is not None:
                busy_ids = await self.store.devices_in_flight(scope_id)
            yield depths, busy_ids

    def _condition(
        self, criteria: DeviceFilter, online: bool | None, busy_ids: Collection[int]
    ) -> Callable[[Device], bool]:
        if online is None:
            return criteria.matches
        now, is_online = self.clock.now(), self.online_rule.is_online

        def matches(device: Device) -> bool:
            is_busy = device.device_id in busy_ids
            return (
                criteria.matches(device)
                and is_online(device, now, is_busy=is_busy) is online
            )

        return matches


@attrs.define
class _Page:
    """The first of those that were added, in their order, behind a key."""

    order: DeviceOrder
    after: SortKey | None
    limit: int
    rows: list[_Keyed] = attrs.field(factory=list, init=False)

    def add(self, keyed: Iterable[_Keyed]) -> None:
        """Add devices, as far as the page has them so far."""
        last = self.rows[-1][0] if len(self.rows) == self.limit else None
        new = [
            pair
            for pair in keyed
            if self._is_behind(pair[0], self.after)
            and (last is None or self._is_behind(last, pair[0]))
        ]
        self.rows += new
        if self.order.sort is not DeviceSort.DEVICE_ID:
            self.rows.sort(key=itemgetter(0), reverse=self.order.descending)
        del self.rows[self.limit :]

    def _is_behind(self, key: SortKey, other: SortKey | None) -> bool:
        """Tell whether *key* comes after the *other*, if there is one."""
        if other is None:
            return True
        return key < other if self.order.descending else key > other

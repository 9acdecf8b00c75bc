"""Lists the devices of a scope that match a filter, sorted."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

import attrs

from pushserver.clock import Clock
from pushserver.model.device import Device
from pushserver.model.device_filter import (
    DeviceFilter,
    DeviceOrder,
    DeviceSort,
    SortKey,
)
from pushserver.services.batches import batches
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.off_loop import in_pieces, sorted_in_pieces
from pushserver.services.online_rule import OnlineRule
from pushserver.storage.base import Store

_Keyed = tuple[SortKey, Device]


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
        depths: Mapping[int, int] = {}
        if order.sort is DeviceSort.QUEUE_DEPTH:
            depths = await self.store.queue_depths(scope_id)
        key_of = order.sort.key_of(depths)
        is_meant = await self._condition(scope_id, criteria, online)

        def is_further(key: SortKey) -> bool:
            return after is None or (key < after if order.descending else key > after)

        found: list[_Keyed] = []
        ids = await self._ids(criteria, order, after)
        async for some in in_pieces(batches(ids)):
            devices = filter(is_meant, self.devices.find_all(scope_id, some))
            keyed = ((key_of(device), device) for device in devices)
            found += (pair for pair in keyed if is_further(pair[0]))
            found.sort(key=itemgetter(0), reverse=order.descending)
            del found[limit:]
            if order.sort is DeviceSort.DEVICE_ID and len(found) == limit:
                break
        return found

    async def _ids(
        self, criteria: DeviceFilter, order: DeviceOrder, after: SortKey | None
    ) -> Sequence[int]:
        """Return the ids to look at; in their order, so that a list by ids is short."""
        among = self.devices.ids if criteria.among is None else criteria.among
        ids = await sorted_in_pieces(among)
        if order.sort is not DeviceSort.DEVICE_ID:
            return ids
        if order.descending:
            end = len(ids) if after is None else bisect_left(ids, after[0])
            return ids[:end][::-1]
        return ids if after is None else ids[bisect_right(ids, after[0]) :]

    async def _condition(
        self, scope_id: int, criteria: DeviceFilter, online: bool | None
    ) -> Callable[[Device], bool]:
        if online is None:
            return criteria.matches
        busy_ids = await self.store.devices_in_flight(scope_id)
        now, is_online = self.clock.now(), self.online_rule.is_online

        def matches(device: Device) -> bool:
            is_busy = device.device_id in busy_ids
            return (
                criteria.matches(device)
                and is_online(device, now, is_busy=is_busy) is online
            )

        return matches

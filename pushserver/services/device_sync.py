"""Merges what other servers changed and saw of devices into this one's memory."""

from collections.abc import Collection, Iterable, Sequence

import attrs

from pushserver.model.change_notice import DeviceSeen
from pushserver.model.device import Device, IdentityConflict
from pushserver.services.batches import batches
from pushserver.services.device_events import DeviceEventBuffer
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_write_behind import DeviceWriteBehind
from pushserver.services.held_polls import HeldPolls
from pushserver.services.off_loop import in_pieces
from pushserver.storage.base import Store

_SYNCED_FIELDS = (
    "name",
    "tags",
    "key_hash",
    "old_key_hash",
    "used_key_hash",
    "key_enforced",
    "announced",
    "keyless_since",
    "keyless_address",
    "adopted_by",
)
#: The settings of a scope on a device, which do not follow it into another scope.
SCOPE_FIELDS = ("hold", *_SYNCED_FIELDS)


@attrs.frozen(repr=False)
class DeviceSync:
    """The part of `ClusterSync` for devices: updates those in memory from the store."""

    store: Store
    devices: DeviceRegistry
    write_behind: DeviceWriteBehind
    device_events: DeviceEventBuffer
    holds: HeldPolls
    conflict_policy: IdentityConflict

    async def refresh(self, device_ids: Collection[int] | None) -> None:
        """
        Reread these devices (None: all) after other servers changed them, in pieces.

        There may be very many.
        """
        # Else a device saved here between the read and the merge would be lost.
        async with self.devices.write_lock:
            if device_ids is not None:
                await self._reload_in_batches([*device_ids])
                return
            stored = await self.store.device_ids()
            await self._reload_in_batches(stored)
            known = {device_id async for device_id in in_pieces(stored)}
            found = in_pieces(self.devices)
            others = [d.device_id async for d in found if d.device_id not in known]
            await self._reload_in_batches(others)

    async def reload_before_write(self, device_ids: Sequence[int]) -> None:
        """
        Reread devices before a change, so that it undoes none of another server.

        The caller holds the registry's `write_lock`.
        """
        if self.store.is_shared:
            await self._reload_in_batches(device_ids)

    async def _reload_in_batches(self, device_ids: Sequence[int]) -> None:
        for batch in batches(device_ids):
            await self._reload(batch)

    async def _reload(self, device_ids: Collection[int]) -> None:
        stored = await self.store.devices(device_ids)
        stored_by_id = {device.device_id: device for device in stored}
        for device_id in device_ids:
            if device_id in stored_by_id:
                self._merge_stored(stored_by_id[device_id])
            elif self._was_deleted(device_id):
                self.forget(device_id)

    async def clear_unknown_requests(self, devices: Sequence[Device]) -> None:
        """
        Forget what devices sent before they were adopted: it says nothing of them now.

        Raises:
            Unavailable: the store is away.
        """
        for batch in batches([device.device_id for device in devices]):
            await self.store.clear_unknown_requests(batch)
        for device in devices:
            self._forget_unknown_requests(device)

    def _forget_unknown_requests(self, device: Device) -> None:
        device.unknown_request_count = 0
        self.write_behind.discard_unknown_requests(device.device_id)

    def _was_deleted(self, device_id: int) -> bool:
        """Tell whether a known device that the store lacks was deleted."""
        is_known = self.devices.find_in_any_scope(device_id) is not None
        return is_known and not self.write_behind.is_new(device_id)

    def forget(self, device_id: int) -> None:
        """Forget a deleted device, and release its held poll."""
        self.devices.publish_changed([device_id])
        self.devices.forget(device_id)
        self.write_behind.discard(device_id)
        self.holds.release(device_id)

    def _merge_stored(self, stored: Device) -> None:
        """Merge what others wrote into the device in memory."""
        device_id = stored.device_id
        # No longer new: if it is missing in the store later, it was deleted.
        self.write_behind.mark_stored(device_id)
        device = self.devices.find_in_any_scope(device_id) or stored
        if stored.is_adopted and not device.is_adopted:
            self._forget_unknown_requests(device)
        hold = () if device.hold == stored.hold else ("hold",)
        names = ("scope_id", "state", "created_at", *_SYNCED_FIELDS, *hold)
        unwritten = self.write_behind.unwritten_fields(device_id)
        used_key = device.key_hash
        self.devices.update(stored, [n for n in names if n not in unwritten])
        if self.write_behind.is_key_enforced(device_id):
            device.key_enforced = True
            if device.key_hash == used_key:
                # What the store has is older than the first use of the key.
                device.old_key_hash, device.used_key_hash = None, used_key
        self._apply_seen(device, DeviceSeen.from_device(stored))

    def on_devices_seen(self, seen_devices: Iterable[DeviceSeen]) -> Collection[int]:
        """Merge when others saw devices; return the ids of devices unknown here."""
        unknown_ids = set()
        for seen in seen_devices:
            device = self.devices.find_in_any_scope(seen.device_id)
            if device is None:
                unknown_ids.add(seen.device_id)
            else:
                self._apply_seen(device, seen)
        return unknown_ids

    def _apply_seen(self, device: Device, seen: DeviceSeen) -> None:
        device.polled_without_key |= seen.polled_without_key
        if seen.last_seen_at > (device.last_seen_at or 0):
            if seen.address != device.address and not device.record_address(
                seen.last_seen_at,
                seen.address,
                shuts_out=device.key_hash is None
                and self.conflict_policy is IdentityConflict.QUARANTINE,
            ):
                return
            device.last_seen_at = seen.last_seen_at
            device.poll_period = seen.poll_period
            if device.is_adopted:
                self.device_events.add_arrival(device)

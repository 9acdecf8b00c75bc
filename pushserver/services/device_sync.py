"""Devices as other servers over the same store know them."""

from collections.abc import Collection, Iterable, Sequence

import attrs

from pushserver.model.change_notice import DeviceSeen
from pushserver.model.device import Device
from pushserver.services.device_directory import DeviceDirectory
from pushserver.services.device_registry import BATCH_SIZE

#: What a scope says of a device; it does not follow the device into another scope.
_SYNCED_FIELDS = ("name", "tags", "key_hash", "old_key_hash", "key_enforced")
SCOPE_FIELDS = ("hold", *_SYNCED_FIELDS)


@attrs.define(eq=False, repr=False)
class DeviceSync(DeviceDirectory):
    """What others changed and saw, brought into the devices that are at work here."""

    async def _reload_before_write(self, device_ids: Sequence[int]) -> None:
        """See what other servers wrote last: it is not to be written over."""
        if self.store.is_shared:
            for start in range(0, len(device_ids), BATCH_SIZE):
                await self._reload(device_ids[start : start + BATCH_SIZE])

    async def refresh(self, device_ids: Collection[int] | None) -> None:
        """Read these devices again, None: all: other servers changed them."""
        # What is saved here meanwhile would be taken for what is not there.
        async with self._write_lock:
            await self._reload(device_ids)

    def admission_state(self, device_id: int) -> Sequence[object]:
        """Return by what it is decided whether the device is served."""
        device = self.find_in_any_scope(device_id)
        if device is None:
            return ()
        return (device.is_adopted, device.key_hash, device.old_key_hash)

    async def _reload(self, device_ids: Collection[int] | None) -> None:
        if device_ids is None:
            stored = await self.store.all_devices()
            device_ids = {*self._devices, *(d.device_id for d in stored)}
        else:
            stored = await self.store.devices(device_ids)
        stored_by_id = {device.device_id: device for device in stored}
        for device_id in device_ids:
            if device_id in stored_by_id:
                self._merge_stored(stored_by_id[device_id])
            elif device_id in self._devices and device_id not in self._pending_new:
                self._forget(device_id)
                self.holds.release(device_id)

    def _merge_stored(self, stored: Device) -> None:
        """Bring what others wrote into the device that is at work."""
        # It is written, though not from here; if it is gone one day, it is forgotten.
        self._pending_new.pop(stored.device_id, None)
        device = self._devices.get(stored.device_id)
        if device is None:
            self._quarantined_count += not stored.is_adopted
            self._devices[stored.device_id] = device = stored
        keyed = stored.device_id in self._pending_keyed
        hold = () if device.hold == stored.hold else ("hold",)
        self._apply_fields(
            stored, ("scope_id", "state", "created_at", *_SYNCED_FIELDS, *hold)
        )
        device.key_enforced |= keyed
        self._apply_seen(device, DeviceSeen.from_device(stored))

    def on_devices_seen(self, seen_devices: Iterable[DeviceSeen]) -> Collection[int]:
        """Note what others saw; return the devices among these that are unknown."""
        unknown = set()
        for seen in seen_devices:
            device = self._devices.get(seen.device_id)
            if device is None:
                unknown.add(seen.device_id)
            else:
                self._apply_seen(device, seen)
        return unknown

    def _apply_seen(self, device: Device, seen: DeviceSeen) -> None:
        device.polled_without_key |= seen.polled_without_key
        if seen.last_seen_at > (device.last_seen_at or 0):
            device.last_seen_at, device.address = seen.last_seen_at, seen.address
            device.poll_period = seen.poll_period
            if device.is_adopted:
                self._arrivals[device.device_id] = device

    def _apply_fields(self, source: Device, names: Sequence[str]) -> None:
        """Bring what was saved into the device that is at work."""
        device = self._devices.setdefault(source.device_id, source)
        if device is not source:
            self._quarantined_count -= not device.is_adopted
            for name in names:
                setattr(device, name, getattr(source, name))
            self._quarantined_count += not device.is_adopted
        if "hold" in names:
            device.hang_up_count, device.shortest_aborted_hold = 0, None

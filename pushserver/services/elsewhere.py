"""Devices as other servers over the same store know them."""

from collections.abc import Collection, Iterable, Sequence

import attrs

from pushserver.model.device import Device
from pushserver.model.news import Sighting
from pushserver.services.directory import Directory
from pushserver.services.presence import FLUSH

#: What a scope says of a device; it does not follow the device into another scope.
_SHARED = ("name", "tags", "key_hash", "old_key_hash", "key_enforced")
OWN = ("hold", *_SHARED)


@attrs.define(eq=False, repr=False)
class Elsewhere(Directory):
    """What others changed and saw, brought into the devices that are at work here."""

    async def _catch_up(self, device_ids: Sequence[int]) -> None:
        """See what other servers wrote last: it is not to be written over."""
        if self.store.is_shared:
            for start in range(0, len(device_ids), FLUSH):
                await self._read_again(device_ids[start : start + FLUSH])

    async def refresh(self, device_ids: Collection[int] | None) -> None:
        """Read these devices again, None: all: other servers changed them."""
        # What is saved here meanwhile would be taken for what is not there.
        async with self._saving:
            await self._read_again(device_ids)

    def admission(self, device_id: int) -> Sequence[object]:
        """Return by what it is decided whether the device is served."""
        device = self.known(device_id)
        if device is None:
            return ()
        return (device.is_adopted, device.key_hash, device.old_key_hash)

    async def _read_again(self, device_ids: Collection[int] | None) -> None:
        if device_ids is None:
            found = await self.store.all_devices()
            device_ids = {*self._devices, *(d.device_id for d in found)}
        else:
            found = await self.store.devices(device_ids)
        there = {device.device_id: device for device in found}
        for device_id in device_ids:
            if device_id in there:
                self._hear_of(there[device_id])
            elif device_id in self._devices and device_id not in self._found:
                self._drop(device_id)
                self.holds.dismiss(device_id)

    def _hear_of(self, saved: Device) -> None:
        """Bring what others wrote into the device that is at work."""
        # It is written, though not from here; if it is gone one day, it is forgotten.
        self._found.pop(saved.device_id, None)
        device = self._devices.get(saved.device_id)
        if device is None:
            self._quarantined += not saved.is_adopted
            self._devices[saved.device_id] = device = saved
        keyed = saved.device_id in self._keyed
        hold = () if device.hold == saved.hold else ("hold",)
        self._take(saved, ("scope_id", "state", "created_at", *_SHARED, *hold))
        device.key_enforced |= keyed
        self._see(device, Sighting.of(saved))

    def hear_seen(self, sightings: Iterable[Sighting]) -> Collection[int]:
        """Note what others saw; return the devices among these that are unknown."""
        unknown = set()
        for sighting in sightings:
            device = self._devices.get(sighting.device_id)
            if device is None:
                unknown.add(sighting.device_id)
            else:
                self._see(device, sighting)
        return unknown

    def _see(self, device: Device, sighting: Sighting) -> None:
        device.polled_plain |= sighting.polled_plain
        if sighting.at > (device.last_seen_at or 0):
            device.last_seen_at, device.address = sighting.at, sighting.address
            device.period = sighting.period
            if device.is_adopted:
                self._met[device.device_id] = device

    def _take(self, saved: Device, names: Sequence[str]) -> None:
        """Bring what was saved into the device that is at work."""
        device = self._devices.setdefault(saved.device_id, saved)
        if device is not saved:
            self._quarantined -= not device.is_adopted
            for name in names:
                setattr(device, name, getattr(saved, name))
            self._quarantined += not device.is_adopted
        if "hold" in names:
            device.hang_ups, device.shortest_wait = 0, None

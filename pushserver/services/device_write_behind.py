"""Write-behind: what polls change of devices is stored every few seconds."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import attrs

from pushserver.errors import Unavailable
from pushserver.model.bounds import KIBIBYTE, Bounds
from pushserver.model.device import Device
from pushserver.model.unknown_request import MAX_UNKNOWN_REQUESTS, UnknownRequest
from pushserver.services.batches import BATCH_SIZE, batches
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.pending_requests import PendingRequests
from pushserver.storage.base import Store

T = TypeVar("T")

#: The most batches that `flush_repeatedly` writes.
MAX_BATCHES = 10
#: How many bytes of unknown requests are in a batch, about: doors wait for its commit.
MAX_REQUEST_BYTES = 65_536


@attrs.define(eq=False, repr=False)
class DeviceWriteBehind:
    """Collects changes of devices in memory, so that a poll writes nothing."""

    store: Store
    devices: DeviceRegistry
    bounds: Bounds
    counts: Counter[str]
    _seen: dict[int, Device] = attrs.field(factory=dict, init=False)
    _new: dict[int, Device] = attrs.field(factory=dict, init=False)
    _key_enforced: dict[int, Device] = attrs.field(factory=dict, init=False)
    _old_key_used: dict[int, Device] = attrs.field(factory=dict, init=False)
    _keyless: dict[int, Device] = attrs.field(factory=dict, init=False)
    _unknown_requests: PendingRequests = attrs.field(init=False)
    _bytes_since_trim: int = attrs.field(init=False)
    _evicted_ids: set[int] = attrs.field(factory=set, init=False)

    @_unknown_requests.default
    def _no_requests(self) -> PendingRequests:
        return PendingRequests(self.bounds.pending_requests * KIBIBYTE)

    @_bytes_since_trim.default
    def _unknown_amount(self) -> int:
        """Return an amount that is trimmed at once: how much is stored is not known."""
        return self.bounds.stored_requests * KIBIBYTE

    def add_seen(self, device: Device) -> None:
        """Record that the device was seen."""
        self._seen[device.device_id] = device

    def add_new(self, device: Device) -> None:
        """Record that the device is not in the store yet."""
        self._new[device.device_id] = device

    def is_new(self, device_id: int) -> bool:
        """Tell whether the device is not in the store yet."""
        return device_id in self._new

    def mark_stored(self, device_id: int) -> None:
        """Record that the new device is in the store."""
        self._new.pop(device_id, None)

    def add_key_enforced(self, device: Device) -> None:
        """Record that the device's key is enforced from now on."""
        self._key_enforced[device.device_id] = device

    def discard_key_use(self, device_id: int) -> None:
        """Forget which key it came with: a newer one was written with it."""
        self._key_enforced.pop(device_id, None)
        self._old_key_used.pop(device_id, None)

    def add_old_key_used(self, device: Device) -> None:
        """Record that the device came with its old key, not with the newest."""
        self._old_key_used[device.device_id] = device

    def add_keyless(self, device: Device) -> None:
        """Record since when the device is served without a key."""
        self._keyless[device.device_id] = device

    def unwritten_fields(self, device_id: int) -> set[str]:
        """Return the fields of which memory knows more than the store."""
        names = set[str]()
        if device_id in self._old_key_used:
            names.add("used_key_hash")
        if device_id in self._keyless:
            names |= {"keyless_since", "keyless_address"}
        return names

    def is_key_enforced(self, device_id: int) -> bool:
        """Tell whether the key is enforced, and that is not stored yet."""
        return device_id in self._key_enforced

    def add_unknown_request(self, request: UnknownRequest) -> None:
        """Add a request if there is room; keep only the last ones of each device."""
        device = self.devices.find_in_any_scope(request.device_id)
        is_adopted = device is not None and device.is_adopted
        if not self._unknown_requests.add(request, is_adopted=is_adopted):
            self.counts["bounds.pendingRequests"] += 1

    def unknown_requests(self, device_id: int) -> list[UnknownRequest]:
        """Return the device's requests that are not stored yet."""
        return self._unknown_requests.of_device(device_id)

    def discard_unknown_requests(self, device_id: int) -> None:
        """Do not write the device's unknown requests."""
        self._unknown_requests.discard(device_id)

    def evict(self, device_id: int) -> None:
        """Delete the device with the next flush, unless it comes back before."""
        self.discard(device_id)
        self._evicted_ids.add(device_id)

    def discard(self, device_id: int) -> None:
        """Drop everything to be written about the device."""
        for pending in (self._seen, self._new, *self._changed()):
            pending.pop(device_id, None)
        self.discard_unknown_requests(device_id)

    def _changed(self) -> Sequence[dict[int, Device]]:
        """Return the devices with rare changes, one mapping for each kind."""
        return self._key_enforced, self._old_key_used, self._keyless

    @property
    def is_flushed(self) -> bool:
        """Tell whether everything is written."""
        return not (
            self._seen
            or self._new
            or any(self._changed())
            or self._unknown_requests
            or self._evicted_ids
        )

    async def flush_repeatedly(self) -> int:
        """
        Flush several batches; return how many devices were written.

        Several, because tasks read from the store which devices are online, and a large
        fleet must not be late there. Not all, because a fleet that keeps polling would
        never let this end.

        Raises:
            Unavailable: the store is away; the next flush writes the rest.
        """
        total = 0
        for _ in range(MAX_BATCHES):
            done = await self.flush()
            total += done
            if done < BATCH_SIZE:
                break
        await self._trim_stored_requests()
        return total

    async def _trim_stored_requests(self) -> None:
        """Delete unknown requests when an eighth of what may be stored is new."""
        limit = self.bounds.stored_requests * KIBIBYTE
        if self._bytes_since_trim > limit // 8:
            trimmed = await self.store.trim_unknown_requests(limit - limit // 8)
            self.counts["bounds.storedRequests"] += trimmed
            self._bytes_since_trim = 0

    async def flush(self) -> int:
        """
        Write one batch; return how many devices were written.

        Raises:
            Unavailable: the store is away; the next flush writes the rest.
        """
        await self._delete_evicted()
        return await self._flush_changed() + await self._flush_seen()

    async def _delete_evicted(self) -> None:
        for device_id in list(self._evicted_ids):
            if self.devices.find_in_any_scope(device_id) is None:
                await self.store.delete_device(device_id)
            self._evicted_ids.discard(device_id)

    async def _flush_changed(self) -> int:
        store, new_count = self.store, len(self._new)
        writes = (store.enforce_keys, store.save_old_keys_used, store.save_keyless)
        for pending, write in (
            (self._new, store.add_devices),
            *zip(self._changed(), writes, strict=True),
        ):
            for ids in batches(list(pending)):
                # Some may have been deleted while those before were written.
                devices = [pending[i] for i in ids if i in pending]
                await write(devices)
                _discard_written(pending, devices)
        return new_count

    async def _flush_seen(self) -> int:
        seen = _take_batch(self._seen)
        requests = self._unknown_requests.take(MAX_REQUEST_BYTES)
        if not (seen or requests):
            return 0
        try:
            await self.store.save_last_seen(
                list(seen.values()), requests, keep=MAX_UNKNOWN_REQUESTS
            )
        except Unavailable:
            self._seen = {**seen, **self._seen}
            self._unknown_requests.put_back(requests)
            raise
        self._bytes_since_trim += sum(request.size for request in requests)
        return len(seen)


def _take_batch(pending: dict[int, T]) -> dict[int, T]:
    """Remove a batch from *pending* and return it."""
    return {i: pending.pop(i) for i in list(pending)[:BATCH_SIZE]}


def _discard_written(pending: dict[int, Device], written: Sequence[Device]) -> None:
    """Remove what was written, except devices that changed again meanwhile."""
    for device in written:
        if pending.get(device.device_id) is device:
            del pending[device.device_id]

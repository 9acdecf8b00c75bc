"""The devices that call: who is served, who is quarantined, who was seen."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.device import (
    MAX_UNKNOWN_REQUEST_BYTES,
    MAX_UNKNOWN_REQUESTS,
    QUARANTINE_IDLE_SECONDS,
    QUARANTINE_LIMIT,
    AccessDecision,
    Device,
    DeviceIdentity,
    DeviceKeys,
    DeviceState,
    UnknownRequest,
    check_access,
)
from pushserver.model.event import EventType
from pushserver.model.ids import IdGenerator
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.base import Store

log = structlog.get_logger(__name__)

#: So many devices are written at once, so that nobody else waits for long.
BATCH_SIZE = 500
#: And so many times in a row.
MAX_BATCHES = 10


@attrs.frozen
class DeviceEvent:
    """Something to tell of a device: it came, went, or is not what it says."""

    device: Device
    event_type: EventType
    at: int
    reason: str | None


@attrs.define(eq=False, repr=False)
class DeviceRegistry:
    """
    Every device that is known, in memory; what was seen is written now and then.

    `request_count` counts polls and results.
    """

    store: Store
    clock: Clock
    ids: IdGenerator
    key_policy: DeviceKeys
    counts: Counter[str] = attrs.Factory(Counter)
    request_count: int = attrs.field(default=0, init=False)
    _devices: dict[int, Device] = attrs.field(factory=dict, init=False)
    _quarantined_count: int = attrs.field(default=0, init=False)
    _eviction_failed_at: int = attrs.field(default=0, init=False)
    _pending_deletes: set[int] = attrs.field(factory=set, init=False)
    _write_lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _pending_seen: dict[int, Device] = attrs.field(factory=dict, init=False)
    _pending_new: dict[int, Device] = attrs.field(factory=dict, init=False)
    _pending_keyed: dict[int, Device] = attrs.field(factory=dict, init=False)
    _pending_requests: dict[int, deque[UnknownRequest]] = attrs.field(
        factory=dict, init=False
    )
    _arrivals: dict[int, Device] = attrs.field(factory=dict, init=False)
    _device_events: list[DeviceEvent] = attrs.field(factory=list, init=False)

    async def load(self) -> None:
        """Read the fleet from the store."""
        self._devices = {d.device_id: d for d in await self.store.all_devices()}
        self._quarantined_count = sum(not d.is_adopted for d in self._devices.values())

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self._devices.values()))

    def __len__(self) -> int:
        return len(self._devices)

    def admit(
        self, identity: DeviceIdentity, key: str | None, address: str | None
    ) -> Device | None:
        """
        Note a poll or a result and return the device if it is to be served.

        Who is not is quarantined, or comes without its key: it is counted, and gets
        the same empty answer as an idle device.
        """
        self.request_count += 1
        device_id = identity.device_id
        device = self._devices.get(device_id) or self._quarantine(identity)
        if device is None:
            self.counts["refused.quarantineFull"] += 1
            return None
        if device.external_id != identity.external_id:
            # Two texts have the same derived number: only the first device is served.
            self.counts["refused.idTaken"] += 1
            return None
        device.record_poll(self.clock.now(), address)
        self._pending_seen[device_id] = device
        if not device.is_adopted:
            self.counts["refused.quarantined"] += 1
            return None
        if key is None and device.key_hash is None:
            device.polled_without_key = True
            if self.key_policy is DeviceKeys.OPTIONAL:
                self._arrivals[device_id] = device
                return device
        return device if self._check_key(device, key) else None

    def _check_key(self, device: Device, key: str | None) -> bool:
        verdict = check_access(device, key, self.key_policy)
        if verdict is AccessDecision.FIRST_KEYED:
            device.key_enforced = True
            device.old_key_hash = None
            self._pending_keyed[device.device_id] = device
        served = verdict in (AccessDecision.SERVED, AccessDecision.FIRST_KEYED)
        if not served:
            self.counts[f"refused.{verdict.value}"] += 1
            self._record_event(
                device, EventType.DEVICE_IDENTITY_MISMATCH, verdict.value
            )
            return False
        self._arrivals[device.device_id] = device
        if key is None:
            device.polled_without_key = True
        return True

    def _quarantine(self, identity: DeviceIdentity) -> Device | None:
        """Remember an unknown device, if there is room."""
        if (
            self._quarantined_count >= QUARANTINE_LIMIT
            and not self._evict_quarantined()
        ):
            return None
        device_id = identity.device_id
        device = Device(
            **identity._asdict(),
            scope_id=DEFAULT_SCOPE_ID,
            state=DeviceState.QUARANTINED,
            created_at=self.clock.now(),
        )
        self._devices[device_id] = self._pending_new[device_id] = device
        self._quarantined_count += 1
        log.warning("device.quarantined", device_id=device_id)
        self._record_event(device, EventType.DEVICE_QUARANTINED, None)
        return device

    def _record_event(
        self, device: Device, event_type: EventType, reason: str | None
    ) -> None:
        """Note that a device is not what it says; a flood of it is noted in part."""
        if len(self._device_events) < QUARANTINE_LIMIT:
            self._device_events.append(
                DeviceEvent(device, event_type, self.clock.now(), reason)
            )

    def take_arrivals(self) -> list[Device]:
        """Return the devices that came since the last time."""
        met, self._arrivals = self._arrivals, {}
        return list(met.values())

    def take_device_events(self) -> list[DeviceEvent]:
        """Return what was odd since the last time, of each device each kind once."""
        odd, self._device_events = self._device_events, []
        return list({(o.device.device_id, o.event_type): o for o in odd}.values())

    def find_in_any_scope(self, device_id: int) -> Device | None:
        """Return the device, whoever's it is."""
        return self._devices.get(device_id)

    def _evict_quarantined(self) -> bool:
        """Let one quarantined device go that has not polled for long."""
        now = self.clock.now()
        if abs(now - self._eviction_failed_at) < SECOND:
            return False
        for device in self._devices.values():
            # Also one that was seen "in the future", before the clock was set back.
            is_idle = (
                abs(now - (device.last_seen_at or 0)) > QUARANTINE_IDLE_SECONDS * SECOND
            )
            if is_idle and not device.is_adopted:
                self._forget(device.device_id)
                self._pending_deletes.add(device.device_id)
                return True
        self._eviction_failed_at = now
        return False

    def _forget(self, device_id: int) -> None:
        device = self._devices.pop(device_id, None)
        self._pending_seen.pop(device_id, None)
        self._pending_new.pop(device_id, None)
        self._pending_keyed.pop(device_id, None)
        self._pending_requests.pop(device_id, None)
        if device is not None and not device.is_adopted:
            self._quarantined_count -= 1

    def record_unknown_request(
        self, device_id: int, method: str, path: str, address: str | None, body: bytes
    ) -> None:
        """Keep a request that is no poll and no result of an adopted device."""
        self.counts["stray"] += 1
        device = self._devices.get(device_id)
        if device is None:
            return
        device.unknown_request_count += 1
        self._pending_seen[device_id] = device
        requests = self._pending_requests.setdefault(
            device_id, deque(maxlen=MAX_UNKNOWN_REQUESTS)
        )
        requests.append(
            UnknownRequest(
                id=self.ids(),
                device_id=device_id,
                at=self.clock.now(),
                method=method,
                path=path[:MAX_UNKNOWN_REQUEST_BYTES],
                address=address,
                body=body[:MAX_UNKNOWN_REQUEST_BYTES],
            )
        )

    async def flush(self) -> int:
        """
        Write what was seen and changed since the last time; return how much.

        Raises:
            Unavailable: the store is away; it will be written the next time.
        """
        done = await self._flush_forgotten() + await self._flush_changed()
        return done + await self._flush_seen()

    async def flush_repeatedly(self) -> int:
        """
        Flush again and again while there is much, but not for ever.

        Tasks go by what was written: a large fleet must not be seen late.

        Raises:
            Unavailable: the store is away; it will be written the next time.
        """
        total = 0
        for _ in range(MAX_BATCHES):
            done = await self.flush()
            total += done
            if done < BATCH_SIZE:
                break
        return total

    async def _flush_forgotten(self) -> int:
        for device_id in list(self._pending_deletes):
            if device_id not in self._devices:
                await self.store.delete_device(device_id)
            self._pending_deletes.discard(device_id)
        return 0

    async def _flush_changed(self) -> int:
        found, keyed = (
            list(self._pending_new.values()),
            list(self._pending_keyed.values()),
        )
        if found:
            await self.store.add_devices(found)
            _discard_written(self._pending_new, found)
        if keyed:
            await self.store.enforce_keys(keyed)
            _discard_written(self._pending_keyed, keyed)
        return len(found) + len(keyed)

    async def _flush_seen(self) -> int:
        seen = {
            i: self._pending_seen.pop(i) for i in list(self._pending_seen)[:BATCH_SIZE]
        }
        requests = {
            i: self._pending_requests.pop(i)
            for i in list(self._pending_requests)[:BATCH_SIZE]
        }
        flat_requests = [stray for kept in requests.values() for stray in kept]
        if seen or flat_requests:
            try:
                await self.store.save_last_seen(
                    list(seen.values()), flat_requests, keep=MAX_UNKNOWN_REQUESTS
                )
            except Unavailable:
                self._pending_seen = {**seen, **self._pending_seen}
                for device_id, kept in requests.items():
                    kept.extend(self._pending_requests.get(device_id, ()))
                    self._pending_requests[device_id] = kept
                raise
        return len(seen)

    @property
    def is_flushed(self) -> bool:
        """Tell whether everything that was seen is written."""
        return not (
            self._pending_seen
            or self._pending_new
            or self._pending_keyed
            or self._pending_requests
            or self._pending_deletes
        )


def _discard_written(pending: dict[int, Device], written: list[Device]) -> None:
    """Forget what is written now, but not what was noted again meanwhile."""
    for device in written:
        if pending.get(device.device_id) is device:
            del pending[device.device_id]

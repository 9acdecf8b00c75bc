"""The devices that call: who is served, who is quarantined, who was seen."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.device import (
    QUARANTINE_IDLE,
    QUARANTINE_LIMIT,
    STRAY_BYTES,
    STRAYS_KEPT,
    Access,
    Device,
    DeviceKeys,
    DeviceState,
    Stray,
    access,
)
from pushserver.model.event import EventType
from pushserver.model.ids import IdSource
from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.base import Store

log = structlog.get_logger(__name__)

#: So many devices are written at once, so that nobody else waits for long.
FLUSH = 500
#: And so many times in a row.
TURNS = 10


@attrs.frozen
class Seen:
    """Something to tell of a device: it came, went, or is not what it says."""

    device: Device
    kind: EventType
    at: int
    reason: str | None


@attrs.define(eq=False)
class Presence:
    """
    Every device that is known, in memory; what was seen is written now and then.

    `calls` counts polls and results.
    """

    store: Store
    clock: Clock
    ids: IdSource
    policy: DeviceKeys
    counts: Counter[str] = attrs.Factory(Counter)
    calls: int = attrs.field(default=0, init=False)
    _devices: dict[int, Device] = attrs.field(factory=dict, init=False)
    _quarantined: int = attrs.field(default=0, init=False)
    _found_full_at: int = attrs.field(default=0, init=False)
    _forgotten: set[int] = attrs.field(factory=set, init=False)
    _saving: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _seen: dict[int, Device] = attrs.field(factory=dict, init=False)
    _found: dict[int, Device] = attrs.field(factory=dict, init=False)
    _keyed: dict[int, Device] = attrs.field(factory=dict, init=False)
    _strays: dict[int, deque[Stray]] = attrs.field(factory=dict, init=False)
    _met: dict[int, Device] = attrs.field(factory=dict, init=False)
    _odd: list[Seen] = attrs.field(factory=list, init=False)

    async def load(self) -> None:
        """Read the fleet from the store."""
        self._devices = {d.device_id: d for d in await self.store.all_devices()}
        self._quarantined = sum(not d.is_adopted for d in self._devices.values())

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self._devices.values()))

    def __len__(self) -> int:
        return len(self._devices)

    def meet(
        self, device_id: int, key: str | None, address: str | None
    ) -> Device | None:
        """
        Note a poll or a result and return the device if it is to be served.

        Who is not is quarantined, or comes without its key: it is counted, and gets
        the same empty answer as an idle device.
        """
        self.calls += 1
        device = self._devices.get(device_id) or self._quarantine(device_id)
        if device is None:
            self.counts["refused.quarantineFull"] += 1
            return None
        device.seen(self.clock.now(), address)
        self._seen[device_id] = device
        if not device.is_adopted:
            self.counts["refused.quarantined"] += 1
            return None
        if key is None and device.key_hash is None:
            device.polled_plain = True
            if self.policy is DeviceKeys.OPTIONAL:
                self._met[device_id] = device
                return device
        return device if self._admits(device, key) else None

    def _admits(self, device: Device, key: str | None) -> bool:
        verdict = access(device, key, self.policy)
        if verdict is Access.FIRST_KEYED:
            device.key_enforced = True
            device.old_key_hash = None
            self._keyed[device.device_id] = device
        served = verdict in (Access.SERVED, Access.FIRST_KEYED)
        if not served:
            self.counts[f"refused.{verdict.value}"] += 1
            self._note_odd(device, EventType.DEVICE_IDENTITY_MISMATCH, verdict.value)
            return False
        self._met[device.device_id] = device
        if key is None:
            device.polled_plain = True
        return True

    def _quarantine(self, device_id: int) -> Device | None:
        """Remember an unknown device, if there is room."""
        if self._quarantined >= QUARANTINE_LIMIT and not self._make_room():
            return None
        device = Device(
            device_id=device_id,
            scope_id=FIRST_SCOPE,
            state=DeviceState.QUARANTINED,
            created_at=self.clock.now(),
        )
        self._devices[device_id] = self._found[device_id] = device
        self._quarantined += 1
        log.warning("device.quarantined", device_id=device_id)
        self._note_odd(device, EventType.DEVICE_QUARANTINED, None)
        return device

    def _note_odd(self, device: Device, kind: EventType, reason: str | None) -> None:
        """Note that a device is not what it says; a flood of it is noted in part."""
        if len(self._odd) < QUARANTINE_LIMIT:
            self._odd.append(Seen(device, kind, self.clock.now(), reason))

    def take_met(self) -> list[Device]:
        """Return the devices that came since the last time."""
        met, self._met = self._met, {}
        return list(met.values())

    def take_odd(self) -> list[Seen]:
        """Return what was odd since the last time, of each device each kind once."""
        odd, self._odd = self._odd, []
        return list({(o.device.device_id, o.kind): o for o in odd}.values())

    def known(self, device_id: int) -> Device | None:
        """Return the device, whoever's it is."""
        return self._devices.get(device_id)

    def _make_room(self) -> bool:
        """Let one quarantined device go that has not polled for long."""
        now = self.clock.now()
        if abs(now - self._found_full_at) < SECOND:
            return False
        for device in self._devices.values():
            # Also one that was seen "in the future", before the clock was set back.
            gone = abs(now - (device.last_seen_at or 0)) > QUARANTINE_IDLE * SECOND
            if gone and not device.is_adopted:
                self._drop(device.device_id)
                self._forgotten.add(device.device_id)
                return True
        self._found_full_at = now
        return False

    def _drop(self, device_id: int) -> None:
        device = self._devices.pop(device_id, None)
        self._seen.pop(device_id, None)
        self._found.pop(device_id, None)
        self._keyed.pop(device_id, None)
        self._strays.pop(device_id, None)
        if device is not None and not device.is_adopted:
            self._quarantined -= 1

    def note_stray(
        self, device_id: int, method: str, path: str, address: str | None, body: bytes
    ) -> None:
        """Keep a request that is no poll and no result of an adopted device."""
        self.counts["stray"] += 1
        device = self._devices.get(device_id)
        if device is None:
            return
        device.stray_count += 1
        self._seen[device_id] = device
        kept = self._strays.setdefault(device_id, deque(maxlen=STRAYS_KEPT))
        kept.append(
            Stray(
                id=self.ids(),
                device_id=device_id,
                at=self.clock.now(),
                method=method,
                path=path[:STRAY_BYTES],
                address=address,
                body=body[:STRAY_BYTES],
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

    async def flush_in_turns(self) -> int:
        """
        Flush again and again while there is much, but not for ever.

        Tasks go by what was written: a large fleet must not be seen late.

        Raises:
            Unavailable: the store is away; it will be written the next time.
        """
        total = 0
        for _ in range(TURNS):
            done = await self.flush()
            total += done
            if done < FLUSH:
                break
        return total

    async def _flush_forgotten(self) -> int:
        for device_id in list(self._forgotten):
            if device_id not in self._devices:
                await self.store.forget_device(device_id)
            self._forgotten.discard(device_id)
        return 0

    async def _flush_changed(self) -> int:
        found, keyed = list(self._found.values()), list(self._keyed.values())
        if found:
            await self.store.add_devices(found)
            _remove(self._found, found)
        if keyed:
            await self.store.enforce_keys(keyed)
            _remove(self._keyed, keyed)
        return len(found) + len(keyed)

    async def _flush_seen(self) -> int:
        seen = {i: self._seen.pop(i) for i in list(self._seen)[:FLUSH]}
        strays = {i: self._strays.pop(i) for i in list(self._strays)[:FLUSH]}
        flat = [stray for kept in strays.values() for stray in kept]
        if seen or flat:
            try:
                await self.store.save_seen(list(seen.values()), flat, keep=STRAYS_KEPT)
            except Unavailable:
                self._seen = {**seen, **self._seen}
                for device_id, kept in strays.items():
                    kept.extend(self._strays.get(device_id, ()))
                    self._strays[device_id] = kept
                raise
        return len(seen)

    @property
    def is_flushed(self) -> bool:
        """Tell whether everything that was seen is written."""
        return not (
            self._seen or self._found or self._keyed or self._strays or self._forgotten
        )


def _remove(noted: dict[int, Device], written: list[Device]) -> None:
    """Forget what is written now, but not what was noted again meanwhile."""
    for device in written:
        if noted.get(device.device_id) is device:
            del noted[device.device_id]

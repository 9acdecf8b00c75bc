"""Decides whether a device that polls is served, quarantined or refused."""

from collections import Counter

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.device import (
    QUARANTINE_IDLE_SECONDS,
    Device,
    DeviceIdentity,
    DeviceKeys,
    DeviceState,
    IdentityConflict,
)
from pushserver.model.device_access import AccessDecision, KeyState, check_access
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.device_events import DeviceEventBuffer
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_write_behind import DeviceWriteBehind

log = structlog.get_logger(__name__)


@attrs.define(eq=False, repr=False)
class DeviceAdmission:
    """
    Admits adopted devices with the right key; quarantines unknown ones.

    `request_count` counts polls and results; `counts` counts refusals by reason. An
    admitted device may make `max_requests` in a second; `max_quarantined` are known.
    """

    devices: DeviceRegistry
    write_behind: DeviceWriteBehind
    device_events: DeviceEventBuffer
    clock: Clock
    key_policy: DeviceKeys
    conflict_policy: IdentityConflict
    max_requests: int
    max_quarantined: int
    counts: Counter[str]
    request_count: int = attrs.field(default=0, init=False)
    _eviction_failed_at: int = attrs.field(default=0, init=False)

    @property
    def is_quarantining(self) -> bool:
        """Tell whether the newer of two addresses of one device is shut out."""
        return self.conflict_policy is IdentityConflict.QUARANTINE

    def admit(
        self, identity: DeviceIdentity, key: str | None, address: str | None
    ) -> Device | None:
        """
        Record a poll or a result; return the device if it is served.

        Any other device is counted, and gets the same empty answer as an idle one.
        """
        self.request_count += 1
        known = self.devices.find_in_any_scope(identity.device_id)
        device = known or self._quarantine(identity)
        if device is None:
            self.counts["refused.quarantineFull"] += 1
            return None
        if device.external_id != identity.external_id:
            # Two ids have the same derived int64: only the first device is served.
            self.counts["refused.idTaken"] += 1
            return None
        is_adopted = device.is_adopted
        if is_adopted and not self._is_authentic(device, key, address):
            return None
        now = self.clock.now()
        # A key tells who is who: a stranger without it must not shut out its owner.
        is_keyless = device.key_hash is None
        shuts_out = is_keyless and address != device.address and self.is_quarantining
        if not device.record_poll(now, address, shuts_out=shuts_out):
            self.counts["refused.identityConflict"] += 1
            self._report_conflict(device, now)
            return None
        self.write_behind.add_seen(device)
        if not is_adopted:
            self.counts["refused.quarantined"] += 1
            return None
        device.requests_in_second += 1
        if device.identity_conflict_at == now:
            self._report_conflict(device, now)
        self.device_events.add_arrival(device)
        return device

    def may_admit_again(
        self, identity: DeviceIdentity, key: str | None, address: str | None
    ) -> Device | None:
        """Return the device if `admit_again` may be called: nothing of it is new."""
        device = self.devices.find_in_any_scope(identity.device_id)
        if (
            device is None
            or device.address != address
            or device.external_id != identity.external_id
            or not device.is_adopted
            or (key is None and device.keyless_since is None)
        ):
            return None
        decision = check_access(device, key, self.key_policy)
        return device if decision is AccessDecision.SERVED else None

    def admit_again(self, device: Device) -> None:
        """
        Record a poll or a result, as `admit` does, of a device that is surely served.

        So `may_admit_again` said, and its `known_poll` is the same since.
        """
        self.request_count += 1
        device.record_poll(self.clock.now(), device.address)
        self.write_behind.add_seen(device)
        device.requests_in_second += 1
        self.device_events.add_arrival(device)

    def _is_authentic(
        self, device: Device, key: str | None, address: str | None
    ) -> bool:
        """
        Tell whether it is served with this key; if not, nothing of it is recorded.

        A stranger must not keep a device online, nor move it to another address.
        """
        decision = check_access(device, key, self.key_policy)
        if decision is not AccessDecision.SERVED and not self._settle(device, decision):
            return False
        if key is None and device.keyless_since is None:
            self._record_keyless(device, address)
        return True

    def _record_keyless(self, device: Device, address: str | None) -> None:
        """
        Record that it is served without a key, so that a key is not enforced.

        Of a device that did so before this was recorded, once it has a key.
        """
        if device.key_hash is not None or not device.polled_without_key:
            device.keyless_since = self.clock.now()
            device.keyless_address = address
            device.known_poll = None
            self.write_behind.add_keyless(device)
        device.polled_without_key = True

    def _report_conflict(self, device: Device, now: int) -> None:
        """Report a conflict, unless that was done a short while ago."""
        if device.is_conflict_event_due(now):
            self.counts["identityConflicts"] += 1
            log.warning("device.identity_conflict", device_id=device.device_id)
            self.device_events.add(device, EventType.DEVICE_IDENTITY_CONFLICT)

    def _settle(self, device: Device, decision: AccessDecision) -> bool:
        """Enforce a key that was used first, or count a refusal; tell which it is."""
        if decision is AccessDecision.FIRST_KEYED:
            device.key_enforced = True
            device.old_key_hash = None
            device.used_key_hash = device.key_hash
            device.known_poll = None
            self.write_behind.add_key_enforced(device)
            return True
        if decision is AccessDecision.OLD_KEY:
            if device.used_key_hash != device.old_key_hash:
                device.used_key_hash = device.old_key_hash
                device.known_poll = None
                self.write_behind.add_old_key_used(device)
            return True
        reason = decision.value
        self.counts[f"refused.{reason}"] += 1
        self.device_events.add(device, EventType.DEVICE_IDENTITY_MISMATCH, reason)
        return False

    def may_have_been_served(self, identity: DeviceIdentity, key: str | None) -> bool:
        """
        Tell whether a refused device may have been given a command in an earlier life.

        One that has a key now has to show it.
        """
        device = self.devices.find_in_any_scope(identity.device_id)
        if device is None:
            return True
        if device.external_id != identity.external_id:
            return False
        return device.key_hash is None or self.is_served(device, key)

    def is_served(self, device: KeyState, key: str | None) -> bool:
        """Tell whether a device with these keys is served with *key* in its path."""
        return not check_access(device, key, self.key_policy).is_refusal

    def admission_state(self, device_id: int) -> tuple[object, ...]:
        """Return what decides whether the device is served, to detect changes."""
        device = self.devices.find_in_any_scope(device_id)
        if device is None:
            return ()
        return (device.is_adopted, device.key_hash, device.old_key_hash)

    def _quarantine(self, identity: DeviceIdentity) -> Device | None:
        """Add an unknown device to the quarantine; None if it is full."""
        is_full = len(self.devices.quarantined_ids) >= self.max_quarantined
        if is_full and not self._evict_quarantined():
            return None
        device = Device(
            **identity._asdict(),
            scope_id=DEFAULT_SCOPE_ID,
            state=DeviceState.QUARANTINED,
            created_at=self.clock.now(),
        )
        self.devices.add(device)
        self.devices.publish_changed([device.device_id])
        self.write_behind.add_new(device)
        log.warning("device.quarantined", device_id=identity.device_id)
        self.device_events.add(device, EventType.DEVICE_QUARANTINED)
        return device

    def _evict_quarantined(self) -> bool:
        """Evict one quarantined device that stays away; tell whether there was one."""
        now = self.clock.now()
        if abs(now - self._eviction_failed_at) < SECOND:
            return False
        for device_id in self.devices.quarantined_ids:
            device = self.devices.get(DEFAULT_SCOPE_ID, device_id)
            # Also one with a time in the future: the clock was set back since.
            idle = abs(now - (device.last_seen_at or 0))
            if idle > QUARANTINE_IDLE_SECONDS * SECOND:
                self.devices.forget(device_id)
                self.write_behind.evict(device_id)
                return True
        self._eviction_failed_at = now
        return False

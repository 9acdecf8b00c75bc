"""A device, its key, and who is served under which path."""

import enum
import hashlib
import secrets
from collections.abc import Mapping

import attrs

from pushserver.clock import SECOND

#: At most this many quarantined devices are remembered.
QUARANTINE_LIMIT = 1000
#: One that has not polled for this long (seconds) makes room for another.
QUARANTINE_IDLE = 3600
#: Of each device, so many odd requests are kept, and of each so many bytes.
STRAYS_KEPT = 20
STRAY_BYTES = 4096


class DeviceState(enum.StrEnum):
    """Whether somebody vouched for a device."""

    ADOPTED = "adopted"
    QUARANTINED = "quarantined"


class DeviceKeys(enum.StrEnum):
    """Whether every device needs a key, or only those that were given one."""

    OPTIONAL = "optional"
    REQUIRED = "required"


@attrs.define(kw_only=True, eq=False)
class Device:
    """
    What is known of a terminal; instants and durations are microseconds.

    The first part is what administrators decide, the second what was seen. `hold` is
    None where the server's own applies. `period` is the time between idle polls. One
    in quarantine belongs to the first scope.
    """

    device_id: int
    scope_id: int
    state: DeviceState
    created_at: int
    name: str | None = None
    tags: Mapping[str, str] = attrs.Factory(dict)
    hold: int | None = None
    key_hash: str | None = None
    old_key_hash: str | None = None
    key_enforced: bool = False

    last_seen_at: int | None = None
    address: str | None = None
    period: int | None = None
    polled_plain: bool = False
    stray_count: int = 0
    was_idle: bool = False
    hang_ups: int = 0
    shortest_wait: int | None = None

    @property
    def is_adopted(self) -> bool:
        """Tell whether an administrator vouched for it."""
        return self.state is DeviceState.ADOPTED

    def is_online(self, now: int, hold: int) -> bool:
        """
        Tell whether it polled within three of its periods, or half a minute.

        *hold* is how long the server holds a poll, unless the device has its own.
        """
        if self.last_seen_at is None:
            return False
        return now - self.last_seen_at < self.patience(hold)

    def patience(self, hold: int) -> int:
        """Return after how long without a poll it is taken to be away."""
        held = hold if self.hold is None else self.hold
        return max(_PATIENCE, 3 * (self.period or 0)) + held

    def expected_at(self, now: int) -> int | None:
        """Return when it should poll next; None if nobody knows, or it is late."""
        if self.last_seen_at is None or self.period is None:
            return None
        expected = self.last_seen_at + self.period
        return expected if expected >= now else None

    def seen(self, now: int, address: str | None) -> None:
        """Note a poll; the period follows slowly, so that one odd gap is no news."""
        last = self.last_seen_at
        if self.was_idle and last is not None and now > last:
            self._note_gap(now - last)
        self.last_seen_at = now
        self.address = address

    def _note_gap(self, gap: int) -> None:
        """Let the period follow; an absence counts as no more than twice of it."""
        if self.period is None:
            self.period = gap
        else:
            most = max(2 * self.period, SECOND)
            self.period = (7 * self.period + min(gap, most)) // 8

    def hung_up(self, waited: int) -> None:
        """Note that it hung up while its poll was held, after *waited*."""
        self.hang_ups += 1
        if self.shortest_wait is None or waited < self.shortest_wait:
            self.shortest_wait = waited

    def hold_for(self, default: int) -> int:
        """
        Return how long its poll may be held.

        A device that hangs up has a shorter patience than was thought: it is held for
        80 % of the shortest such wait, and after three not at all.
        """
        hold = default if self.hold is None else self.hold
        if self.shortest_wait is None:
            return hold
        return (
            0 if self.hang_ups >= _HANG_UPS else min(hold, self.shortest_wait * 4 // 5)
        )


_HANG_UPS = 3
#: A device that polled within this is there, whatever its period (microseconds).
_PATIENCE = 30 * SECOND


class Access(enum.Enum):
    """How a request that names a device is to be treated."""

    SERVED = "served"
    FIRST_KEYED = "firstKeyed"  # served; from now on the (newest) key is demanded
    NO_KEY = "noKey"
    WRONG_KEY = "wrongKey"


def new_key() -> str:
    """Make a key: 192 random bits, fit for a path."""
    return secrets.token_urlsafe(24)


def hash_secret(secret: str) -> str:
    """Return what is stored of a key or token: its SHA-256. It is random enough."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def access(device: Device, key: str | None, policy: DeviceKeys) -> Access:
    """Tell whether *device* is served when it comes with *key* in its path."""
    if device.key_hash is None:
        served = policy is DeviceKeys.OPTIONAL
        return Access.SERVED if served else Access.NO_KEY
    if key is None:
        return Access.NO_KEY if _enforced(device, policy) else Access.SERVED
    return _with_key(device, hash_secret(key))


def _enforced(device: Device, policy: DeviceKeys) -> bool:
    return device.key_enforced or policy is DeviceKeys.REQUIRED


def _with_key(device: Device, digest: str) -> Access:
    if secrets.compare_digest(digest, device.key_hash or ""):
        settled = device.key_enforced and device.old_key_hash is None
        return Access.SERVED if settled else Access.FIRST_KEYED
    if secrets.compare_digest(digest, device.old_key_hash or ""):
        return Access.SERVED
    return Access.WRONG_KEY


@attrs.frozen(kw_only=True)
class Stray:
    """A request that is no poll and no result of an adopted device."""

    id: int
    device_id: int
    at: int
    method: str
    path: str
    address: str | None
    body: bytes

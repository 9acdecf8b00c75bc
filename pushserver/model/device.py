"""A device, its key, and whether its requests are served."""

import enum
from collections.abc import Mapping
from typing import NamedTuple

import attrs

from pushserver.clock import SECOND
from pushserver.model.actor import NOBODY, Actor

#: The most quarantined devices.
QUARANTINE_LIMIT = 1000
#: Seconds without a poll after which a quarantined device may be evicted.
QUARANTINE_IDLE_SECONDS = 3600
#: The longest time (seconds) that a poll may be held.
MAX_HOLD_SECONDS = 300
#: A device is online while it has missed fewer polls than this...
MAX_MISSED_POLLS = 3
#: ...and in any case for this long after a poll (microseconds).
MIN_OFFLINE_AFTER = 30 * SECOND

#: A device that comes back to its earlier address within this time is two devices.
CONFLICT_WINDOW = 120 * SECOND
#: The least time between two events about the same conflict.
CONFLICT_EVENT_INTERVAL = 3600 * SECOND
#: An incumbent that is silent for this long gives way to the address that is shut out.
INCUMBENT_SILENCE = 600 * SECOND
#: Without a rival for this long, a conflict is over: the device may move again.
CONFLICT_END = 3600 * SECOND


class DeviceState(enum.StrEnum):
    """Whether somebody vouched for a device."""

    ADOPTED = "adopted"
    QUARANTINED = "quarantined"


class DeviceKeys(enum.StrEnum):
    """Whether every device needs a key, or only those that were given one."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class IdentityConflict(enum.StrEnum):
    """What becomes of the newer of two addresses that poll as one device."""

    REPORT = "report"
    QUARANTINE = "quarantine"


class DeviceIdentity(NamedTuple):
    """
    A device as it names itself: its protocol, and its id there.

    `device_id` stands for both inside the server and in every store.
    """

    device_id: int
    protocol: str
    external_id: str


#: Where a poll came from, which may be a proxy, and all of it but its uuid.
KnownPoll = tuple[str | None, bytes]


@attrs.define(kw_only=True, eq=False)
class Device:
    """
    A terminal; instants and durations are microseconds.

    The first fields are what administrators set, the others what was seen of it. `hold`
    None means the server's default. `poll_period` is the time between idle polls. A
    quarantined device belongs to the first scope. `external_id` is its id in its
    `protocol`. `used_key_hash` is the key that it came with last. An `announced` device
    was created before it polled. `keyless_since` and `keyless_address` are when and
    from where it was first served without a key. `other_address` is the one that it had
    before; conflicts are what this server noticed since its start.
    `requests_in_second` were served in this `second`. Whoever sends `known_poll`, but
    for its uuid, was served as this device, from `address`; None since that may have
    changed.
    """

    device_id: int
    protocol: str
    external_id: str
    scope_id: int
    state: DeviceState
    created_at: int
    name: str | None = None
    tags: Mapping[str, str] = attrs.Factory(dict)
    hold: int | None = None
    key_hash: str | None = None
    old_key_hash: str | None = None
    key_enforced: bool = False
    used_key_hash: str | None = None
    announced: bool = False
    adopted_by: Actor = NOBODY

    keyless_since: int | None = None
    keyless_address: str | None = None
    last_seen_at: int | None = None
    address: str | None = None
    poll_period: int | None = None
    polled_without_key: bool = False
    unknown_request_count: int = 0
    was_last_poll_idle: bool = False
    hang_up_count: int = 0
    shortest_aborted_hold: int | None = None
    other_address: str | None = None
    address_changed_at: int = 0
    identity_conflicts: int = 0
    identity_conflict_at: int | None = None
    conflict_event_at: int | None = None
    incumbent_address: str | None = None
    shut_out_address: str | None = None
    second: int = 0
    requests_in_second: int = 0
    known_poll: KnownPoll | None = attrs.field(default=None, repr=False)

    @property
    def identity(self) -> DeviceIdentity:
        """Its protocol and ids."""
        return DeviceIdentity(self.device_id, self.protocol, self.external_id)

    @property
    def is_adopted(self) -> bool:
        """Tell whether an administrator vouched for it."""
        return self.state is DeviceState.ADOPTED

    @property
    def is_key_used(self) -> bool:
        """Tell whether it came with its newest key, which alone is valid then."""
        return self.old_key_hash is None and self.used_key_hash == self.key_hash

    def replace_key(self, *, enforce: bool) -> dict[str, object]:
        """
        Return what changes when it gets a new key.

        Until the new one is used, the one used last stays valid, or else the newest,
        except with *enforce*: the old one may have leaked.
        """
        spare = self.key_hash
        if self.used_key_hash is not None and self.used_key_hash == self.old_key_hash:
            spare = self.old_key_hash
        return {"old_key_hash": None if enforce else spare}

    def is_online(self, now: int, hold: int) -> bool:
        """
        Tell whether it polled within three of its periods, or half a minute.

        *hold* is the server's default, for devices without one of their own.
        """
        if self.last_seen_at is None:
            return False
        return now - self.last_seen_at < self.offline_after(hold)

    def offline_after(self, hold: int) -> int:
        """Return after how long without a poll it counts as offline."""
        effective_hold = hold if self.hold is None else self.hold
        missed_polls = MAX_MISSED_POLLS * (self.poll_period or 0)
        return max(MIN_OFFLINE_AFTER, missed_polls) + effective_hold

    def next_poll_at(self, now: int) -> int | None:
        """Return when it should poll next; None if that is unknown, or past."""
        if self.last_seen_at is None or self.poll_period is None:
            return None
        expected = self.last_seen_at + self.poll_period
        return expected if expected >= now else None

    def record_poll(
        self, now: int, address: str | None, *, shuts_out: bool = False
    ) -> bool:
        """
        Record a poll, unless its address is shut out; tell whether it was recorded.

        Its period is smoothed, so that one odd gap changes little.
        """
        second, last = now // SECOND, self.last_seen_at
        if self.second != second:
            self.second, self.requests_in_second = second, 0
        if address != self.address and not self.record_address(
            now, address, shuts_out=shuts_out
        ):
            return False
        if self.was_last_poll_idle and last is not None and now > last:
            period, gap = self.poll_period, now - last
            # An absence counts as at most twice the period.
            if period is not None and gap > 2 * period:
                gap = min(gap, max(2 * period, SECOND))
            self.poll_period = gap if period is None else (7 * period + gap) // 8
        self.last_seen_at = now
        return True

    def record_address(
        self, now: int, address: str | None, *, shuts_out: bool = False
    ) -> bool:
        """
        Record a new address, and a conflict if the one before it is back already.

        One device that moved does not come back so soon. IPv4 and IPv6 in turn may be
        one device that has both. With *shuts_out* the one that is back is from then on
        the incumbent; another one is not recorded. Tell whether it was.
        """
        if shuts_out and self._shut_out(now, address):
            return False
        is_back = address is not None and address == self.other_address
        if is_back and now - self.address_changed_at < CONFLICT_WINDOW:
            self.identity_conflicts += 1
            self.identity_conflict_at = now
            if shuts_out and self.incumbent_address is None:
                self.incumbent_address = address
                self.shut_out_address = self.address
        if self.address is not None and _same_family(address, self.address):
            self.other_address, self.address_changed_at = self.address, now
        self.address, self.known_poll = address, None
        return True

    def _shut_out(self, now: int, address: str | None) -> bool:
        """Tell whether *address* is the rival of an incumbent that still polls."""
        incumbent = self.incumbent_address
        if incumbent is None or not _same_family(address, incumbent):
            return False
        if now - (self.identity_conflict_at or 0) >= CONFLICT_END:
            self.end_conflict()
            return False
        if address == incumbent:
            return False
        if now - (self.last_seen_at or 0) >= INCUMBENT_SILENCE:
            # The two change places: what comes back is shut out in turn.
            self.incumbent_address, self.shut_out_address = address, incumbent
            return False
        self.shut_out_address, self.identity_conflict_at = address, now
        return True

    def end_conflict(self) -> None:
        """Forget who is the incumbent: nobody is shut out until the next conflict."""
        self.incumbent_address = self.shut_out_address = self.other_address = None

    def is_conflict_event_due(self, now: int) -> bool:
        """Tell whether no conflict was reported for long; one is reported from now."""
        last = self.conflict_event_at
        if last is not None and now - last < CONFLICT_EVENT_INTERVAL:
            return False
        self.conflict_event_at = now
        return True

    def record_contact(self, now: int) -> None:
        """Record contact that is no poll; the next gap is no period."""
        self.last_seen_at = now
        self.was_last_poll_idle = False

    def record_hang_up(self, waited: int) -> None:
        """Record that it hung up while its poll was held, after *waited*."""
        self.hang_up_count += 1
        if self.shortest_aborted_hold is None or waited < self.shortest_aborted_hold:
            self.shortest_aborted_hold = waited

    def effective_hold(self, default: int) -> int:
        """
        Return how long its poll may be held.

        A device that hung up has a shorter timeout: its polls are held for 80 % of the
        shortest such wait, and after three hang-ups not at all.
        """
        hold = default if self.hold is None else self.hold
        if self.shortest_aborted_hold is None:
            return hold
        return (
            0
            if self.hang_up_count >= _MAX_HANG_UPS
            else min(hold, self.shortest_aborted_hold * 4 // 5)
        )


_MAX_HANG_UPS = 3


def _same_family(address: str | None, other: str) -> bool:
    """Tell whether both are IPv4 addresses, or neither is."""
    return address is not None and (":" in address) == (":" in other)

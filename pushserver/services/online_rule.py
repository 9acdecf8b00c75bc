"""What it means that a device is online: to events, lists and tasks alike."""

import enum

import attrs

from pushserver.clock import SECOND
from pushserver.model.device import Device

#: How long after it was expected a poll may come and not be late (microseconds).
_LATE_AFTER = 5 * SECOND


class OnlineState(enum.StrEnum):
    """How a device's last poll is seen by people."""

    ONLINE = "online"
    LATE = "late"  # still online by the rule, but its next poll is overdue
    OFFLINE = "offline"
    UNSEEN = "unseen"  # it has never polled


@attrs.frozen
class OnlineRule:
    """
    A device is online if it polls, or is busy with a command.

    Both are the same on every server, but for the seconds until polls are written.
    `default_hold` is in microseconds.
    """

    default_hold: int

    def is_online(self, device: Device, now: int, *, is_busy: bool = False) -> bool:
        """Tell whether *device* is online; it *is_busy* with a command in flight."""
        return is_busy or device.is_online(now, self.default_hold)

    def offline_at(self, device: Device, now: int) -> int:
        """Return when it will be offline if it polls no more, at *now* or later."""
        last_seen_at = max(now, device.last_seen_at or 0)
        return last_seen_at + device.offline_after(self.default_hold)

    def state_of(
        self, device: Device, now: int, *, is_busy: bool = False, is_held: bool = False
    ) -> OnlineState:
        """Return how *device* stands; *is_held*: a poll of it is held here."""
        if is_held:
            return OnlineState.ONLINE
        if device.last_seen_at is None:
            return OnlineState.UNSEEN
        if not self.is_online(device, now, is_busy=is_busy):
            return OnlineState.OFFLINE
        hold = device.effective_hold(self.default_hold)
        expected = device.last_seen_at + (device.poll_period or 0) + hold
        is_late = not is_busy and now > expected + _LATE_AFTER
        return OnlineState.LATE if is_late else OnlineState.ONLINE

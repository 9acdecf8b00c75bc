"""What it means that a device is online: to events, lists and tasks alike."""

import attrs

from pushserver.model.device import Device


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

"""What to expect of a device: will it poll before a command expires?"""

from pushserver.clock import SECOND, rfc3339
from pushserver.model.command import Command
from pushserver.model.device import Device

#: A device that has missed so many of its periods is taken for offline.
MISSED = 3


def warnings(device: Device, command: Command, now: int) -> list[str] | None:
    """Return what a program should know before it counts on a command."""
    seen, period = device.last_seen_at, device.period
    if seen is None:
        return ["The device has never polled."]
    if period is None:
        return None
    if now - seen > MISSED * max(period, SECOND):
        return [f"The device has not polled since {rfc3339(seen)}."]
    if max(now, seen + period) > command.expires_at:
        return [
            f"The device polls every {period / SECOND:.1f} s and is not expected before"
            " the command expires."
        ]
    return None

"""Warns a program whose device may not poll before a command expires."""

from pushserver.clock import SECOND, rfc3339
from pushserver.model.command import Command
from pushserver.model.device import Device

#: A device that has missed this many of its poll periods counts as offline.
MISSED_POLLS = 3


def enqueue_warnings(device: Device, command: Command) -> list[str] | None:
    """Return warnings if the device is unlikely to fetch the new *command* in time."""
    now = command.created_at
    last_seen_at, period = device.last_seen_at, device.poll_period
    if last_seen_at is None:
        return ["The device has never polled."]
    if period is None:
        return None
    if now - last_seen_at > MISSED_POLLS * max(period, SECOND):
        return [f"The device has not polled since {rfc3339(last_seen_at)}."]
    if max(now, last_seen_at + period) > command.expires_at:
        return [
            f"The device polls every {period / SECOND:.1f} s and is not expected before"
            " the command expires."
        ]
    return None

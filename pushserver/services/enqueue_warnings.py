"""Warns a program of what keeps its command from its device for long, or for good."""

from pushserver.clock import SECOND, rfc3339
from pushserver.model.command import Command
from pushserver.model.device import Device

#: A device that has missed this many of its poll periods counts as offline.
MISSED_POLLS = 3


def enqueue_warnings(
    device: Device, command: Command, *, is_held: bool
) -> list[str] | None:
    """
    Return warnings if the device is unlikely to fetch the new *command* in time.

    A device of which a poll *is_held* is in contact, but it may not be given all.
    """
    contact = None if is_held else _contact_warning(device, command)
    return [each for each in (contact, _block_warning(command)) if each] or None


def _contact_warning(device: Device, command: Command) -> str | None:
    now = command.created_at
    last_seen_at, period = device.last_seen_at, device.poll_period
    if last_seen_at is None:
        return "The device has never polled."
    if period is None:
        return None
    if now - last_seen_at > MISSED_POLLS * max(period, SECOND):
        return f"The device has not polled since {rfc3339(last_seen_at)}."
    if max(now, last_seen_at + period) > command.expires_at:
        return (
            f"The device polls every {period / SECOND:.1f} s and is not expected before"
            " the command expires."
        )
    return None


def _block_warning(command: Command) -> str | None:
    until = command.blocked_until
    if until <= max(command.created_at, command.scheduled_at):
        return None
    end = ", when it has expired" if until >= command.expires_at else ""
    return (
        "An earlier command for this endpoint was not answered, and may be still: this"
        f" one is not handed out before {rfc3339(until)}{end}."
    )

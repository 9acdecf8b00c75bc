"""What people want to know of a command: what it waits for, and why it ended so."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pushserver.cli.printing.instants import format_distance
from pushserver.client import Json
from pushserver.model.state import CommandState

#: Without a device's answer there is nothing more to say of a command.
_UNREADABLE = "Its device's answer cannot be read, so nobody knows what it did."
_WITHDRAWN = "It was taken back when it had been handed out: nobody knows what it did."


def describe_progress(command: Json, device: Json | None, now: datetime) -> str:
    """Return a command's state in one line, and what its device does meanwhile."""
    return ", ".join([command["state"], *_circumstances(command, device, now)])


def _circumstances(command: Json, device: Json | None, now: datetime) -> Iterable[str]:
    if command.get("held"):
        yield f"held: pushserver commands release {command['id']}"
    if command["state"] != CommandState.PENDING:
        if sent_at := command.get("sentAt"):
            yield f"handed out {_distance(sent_at, now)}"
        yield f"its device has {command['responseTimeout']:g} s to answer"
        return
    if command["attempts"]:
        yield f"handed out {_times(command['attempts'])} without an answer"
    if _is_later(command.get("notBefore"), now):
        yield f"not before {command['notBefore']}"
    if device is not None:
        yield _describe_contact(device, now)
        yield from _ahead(command, device)


def _describe_contact(device: Json, now: datetime, subject: str = "its device") -> str:
    """Return when a device polled last, and how often it does."""
    last_seen = device.get("lastSeenAt")
    if last_seen is None:
        return f"{subject} has never polled"
    seen = f"{subject} last seen {_distance(last_seen, now)}"
    period = device.get("pollPeriod")
    return f"{seen}, polls about every {period:.2g} s" if period else seen


def explain_end(command: Json, device: Json | None, now: datetime) -> str | None:
    """Return why a command ended without an answer; None if it did not."""
    if command["state"] == CommandState.TIMEOUT:
        return _explain_timeout(command, device, now)
    if command["state"] == CommandState.EXPIRED:
        contact = f"; {_describe_contact(device, now)}" if device else ""
        return f"It was not handed out before {command['expiresAt']}{contact}."
    return None


def _explain_timeout(command: Json, device: Json | None, now: datetime) -> str:
    if command.get("result", {}).get("unreadable"):
        return _UNREADABLE
    if command.get("withdrawn"):
        return _WITHDRAWN
    contact = f" {_describe_contact(device, now, 'Its device')}." if device else ""
    return (
        f"It was handed out {_times(command['attempts'])}, and no answer came within"
        f" {command['responseTimeout']:g} s: nobody knows what its device did.{contact}"
        " A late answer still ends it."
    )


def _ahead(command: Json, device: Json) -> Iterable[str]:
    """Yield what its device has to answer first."""
    in_flight = device.get("inFlight")
    if in_flight and in_flight["commandId"] != command["id"]:
        yield f"which has {in_flight['endpoint']} {in_flight['commandId']} to answer"
    elif device["queueDepth"] > 1:
        yield f"{device['queueDepth']} commands wait for it"


def _distance(instant: str, now: datetime) -> str:
    """Return how long ago an instant is; a server's clock may be ahead of ours."""
    return format_distance(instant, max(now, datetime.fromisoformat(instant)))


def _is_later(instant: str | None, now: datetime) -> bool:
    return instant is not None and datetime.fromisoformat(instant) > now


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"


def utc_now() -> datetime:
    """Return the instant that is shown as now."""
    return datetime.now(UTC)

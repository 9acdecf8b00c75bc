"""A device's last day at a glance: when something happened with it, and how it went."""

from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import SECOND
from pushserver.model.device import Device
from pushserver.web.console.timeline import Moment

#: The widths of the strip and of a mark, in units of their own.
WIDTH, MARK = 960, 4
#: How long the strip is (microseconds).
LENGTH = 86_400 * SECOND
#: The tone of each kind of moment; what is planned, and not yet done, has no mark.
_TONES = {
    "handed_out": "busy",
    "successful": "good",
    "failed": "bad",
    "no_answer": "warn",
    "timeout": "warn",
    "conflict": "warn",
    "unknown_request": "wait",
    "key": "hold",
    "adopted": "hold",
    "changed": "hold",
    "desired": "hold",
    "polled": "off",
}


@attrs.frozen
class Mark:
    """A moment on the strip, `x` units from its left end."""

    x: float
    tone: str
    what: str
    at: int


def device_strip(device: Device, moments: Iterable[Moment], now: int) -> Sequence[Mark]:
    """
    Return the marks of the last day, the oldest first.

    Of polls that found nothing to do only the last is known: none is stored.
    """
    at_all = [(each.at, each.what) for each in moments]
    if device.last_seen_at is not None:
        at_all.append((device.last_seen_at, "polled"))
    return [
        Mark(_place(now - at), _TONES[what], what, at)
        for at, what in sorted(at_all)
        if what in _TONES and 0 <= now - at < LENGTH
    ]


def _place(age: int) -> float:
    """Return where the mark of a moment begins that was *age* microseconds ago."""
    return round((WIDTH - MARK) * (1 - age / LENGTH), 1)

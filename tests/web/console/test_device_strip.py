"""The strip of a device's last day."""

import attrs

from pushserver.clock import SECOND
from pushserver.web.console.device_strip import MARK, WIDTH, device_strip
from pushserver.web.console.timeline import Moment
from tests.storage.test_devices import device

_HOUR = 3600 * SECOND
_NOW = 1000 * _HOUR
_DEVICE = device(5, last_seen_at=_NOW)


def test_strip() -> None:
    """
    What happened within a day has a mark where it was, the oldest first, and so has
    the last poll; what is only planned, and what was before, has none.
    """
    moments = [
        Moment(_NOW - 12 * _HOUR, "failed"),
        Moment(_NOW - 24 * _HOUR + 1, "handed_out"),
        Moment(_NOW - 24 * _HOUR, "timeout"),
        Moment(_NOW - _HOUR, "created"),
    ]
    strip = device_strip(_DEVICE, moments, _NOW)
    never_seen = attrs.evolve(_DEVICE, last_seen_at=None)

    assert [
        (0.0, "busy", "handed_out"),
        ((WIDTH - MARK) / 2, "bad", "failed"),
        (WIDTH - MARK, "off", "polled"),
    ] == [(each.x, each.tone, each.what) for each in strip]
    assert [] == device_strip(never_seen, [], _NOW)

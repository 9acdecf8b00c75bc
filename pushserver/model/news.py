"""What another server over the same store did, as far as this one must know of it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Self

import attrs

from pushserver.model.device import Device

_NOBODY: frozenset[int] = frozenset()


class Sighting(NamedTuple):
    """What was seen of a device; `at` and `period` are microseconds."""

    device_id: int
    at: int
    address: str | None
    period: int | None
    polled_plain: bool

    @classmethod
    def of(cls, device: Device) -> Self:
        """Return what was seen of *device*."""
        return cls(
            device.device_id,
            device.last_seen_at or 0,
            device.address,
            device.period,
            device.polled_plain,
        )


@attrs.frozen(kw_only=True)
class News:
    """
    What is to be looked at again; it may be told twice, or in vain.

    For the devices that are `waiting` there may be a command. The commands that are
    `over` have ended. The scopes in `results` and `events` have new ones. `devices`
    were changed, as were some of the `tokens` and of the `subscriptions`. `seen` tells
    itself what there is to know. `everything`: nobody knows what was missed.
    """

    waiting: AbstractSet[int] = _NOBODY
    over: AbstractSet[int] = _NOBODY
    results: AbstractSet[int] = _NOBODY
    events: AbstractSet[int] = _NOBODY
    devices: AbstractSet[int] = _NOBODY
    seen: Sequence[Sighting] = ()
    tokens: bool = False
    subscriptions: bool = False
    everything: bool = False

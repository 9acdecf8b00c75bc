"""What another server over the same store did, as far as this one must know of it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Self

import attrs

from pushserver.model.device import Device

_NO_IDS: frozenset[int] = frozenset()


class DeviceSeen(NamedTuple):
    """What was seen of a device; `last_seen_at` and `poll_period` are microseconds."""

    device_id: int
    last_seen_at: int
    address: str | None
    poll_period: int | None
    polled_without_key: bool

    @classmethod
    def from_device(cls, device: Device) -> Self:
        """Return what was seen of *device*."""
        return cls(
            device.device_id,
            device.last_seen_at or 0,
            device.address,
            device.poll_period,
            device.polled_without_key,
        )


@attrs.frozen(kw_only=True)
class ChangeNotice:
    """
    What is to be looked at again; it may be told twice, or in vain.

    For the devices that are `waiting` there may be a command. The commands that are
    `over` have ended. The scopes in `results` and `events` have new ones. `devices`
    were changed, as were some of the `tokens` and of the `subscriptions`. `seen` tells
    itself what there is to know. `everything`: nobody knows what was missed.
    """

    waiting: AbstractSet[int] = _NO_IDS
    over: AbstractSet[int] = _NO_IDS
    results: AbstractSet[int] = _NO_IDS
    events: AbstractSet[int] = _NO_IDS
    devices: AbstractSet[int] = _NO_IDS
    seen: Sequence[DeviceSeen] = ()
    tokens: bool = False
    subscriptions: bool = False
    everything: bool = False

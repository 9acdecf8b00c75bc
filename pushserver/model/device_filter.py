"""Which devices a list has, and in which order."""

import enum
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from pushserver.model.device import Device, DeviceState
from pushserver.model.tag_filter import TagFilter, has_tags

#: What devices are ordered by; the last part is the id, so that no two are equal.
SortKey = tuple[Any, ...]


def fold(text: str) -> str:
    """Return *text* as it is compared, whatever its case and composition."""
    return unicodedata.normalize("NFC", text.casefold())


@attrs.frozen(kw_only=True)
class DeviceFilter:
    """
    Which devices are meant; what is not given means any.

    A device has one of the values of each tag. `text`, folded, is part of its name, or
    of its own id. `among` are ids. `conflict`: whether another address took its id.
    """

    state: DeviceState | None = None
    tags: TagFilter = attrs.Factory(dict)
    text: str = ""
    among: Collection[int] | None = None
    conflict: bool | None = None

    def matches(self, device: Device) -> bool:
        """Tell whether *device*, which is among those that may be meant, is meant."""
        if self.state is not None and device.state is not self.state:
            return False
        if not has_tags(device.tags, self.tags):
            return False
        if self.conflict not in (None, device.shut_out_address is not None):
            return False
        return not self.text or (
            self.text in fold(device.name or "")
            or self.text in fold(device.external_id)
        )


class DeviceSort(enum.StrEnum):
    """What a list of devices can be ordered by."""

    DEVICE_ID = "deviceId"
    NAME = "name"
    LAST_SEEN_AT = "lastSeenAt"
    QUEUE_DEPTH = "queueDepth"

    @property
    def key_types(self) -> tuple[type, ...]:
        """The types of the parts of a key."""
        match self:
            case DeviceSort.DEVICE_ID:
                return (int,)
            case DeviceSort.NAME:
                return (bool, str, int)
            case DeviceSort.LAST_SEEN_AT | DeviceSort.QUEUE_DEPTH:
                return (int, int)

    def key_of(self, depths: Mapping[int, int]) -> Callable[[Device], SortKey]:
        """
        Return what makes the key of a device; *depths* are the queues' by device.

        A device without a name comes after those that have one, and one that was never
        seen before those that were.
        """
        match self:
            case DeviceSort.DEVICE_ID:
                return lambda device: (device.device_id,)
            case DeviceSort.NAME:
                return _key_by_name
            case DeviceSort.LAST_SEEN_AT:
                return lambda device: (device.last_seen_at or 0, device.device_id)
            case DeviceSort.QUEUE_DEPTH:
                return lambda device: (
                    depths.get(device.device_id, 0),
                    device.device_id,
                )


def _key_by_name(device: Device) -> SortKey:
    return device.name is None, fold(device.name or ""), device.device_id


@attrs.frozen
class DeviceOrder:
    """By what a list is ordered, and whether from the largest on."""

    sort: DeviceSort = DeviceSort.DEVICE_ID
    descending: bool = False

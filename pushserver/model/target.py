"""Selects devices by their ids, by tags, or all."""

from collections.abc import Mapping, Sequence

import attrs

from pushserver.model.device import Device


@attrs.frozen(kw_only=True)
class TargetSelector:
    """
    Devices by their ids, or those that have all of the tags, or all of the scope.

    At most one of the two is given; neither means all.
    """

    device_ids: Sequence[int] | None = None
    tags: Mapping[str, str] | None = None

    def has_tags(self, device: Device) -> bool:
        """Tell whether *device* has the tags, if tags are given."""
        required_tags = self.tags or {}
        return all(
            device.tags.get(name) == value for name, value in required_tags.items()
        )


@attrs.frozen
class TargetDevice:
    """A selected device: whether it is online, and when it should poll next."""

    device: Device
    online: bool
    next_poll_at: int | None

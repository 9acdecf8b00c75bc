"""Which devices are meant: by their ids, by tags, or all."""

from collections.abc import Mapping, Sequence

import attrs

from pushserver.model.device import Device


@attrs.frozen(kw_only=True)
class Targets:
    """
    Devices by their ids, or those that have all of the tags, or all of the scope.

    Exactly one of the two is given, or neither for all.
    """

    device_ids: Sequence[int] | None = None
    tags: Mapping[str, str] | None = None

    def include(self, device: Device) -> bool:
        """Tell whether *device* has the tags, if tags are what counts."""
        wanted = self.tags or {}
        return all(device.tags.get(name) == value for name, value in wanted.items())


@attrs.frozen
class Expected:
    """A device that is meant: whether it is there, and when it should poll next."""

    device: Device
    online: bool
    expected_at: int | None

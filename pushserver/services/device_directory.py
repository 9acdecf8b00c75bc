"""The devices of a scope, to be looked up; those in quarantine are in the first one."""

from collections.abc import Iterable, Iterator

import attrs

from pushserver.errors import Invalid, NotFound
from pushserver.model.device import (
    MAX_UNKNOWN_REQUESTS,
    Device,
    DeviceState,
    UnknownRequest,
)
from pushserver.model.target import TargetSelector
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.held_polls import HeldPolls


@attrs.define(eq=False, repr=False)
class DeviceDirectory(DeviceRegistry):
    """Looks devices up; those of another scope are not there."""

    holds: HeldPolls = attrs.field(kw_only=True)

    def in_scope(self, scope_id: int) -> Iterator[Device]:
        """Return the devices of the scope."""
        return (device for device in self if device.scope_id == scope_id)

    def find(self, scope_id: int, device_id: int) -> Device | None:
        """Return the device if it is known in the scope."""
        device = self._devices.get(device_id)
        return device if device is not None and device.scope_id == scope_id else None

    def get(self, scope_id: int, device_id: int) -> Device:
        """
        Return the device.

        Raises:
            NotFound: it is not known in the scope.
        """
        device = self.find(scope_id, device_id)
        if device is None:
            raise NotFound(f"There is no device {device_id}.")
        return device

    def count_held_polls(self, scope_id: int) -> int:
        """Return how many polls of the scope's devices are held."""
        device_ids = (hold.poll.device_id for hold in self.holds)
        return sum(
            self.find(scope_id, device_id) is not None for device_id in device_ids
        )

    async def unknown_requests(
        self, scope_id: int, device_id: int
    ) -> list[UnknownRequest]:
        """
        Return the device's last odd requests, those not written yet, too.

        Raises:
            NotFound: it is not known in the scope.
        """
        self.get(scope_id, device_id)
        stored = await self.store.unknown_requests(device_id)
        return [*stored, *self._pending_requests.get(device_id, ())][
            -MAX_UNKNOWN_REQUESTS:
        ]

    def list_page(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        state: DeviceState | None = None,
        tag: tuple[str, str] | None = None,
    ) -> list[Device]:
        """List devices by their ids, those above *after*."""
        matching = (
            device
            for device_id in self._ids_above(after)
            if (device := self.find(scope_id, device_id)) is not None
            and (state is None or device.state is state)
            and (tag is None or device.tags.get(tag[0]) == tag[1])
        )
        return [device for device, _ in zip(matching, range(limit), strict=False)]

    def _ids_above(self, after: int) -> Iterable[int]:
        return sorted(i for i in self._devices if i > after)

    def has_adopted(self, scope_id: int, device_id: int) -> bool:
        """Tell whether the scope has adopted the device."""
        device = self.find(scope_id, device_id)
        return device is not None and device.is_adopted

    def resolve_targets(self, scope_id: int, targets: TargetSelector) -> list[Device]:
        """
        Return the adopted devices that are meant.

        Raises:
            Invalid: one of the ids is not theirs, or nobody is meant.
        """
        if targets.device_ids is not None:
            ids = dict.fromkeys(targets.device_ids)
            devices = [self._get_target(scope_id, device_id) for device_id in ids]
        else:
            candidates = self.in_scope(scope_id)
            devices = [d for d in candidates if d.is_adopted and targets.has_tags(d)]
        if not devices:
            raise Invalid("No adopted device is meant.", pointer="/targets")
        return devices

    def _get_target(self, scope_id: int, device_id: int) -> Device:
        device = self.find(scope_id, device_id)
        if device is None or not device.is_adopted:
            raise Invalid(
                f"There is no adopted device {device_id}.",
                pointer="/targets/deviceIds",
            )
        return device

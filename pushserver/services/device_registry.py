"""Every known device, in memory, looked up within a scope."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

import attrs

from pushserver.errors import Invalid, NotFound
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.device import Device
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.target import TargetSelector
from pushserver.services.off_loop import in_pieces, sorted_in_pieces
from pushserver.storage.base import Store


@attrs.define(eq=False, repr=False)
class DeviceRegistry:
    """
    Looks devices up within a scope, which does not see those of others.

    Quarantined devices belong to the first scope. Hold `write_lock` while saving
    devices or rereading them from the store.
    """

    store: Store
    write_lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    quarantined_count: int = attrs.field(default=0, init=False)
    _leaving_ids: set[int] = attrs.field(factory=set, init=False)
    _devices: dict[int, Device] = attrs.field(factory=dict, init=False)

    async def load(self) -> None:
        """Read all devices from the store."""
        self._devices = {d.device_id: d for d in await self.store.all_devices()}
        self.quarantined_count = sum(not d.is_adopted for d in self._devices.values())

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self._devices.values()))

    @property
    def adopted_count(self) -> int:
        """How many devices are adopted, in all scopes."""
        return len(self._devices) - self.quarantined_count

    def __len__(self) -> int:
        return len(self._devices)

    def find_in_any_scope(self, device_id: int) -> Device | None:
        """Return the device, whichever scope it belongs to."""
        return self._devices.get(device_id)

    def find(self, scope_id: int, device_id: int) -> Device | None:
        """Return the device if the scope has it."""
        device = self._devices.get(device_id)
        return device if device is not None and device.scope_id == scope_id else None

    def get(self, scope_id: int, device_id: int) -> Device:
        """
        Return the device.

        Raises:
            NotFound: the scope does not have it.
        """
        device = self.find(scope_id, device_id)
        if device is None:
            raise NotFound(f"There is no device {device_id}.")
        return device

    def find_adopted(self, scope_id: int, device_id: int) -> Device | None:
        """Return the device if the scope has adopted it."""
        device = self._devices.get(device_id)
        if device is None or device.scope_id != scope_id or not device.is_adopted:
            return None
        return device

    async def count(self, scope_id: int) -> int:
        """Count the devices of the scope, in pieces."""
        return sum([d.scope_id == scope_id async for d in in_pieces(self)])

    @property
    def ids(self) -> Collection[int]:
        """The ids of all devices, in whichever scope."""
        return self._devices.keys()

    def find_all(self, scope_id: int, ids: Iterable[int]) -> Iterator[Device]:
        """Return those of *ids* that the scope has, each as it is at its turn."""
        for device_id in ids:
            device = self._devices.get(device_id)
            if device is not None and device.scope_id == scope_id:
                yield device

    async def iter_matching(
        self, scope_id: int, criteria: DeviceFilter
    ) -> AsyncIterator[Device]:
        """
        Return the scope's devices that match the filter, ordered by id, in pieces.

        Each is looked up when it is its turn: one that is deleted before is left out.
        """
        ids = self.ids if criteria.among is None else criteria.among
        async for device_id in in_pieces(await sorted_in_pieces(ids)):
            for device in self.find_all(scope_id, (device_id,)):
                if criteria.matches(device):
                    yield device

    async def resolve_targets(
        self, scope_id: int, targets: TargetSelector
    ) -> list[Device]:
        """
        Return the adopted devices that *targets* selects.

        Raises:
            Invalid: the scope has not adopted one of the ids, or nothing is selected.
        """
        if targets.device_ids is not None:
            ids = dict.fromkeys(targets.device_ids)
            devices = [
                self._get_target(scope_id, device_id)
                async for device_id in in_pieces(ids)
            ]
        else:
            devices = [
                device
                async for device in in_pieces(self)
                if device.scope_id == scope_id
                and device.is_adopted
                and targets.has_tags(device)
            ]
        if not devices:
            raise Invalid("The targets select no adopted device.", pointer="/targets")
        return devices

    def _get_target(self, scope_id: int, device_id: int) -> Device:
        device = self.find_adopted(scope_id, device_id)
        if device is None:
            raise Invalid(
                f"There is no adopted device {device_id}.",
                pointer="/targets/deviceIds",
            )
        return device

    def add(self, device: Device) -> None:
        """Add an unknown device."""
        self._devices[device.device_id] = device
        self.quarantined_count += not device.is_adopted

    def update(self, source: Device, names: Sequence[str]) -> None:
        """Copy the fields *names* of *source* to the known device, or add *source*."""
        device = self._devices.get(source.device_id)
        if device is None:
            self.add(source)
        elif device is not source:
            self.quarantined_count -= not device.is_adopted
            for name in names:
                setattr(device, name, getattr(source, name))
            self.quarantined_count += not device.is_adopted
            device.access_version += 1
        if "hold" in names:
            device = device or source
            device.hang_up_count, device.shortest_aborted_hold = 0, None

    def publish_changed(self, device_ids: Iterable[int]) -> None:
        """Tell who shows devices that this server changed some, or is deleting them."""
        self.store.feed.publish_own(ChangeNotice(devices={*device_ids}))

    @contextmanager
    def leaving(self, device_id: int) -> Iterator[None]:
        """Let nothing be planned for a device during the block, which deletes it."""
        self._leaving_ids.add(device_id)
        try:
            yield
        finally:
            self._leaving_ids.discard(device_id)

    def require_staying(self, device_id: int) -> None:
        """
        Refuse to plan anything for a device that is being deleted.

        Raises:
            NotFound: it is.
        """
        if device_id in self._leaving_ids:
            raise NotFound(f"There is no device {device_id} any more.")

    def forget(self, device_id: int) -> None:
        """Remove a device from memory, if it is there."""
        device = self._devices.pop(device_id, None)
        if device is not None:
            self.quarantined_count -= not device.is_adopted
            device.access_version += 1

"""Devices, and when they were last seen."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from pushserver.model.audit import AuditEntry
from pushserver.model.device import Device
from pushserver.model.unknown_request import UnknownRequest


class DeviceStore(Protocol):
    """The fleet."""

    async def all_devices(self) -> Sequence[Device]:
        """Return every device, with when it was last seen."""

    async def device_ids(self) -> Sequence[int]:
        """Return the id of every device."""

    async def devices(self, device_ids: Collection[int]) -> Sequence[Device]:
        """Return those of these devices that exist."""

    async def devices_with_plans(self, device_ids: Collection[int]) -> Collection[int]:
        """Return those of the devices that have running operations or a shadow."""

    async def save_devices(
        self, devices: Sequence[Device], audit: Sequence[AuditEntry] = ()
    ) -> None:
        """
        Write the settings of all these devices and *audit*, or nothing.

        Raises:
            Conflict: another scope has adopted one of them.
            NotFound: their scope was deleted.
        """

    async def add_devices(self, devices: Sequence[Device]) -> None:
        """Add devices that registered themselves; known ones stay as they are."""

    async def enforce_keys(self, devices: Sequence[Device]) -> None:
        """Require these devices' newest keys, unless a newer one was made since."""

    async def save_old_keys_used(self, devices: Sequence[Device]) -> None:
        """Write that these devices came with their old keys, if those are valid."""

    async def save_keyless(self, devices: Sequence[Device]) -> None:
        """Write since when, and from where, these devices are served without a key."""

    async def delete_device(self, device_id: int) -> None:
        """Delete a quarantined device; `Changes.deleted_devices` is for others."""

    async def save_last_seen(
        self,
        devices: Sequence[Device],
        unknown_requests: Sequence[UnknownRequest],
        *,
        keep: int,
    ) -> None:
        """Write when devices were seen; keep their newest *keep* unknown requests."""

    async def unknown_requests(self, device_id: int) -> Sequence[UnknownRequest]:
        """Return the device's last unknown requests, oldest first."""

    async def unknown_request_numbers(self) -> Mapping[int, int]:
        """Return how many unknown requests are stored of each device that has any."""

    async def purge_unknown_requests(
        self, before: int, scope_id: int | None = None, *, limit: int
    ) -> int:
        """
        Delete at most *limit* with ids below *before*; return how many.

        They are those of one scope's devices, or of all.
        """

    async def trim_unknown_requests(self, keep: int) -> int:
        """
        Delete all but *keep* bytes of unknown requests; return how many that were.

        The oldest go, those of quarantined devices before all others.
        """

    async def clear_unknown_requests(self, device_ids: Collection[int]) -> None:
        """Delete these devices' unknown requests, and what was counted of them."""

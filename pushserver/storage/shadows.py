"""The shadows of devices."""

from collections.abc import Sequence
from typing import Protocol

import attrs

from pushserver.model.shadow import Service


@attrs.frozen
class DueService:
    """
    A service whose desired and reported values must be compared again.

    The token with the id `desired_by` changed what is desired last.
    """

    device_id: int
    service_id: str
    desired_by: int | None


class ShadowStore(Protocol):
    """
    Reading shadows; decisions on their devices' lanes write them.

    They are deleted with their devices.
    """

    async def services(self, scope_id: int, device_id: int) -> Sequence[Service]:
        """Return every service of a device, by name."""

    async def due_services(self, *, limit: int) -> Sequence[DueService]:
        """Return services that must be compared again."""

    async def retryable_services(
        self, *, now: int, hold: int, limit: int
    ) -> Sequence[DueService]:
        """
        Return services whose write expired and whose devices are online again.

        For `Device.is_online`; *hold* is the server's default.
        """

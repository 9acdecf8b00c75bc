"""The promise of every store for devices' shadows."""

from collections.abc import Sequence
from typing import Protocol

import attrs

from pushserver.model.shadow import Service


@attrs.frozen
class DueService:
    """A service that is to be compared again."""

    device_id: int
    service_id: str


class ShadowStore(Protocol):
    """
    Shadows, read. They are written by decisions on their devices' lanes.

    They are deleted with their devices.
    """

    async def services(self, scope_id: int, device_id: int) -> Sequence[Service]:
        """Return every service of a device, by name."""

    async def due_services(self, *, limit: int) -> Sequence[DueService]:
        """Return services that are due."""

    async def retryable_services(
        self, *, now: int, hold: int, limit: int
    ) -> Sequence[DueService]:
        """
        Return services that have lapsed and whose devices are there again.

        What that means `TaskStore.startable_steps` says.
        """

"""Requests of devices that are neither polls nor results."""

from collections import Counter

import attrs

from pushserver.clock import Clock
from pushserver.model.device import (
    MAX_UNKNOWN_REQUEST_BYTES,
    MAX_UNKNOWN_REQUESTS,
    UnknownRequest,
)
from pushserver.model.ids import IdGenerator
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_write_behind import DeviceWriteBehind
from pushserver.storage.base import Store


@attrs.frozen(repr=False)
class UnknownRequests:
    """Keeps the last unknown requests of each known device, and counts all."""

    store: Store
    devices: DeviceRegistry
    write_behind: DeviceWriteBehind
    clock: Clock
    ids: IdGenerator
    counts: Counter[str]

    def record(
        self, device_id: int, method: str, path: str, address: str | None, body: bytes
    ) -> None:
        """Count a request, and keep its beginning if the device is known."""
        self.counts["stray"] += 1
        device = self.devices.find_in_any_scope(device_id)
        if device is None:
            return
        device.unknown_request_count += 1
        self.write_behind.add_seen(device)
        self.write_behind.add_unknown_request(
            UnknownRequest(
                id=self.ids(),
                device_id=device_id,
                at=self.clock.now(),
                method=method,
                path=path[:MAX_UNKNOWN_REQUEST_BYTES],
                address=address,
                body=body[:MAX_UNKNOWN_REQUEST_BYTES],
            )
        )

    async def list_newest(self, scope_id: int, device_id: int) -> list[UnknownRequest]:
        """
        Return the device's last unknown requests, oldest first, written or not.

        Raises:
            NotFound: the scope does not have the device.
        """
        self.devices.get(scope_id, device_id)
        stored = await self.store.unknown_requests(device_id)
        pending = self.write_behind.unknown_requests(device_id)
        return [*stored, *pending][-MAX_UNKNOWN_REQUESTS:]

"""Requests of devices that are neither polls nor results."""

from collections import Counter
from functools import partial

import attrs

from pushserver.clock import Clock
from pushserver.model.ids import IdGenerator, first_id_at
from pushserver.model.unknown_request import (
    MAX_UNKNOWN_REQUEST_BYTES,
    MAX_UNKNOWN_REQUESTS,
    UNKNOWN_REQUEST_RETENTION,
    UnknownRequest,
)
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_write_behind import DeviceWriteBehind
from pushserver.services.off_loop import in_pieces
from pushserver.storage.base import Store


@attrs.frozen(repr=False)
class UnknownRequests:
    """
    Keeps the last unknown requests of each known device; counts all of them.

    Both are forgotten after `UNKNOWN_REQUEST_RETENTION`. Requests that were counted and
    not kept have no instant: they count until the device sent none for that long.
    """

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
        since = self._since()
        recent = [each for each in (*stored, *pending) if each.at >= since]
        return recent[-MAX_UNKNOWN_REQUESTS:]

    async def forget_old(self) -> int:
        """
        Forget old requests, and count the rest anew; return how many were deleted.

        Raises:
            Unavailable: the store is away; the next call forgets the rest.
        """
        return await self.purge(self._since())

    async def purge(self, until: int, scope_id: int | None = None) -> int:
        """
        Forget those from before an instant, of one scope's devices or of all.

        Return how many were deleted.

        Raises:
            Unavailable: the store is away; the next call forgets the rest.
        """
        deleted = await repeat_until_done(
            partial(
                self.store.purge_unknown_requests,
                first_id_at(until),
                scope_id,
                limit=BATCH_SIZE,
            )
        )
        await self._count_anew()
        return deleted

    async def _count_anew(self) -> None:
        devices = in_pieces(self.devices)
        counted = [each async for each in devices if each.unknown_request_count]
        stored = await self.store.unknown_request_numbers()
        for device in counted:
            pending = self.write_behind.unknown_requests(device.device_id)
            kept = stored.get(device.device_id, 0) + len(pending)
            if kept < min(device.unknown_request_count, MAX_UNKNOWN_REQUESTS):
                device.unknown_request_count = kept
                self.write_behind.add_seen(device)

    def _since(self) -> int:
        return self.clock.now() - UNKNOWN_REQUEST_RETENTION

"""Unknown requests that are not written yet, bounded in bytes, whoever sends them."""

from collections import deque
from collections.abc import Sequence

import attrs

from pushserver.model.unknown_request import MAX_UNKNOWN_REQUESTS, UnknownRequest


@attrs.define(eq=False, repr=False)
class PendingRequests:
    """The last unknown requests of each device, at most `limit` bytes in all."""

    limit: int
    _size: int = attrs.field(default=0, init=False)
    _by_device: dict[int, deque[UnknownRequest]] = attrs.field(factory=dict, init=False)

    def __bool__(self) -> bool:
        return bool(self._by_device)

    def add(self, request: UnknownRequest, *, is_adopted: bool) -> bool:
        """
        Add a request; return False if there is no room for it.

        Strangers get half of the room, so that they leave some to adopted devices.
        """
        limit = self.limit if is_adopted else self.limit // 2
        has_room = self._size + request.size <= limit
        if has_room:
            self._append(request)
        return has_room

    def _append(self, request: UnknownRequest) -> None:
        requests = self._by_device.setdefault(request.device_id, deque())
        requests.append(request)
        self._size += request.size
        if len(requests) > MAX_UNKNOWN_REQUESTS:
            self._size -= requests.popleft().size

    def of_device(self, device_id: int) -> list[UnknownRequest]:
        """Return the device's requests, oldest first."""
        return list(self._by_device.get(device_id, ()))

    def discard(self, device_id: int) -> None:
        """Forget the device's requests."""
        self._size -= sum(r.size for r in self._by_device.pop(device_id, ()))

    def take(self, size: int) -> list[UnknownRequest]:
        """Remove and return the requests of devices until they have *size* bytes."""
        taken: list[UnknownRequest] = []
        while self._by_device and size > 0:
            requests = self.of_device(next(iter(self._by_device)))
            self.discard(requests[0].device_id)
            size -= sum(request.size for request in requests)
            taken += requests
        return taken

    def put_back(self, taken: Sequence[UnknownRequest]) -> None:
        """Put back what was taken and could not be written: before what came since."""
        for device_id in dict.fromkeys(request.device_id for request in taken):
            newer = self.of_device(device_id)
            self.discard(device_id)
            older = [request for request in taken if request.device_id == device_id]
            for request in (*older, *newer):
                self._append(request)

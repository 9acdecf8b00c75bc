"""What this process knows of lanes: as they were when it had them last.

Nothing is decided on it; the database is asked for that. It spares the asking for
devices that have nothing, keeps what only memory can know of a flight, and is shown.
"""

from collections.abc import Iterable, Mapping

import attrs

from pushserver.model.command import Command
from pushserver.model.lane import Flight, Lane
from pushserver.storage.sql.orders import Orders


@attrs.define(eq=False)
class Known:
    """`live` are the devices that may have something waiting or in flight."""

    live: set[int]
    orders: Orders
    _lanes: dict[int, Lane] = attrs.field(factory=dict, init=False)

    def get(self, device_id: int) -> Lane | None:
        """Return the lane as it was when it was changed or read last."""
        return self._lanes.get(device_id)

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell whether there is certainly nothing for the device."""
        if device_id not in self.live:
            return True
        lane = self._lanes.get(device_id)
        return lane is not None and lane.is_quiet(now, grace)

    def complete(self, lane: Lane) -> None:
        """Add to a lane that was read what only memory has."""
        old = self._lanes.get(lane.device_id)
        if lane.flight is not None and old is not None:
            lane.flight.go_on(old.flight)
        for command in lane.waiting:
            command.order = self.orders.find(command.id)

    def put(self, lane: Lane, moved: Mapping[int, Command]) -> None:
        """Remember a lane that is as the database has it, where these *moved*."""
        old = self._lanes.get(lane.device_id)
        if old is not None and old.flight is not None:
            # Somebody may still hold the flight, and ask what became of it.
            command = old.flight.command
            old.flight.command = moved.get(command.id, command)
        if lane.flight is None and not lane.waiting:
            self._lanes.pop(lane.device_id, None)
            self.live.discard(lane.device_id)
            return
        if lane.flight is not None and old is not None and old.flight is not None:
            lane.flight = _same(old.flight, lane.flight)
        self._lanes[lane.device_id] = lane
        self.live.add(lane.device_id)

    def shift(self, jump: int) -> None:
        """Move what only memory has of flights along with a clock that jumped."""
        for lane in self._lanes.values():
            lane.shift(jump)

    def doubt(self, device_ids: Iterable[int]) -> None:
        """Note that a commit may have been made, or not: ask when it is wanted."""
        self.live.update(device_ids)


def _same(old: Flight, new: Flight) -> Flight:
    """Return *old* if it is the same flight: somebody holds it, and counts on it."""
    if old is new or old.delivery.id != new.delivery.id:
        return new
    old.command, old.delivery = new.command, new.delivery
    old.written_at = new.written_at or old.written_at
    return old

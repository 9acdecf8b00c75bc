"""What this process knows of lanes: as they were when it had them last.

Nothing is decided on it; the database is asked for that. It spares the asking for
devices that have nothing, keeps what only memory can know of a flight, and is shown.
"""

from collections.abc import Callable, Iterable, Mapping

import attrs

from pushserver.clock import SECOND
from pushserver.model.command import Command
from pushserver.model.lane import Flight, Lane
from pushserver.model.news import News
from pushserver.storage.sql.orders import Orders

#: A lane is believed for so long: others may have changed it, and died before telling.
_BELIEVED = SECOND


@attrs.define(eq=False)
class Known:
    """
    `live` are the devices that may have something waiting or in flight.

    That is so as long as this process `hears` others.
    """

    live: set[int]
    orders: Orders
    now: Callable[[], int]
    hears: Callable[[], bool] = lambda: True
    _lanes: dict[int, Lane] = attrs.field(factory=dict, init=False)
    _read_at: dict[int, int] = attrs.field(factory=dict, init=False)
    _asked: set[int] = attrs.field(factory=set, init=False)

    def get(self, device_id: int) -> Lane | None:
        """Return the lane as it was when it was changed or read last."""
        return self._lanes.get(device_id)

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell whether there is certainly nothing for the device."""
        if not self.hears():
            return False
        if device_id not in self.live:
            return True
        lane = self._lanes.get(device_id)
        if lane is None or abs(now - self._read_at[device_id]) > _BELIEVED:
            return False
        return lane.is_quiet(now, grace)

    def has_waiting(self, device_id: int) -> bool:
        """Tell whether something waits for the device."""
        lane = self._lanes.get(device_id)
        return lane is not None and bool(lane.waiting)

    def ask(self, device_ids: Iterable[int]) -> None:
        """Note that these lanes are read: what others tell from now on is newer."""
        self._asked.update(device_ids)

    def hear(self, news: News) -> None:
        """Believe nothing of the devices for which others have something."""
        self.doubt(news.waiting)
        if news.everything:
            self.doubt(list(self._lanes))

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
        is_newest = lane.device_id in self._asked
        self._asked.discard(lane.device_id)
        if not is_newest:
            self.doubt([lane.device_id])
        elif lane.flight is None and not lane.waiting:
            self._lanes.pop(lane.device_id, None)
            self._read_at.pop(lane.device_id, None)
            self.live.discard(lane.device_id)
            return
        if lane.flight is not None and old is not None and old.flight is not None:
            lane.flight = _same(old.flight, lane.flight)
        self._lanes[lane.device_id] = lane
        self._read_at[lane.device_id] = self.now() if is_newest else 0
        self.live.add(lane.device_id)

    def shift(self, jump: int) -> None:
        """Move what only memory has of flights along with a clock that jumped."""
        for lane in self._lanes.values():
            lane.shift(jump)

    def doubt(self, device_ids: Iterable[int]) -> None:
        """Note that these lanes may have changed: ask when one of them is wanted."""
        for device_id in device_ids:
            self.live.add(device_id)
            self._asked.discard(device_id)
            if device_id in self._read_at:
                self._read_at[device_id] = 0


def _same(old: Flight, new: Flight) -> Flight:
    """Return *old* if it is the same flight: somebody holds it, and counts on it."""
    if old is new or old.delivery.id != new.delivery.id:
        return new
    old.command, old.delivery = new.command, new.delivery
    old.written_at = new.written_at or old.written_at
    return old

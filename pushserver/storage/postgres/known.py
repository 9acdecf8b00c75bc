"""What this process knows of lanes: as they were when it had them last.

A round believes it as far as the database confirms the lane's version. Without asking,
it spares polls of devices that have nothing, keeps what only memory can know of a
flight, and is shown.
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
class Kept:
    """
    A lane as it was at `read_at`.

    The database had it so with this `version`; None: nobody knows, all of it has to be
    read again.
    """

    lane: Lane
    version: int | None
    read_at: int = 0


@attrs.define(eq=False)
class Known:
    """
    `live` are the devices that may have something waiting or in flight.

    That is so as long as this process `hears` others. `jumps` counts the clock's.
    """

    live: set[int]
    orders: Orders
    now: Callable[[], int]
    hears: Callable[[], bool] = lambda: True
    jumps: int = attrs.field(default=0, init=False)
    _kept: dict[int, Kept] = attrs.field(factory=dict, init=False)
    _asked: set[int] = attrs.field(factory=set, init=False)

    def get(self, device_id: int) -> Lane | None:
        """Return the lane as it was when it was changed or read last."""
        kept = self._kept.get(device_id)
        return None if kept is None else kept.lane

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell whether there is certainly nothing for the device."""
        if not self.hears():
            return False
        if device_id not in self.live:
            return True
        kept = self._kept.get(device_id)
        if kept is None or abs(now - kept.read_at) > _BELIEVED:
            return False
        return kept.lane.is_quiet(now, grace)

    def is_ready(self, device_id: int) -> bool:
        """Tell whether something waits for the device, and nothing is with it."""
        lane = self.get(device_id)
        return lane is not None and lane.flight is None and bool(lane.waiting)

    def ask(self, device_ids: Iterable[int]) -> dict[int, Kept]:
        """
        Return what is known of these lanes, which are about to be read.

        What others tell from now on is newer.
        """
        found = {}
        for device_id in device_ids:
            self._asked.add(device_id)
            kept = self._kept.get(device_id)
            if kept is not None:
                found[device_id] = kept
        return found

    def hear(self, news: News) -> None:
        """Believe nothing of the devices for which others have something."""
        self.doubt(news.waiting)
        if news.everything:
            self.doubt(list(self._kept))

    def complete(self, lane: Lane) -> None:
        """Add to a lane that was read what only memory has."""
        old = self.get(lane.device_id)
        if lane.flight is not None and old is not None and old is not lane:
            lane.flight.go_on(old.flight)

    def put(
        self, lane: Lane, version: int | None, moved: Mapping[int, Command]
    ) -> None:
        """Remember a lane that is as the database has it, where these *moved*."""
        old = self._kept.get(lane.device_id)
        if old is not None and old.lane is not lane:
            _hand_over(old.lane, lane, moved)
        is_newest = lane.device_id in self._asked
        self._asked.discard(lane.device_id)
        if is_newest and lane.flight is None and not lane.waiting:
            self._kept.pop(lane.device_id, None)
            self.live.discard(lane.device_id)
            return
        read_at = self.now() if is_newest else 0
        self._kept[lane.device_id] = Kept(lane, version, read_at)
        self.live.add(lane.device_id)

    def shift(self, jump: int) -> None:
        """Move what only memory has of flights along with a clock that jumped."""
        self.jumps += 1
        for kept in self._kept.values():
            kept.lane.shift(jump)
            kept.version = None

    def doubt(self, device_ids: Iterable[int]) -> None:
        """Note that these lanes may have changed: ask when one of them is wanted."""
        for device_id in device_ids:
            self.live.add(device_id)
            self._asked.discard(device_id)
            kept = self._kept.get(device_id)
            if kept is not None:
                kept.read_at = 0

    def spoil(self, flights: Mapping[int, Flight | None]) -> None:
        """Forget lanes that were changed in vain; these *flights* were there before."""
        self.doubt(flights)
        for device_id, flight in flights.items():
            kept = self._kept.get(device_id)
            if kept is not None:
                kept.lane.flight, kept.version = flight, None


def _hand_over(old: Lane, new: Lane, moved: Mapping[int, Command]) -> None:
    """Let whoever holds the old lane's flight see what becomes of it."""
    if old.flight is None:
        return
    command = old.flight.command
    old.flight.command = moved.get(command.id, command)
    if new.flight is not None:
        new.flight = _same(old.flight, new.flight)


def _same(old: Flight, new: Flight) -> Flight:
    """Return *old* if it is the same flight: somebody holds it, and counts on it."""
    if old.delivery.id != new.delivery.id:
        return new
    old.command, old.delivery = new.command, new.delivery
    old.written_at = new.written_at or old.written_at
    return old

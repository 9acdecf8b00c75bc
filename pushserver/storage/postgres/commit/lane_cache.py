"""A cache of lanes in this process's memory.

A round uses a cached lane if it still has the version in the database. Without a query,
the cache answers polls of idle devices and views of lanes; it also keeps the state of
commands in flight that is only in memory.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from pushserver.clock import SECOND
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.command import Command
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.storage.sql.order_cache import OrderCache

#: A cached lane is trusted for so long: another server may change it, and die before it
#: sends the notice.
_MAX_AGE = SECOND


@attrs.define(eq=False)
class CachedLane:
    """
    A lane as it was at `read_at`.

    `version` is the lane's version in the database; None: it must be read again.
    """

    lane: Lane
    version: int | None
    read_at: int = 0


@attrs.define(eq=False)
class LaneCache:
    """
    The cached lanes, and `live_devices`: those that may have live commands.

    Both are trusted only while this process `is_listening` to the other servers.
    `clock_jumps` counts jumps of the wall clock.
    """

    live_devices: set[int]
    orders: OrderCache
    now: Callable[[], int]
    is_listening: Callable[[], bool] = lambda: True
    clock_jumps: int = attrs.field(default=0, init=False)
    _lanes: dict[int, CachedLane] = attrs.field(factory=dict, init=False)
    _being_read: set[int] = attrs.field(factory=set, init=False)

    def get(self, device_id: int) -> Lane | None:
        """Return the lane as it was last changed or read here."""
        cached = self._lanes.get(device_id)
        return None if cached is None else cached.lane

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell whether the device certainly has nothing to do."""
        if not self.is_listening():
            return False
        if device_id not in self.live_devices:
            return True
        cached = self._lanes.get(device_id)
        if cached is None or abs(now - cached.read_at) > _MAX_AGE:
            return False
        return cached.lane.is_idle(now, grace)

    def start_read(self, device_ids: Iterable[int]) -> dict[int, CachedLane]:
        """
        Return those of these lanes that are cached; the caller reads the others now.

        A notice that arrives from now on is newer than what is read.
        """
        cached_lanes = {}
        for device_id in device_ids:
            self._being_read.add(device_id)
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached_lanes[device_id] = cached
        return cached_lanes

    def on_notice(self, notice: ChangeNotice) -> None:
        """Invalidate the lanes that other servers changed."""
        self.invalidate(notice.waiting)
        if notice.everything:
            self.invalidate(list(self._lanes))

    def restore_transient_state(self, lane: Lane) -> None:
        """Copy the state that is only in memory into a lane that was read."""
        cached = self.get(lane.device_id)
        if cached is not None and cached is not lane:
            for in_flight in lane.in_flights:
                in_flight.carry_over(cached.in_flights)

    def put(
        self, lane: Lane, version: int | None, changed_commands: Mapping[int, Command]
    ) -> None:
        """
        Cache a lane as it was committed, with these *changed_commands*.
        """
        cached = self._lanes.get(lane.device_id)
        if cached is not None and cached.lane is not lane:
            _update_held_in_flight(cached.lane, lane, changed_commands)
        is_current = lane.device_id in self._being_read
        self._being_read.discard(lane.device_id)
        if is_current and lane.in_flight is None and not lane.waiting:
            self._lanes.pop(lane.device_id, None)
            self.live_devices.discard(lane.device_id)
            return
        read_at = self.now() if is_current else 0
        self._lanes[lane.device_id] = CachedLane(lane, version, read_at)
        self.live_devices.add(lane.device_id)

    def forget_services(self, device_ids: Iterable[int]) -> None:
        """Forget the services of these lanes' commands, which a round has read."""
        for device_id in device_ids:
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached.lane.forget_services()

    def move_schedules(self, jump: int, now: int) -> None:
        """Move what is scheduled after *now*: the wall clock made a *jump*."""
        self.clock_jumps += 1
        for cached in self._lanes.values():
            cached.lane.move_schedules(jump, now)
            cached.version = None

    def invalidate(self, device_ids: Iterable[int]) -> None:
        """Mark these lanes as possibly changed: the next use asks the database."""
        for device_id in device_ids:
            self.live_devices.add(device_id)
            self._being_read.discard(device_id)
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached.read_at = 0

    def roll_back(self, in_flights_before: Mapping[int, Sequence[InFlight]]) -> None:
        """
        Restore what was in flight before a failed commit, and drop the versions.
        """
        self.invalidate(in_flights_before)
        for device_id, in_flights in in_flights_before.items():
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached.lane.in_flights, cached.version = list(in_flights), None


def _update_held_in_flight(
    old: Lane, new: Lane, changed_commands: Mapping[int, Command]
) -> None:
    """Update the old `InFlight` objects in place: callers still hold them."""
    held = {each.delivery.id: each for each in old.in_flights}
    for in_flight in held.values():
        command = in_flight.command
        in_flight.command = changed_commands.get(command.id, command)
    new.in_flights = [
        _merge_in_flight(held.get(each.delivery.id), each) for each in new.in_flights
    ]


def _merge_in_flight(old: InFlight | None, new: InFlight) -> InFlight:
    """Return *old*, updated in place if there is one: callers hold that object."""
    if old is None:
        return new
    old.command, old.delivery = new.command, new.delivery
    old.written_at = new.written_at or old.written_at
    return old

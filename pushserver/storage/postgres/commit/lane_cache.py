"""What this process knows of lanes: as they were when it had them last.

A round believes it as far as the database confirms the lane's version. Without asking,
it spares polls of devices that have nothing, keeps what only memory can know of a
flight, and is shown.
"""

from collections.abc import Callable, Iterable, Mapping

import attrs

from pushserver.clock import SECOND
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.command import Command
from pushserver.model.lane import InFlight, Lane
from pushserver.storage.sql.order_cache import OrderCache

#: A lane is believed for so long: others may have changed it, and died before telling.
_MAX_AGE = SECOND


@attrs.define(eq=False)
class CachedLane:
    """
    A lane as it was at `read_at`.

    The database had it so with this `version`; None: nobody knows, all of it has to be
    read again.
    """

    lane: Lane
    version: int | None
    read_at: int = 0


@attrs.define(eq=False)
class LaneCache:
    """
    `live_devices` are the devices that may have something waiting or in flight.

    That is so as long as this process `is_listening` others. `clock_jumps` counts the
    clock's.
    """

    live_devices: set[int]
    orders: OrderCache
    now: Callable[[], int]
    is_listening: Callable[[], bool] = lambda: True
    clock_jumps: int = attrs.field(default=0, init=False)
    _lanes: dict[int, CachedLane] = attrs.field(factory=dict, init=False)
    _being_read: set[int] = attrs.field(factory=set, init=False)

    def get(self, device_id: int) -> Lane | None:
        """Return the lane as it was when it was changed or read last."""
        cached = self._lanes.get(device_id)
        return None if cached is None else cached.lane

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell whether there is certainly nothing for the device."""
        if not self.is_listening():
            return False
        if device_id not in self.live_devices:
            return True
        cached = self._lanes.get(device_id)
        if cached is None or abs(now - cached.read_at) > _MAX_AGE:
            return False
        return cached.lane.is_idle(now, grace)

    def is_ready(self, device_id: int) -> bool:
        """Tell whether something waits for the device, and nothing is with it."""
        lane = self.get(device_id)
        return lane is not None and lane.in_flight is None and bool(lane.waiting)

    def start_read(self, device_ids: Iterable[int]) -> dict[int, CachedLane]:
        """
        Return what is known of these lanes, which are about to be read.

        What others tell from now on is newer.
        """
        cached_lanes = {}
        for device_id in device_ids:
            self._being_read.add(device_id)
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached_lanes[device_id] = cached
        return cached_lanes

    def on_notice(self, notice: ChangeNotice) -> None:
        """Believe nothing of the devices for which others have something."""
        self.invalidate(notice.waiting)
        if notice.everything:
            self.invalidate(list(self._lanes))

    def restore_transient_state(self, lane: Lane) -> None:
        """Add to a lane that was read what only memory has."""
        cached = self.get(lane.device_id)
        if lane.in_flight is not None and cached is not None and cached is not lane:
            lane.in_flight.carry_over(cached.in_flight)

    def put(
        self, lane: Lane, version: int | None, changed_commands: Mapping[int, Command]
    ) -> None:
        """
        Remember a lane that is as the database has it, where these *changed_commands*.
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

    def shift(self, jump: int) -> None:
        """Move what only memory has of flights along with a clock that jumped."""
        self.clock_jumps += 1
        for cached in self._lanes.values():
            cached.lane.shift_deadlines(jump)
            cached.version = None

    def invalidate(self, device_ids: Iterable[int]) -> None:
        """Note that these lanes may have changed: ask when one of them is wanted."""
        for device_id in device_ids:
            self.live_devices.add(device_id)
            self._being_read.discard(device_id)
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached.read_at = 0

    def roll_back(self, in_flight_before: Mapping[int, InFlight | None]) -> None:
        """
        Forget lanes that were changed in vain; these *in_flight_before* were there
        before.
        """
        self.invalidate(in_flight_before)
        for device_id, in_flight in in_flight_before.items():
            cached = self._lanes.get(device_id)
            if cached is not None:
                cached.lane.in_flight, cached.version = in_flight, None


def _update_held_in_flight(
    old: Lane, new: Lane, changed_commands: Mapping[int, Command]
) -> None:
    """Let whoever holds the old lane's flight see what becomes of it."""
    if old.in_flight is None:
        return
    command = old.in_flight.command
    old.in_flight.command = changed_commands.get(command.id, command)
    if new.in_flight is not None:
        new.in_flight = _merge_in_flight(old.in_flight, new.in_flight)


def _merge_in_flight(old: InFlight, new: InFlight) -> InFlight:
    """Return *old* if it is the same flight: somebody holds it, and counts on it."""
    if old.delivery.id != new.delivery.id:
        return new
    old.command, old.delivery = new.command, new.delivery
    old.written_at = new.written_at or old.written_at
    return old

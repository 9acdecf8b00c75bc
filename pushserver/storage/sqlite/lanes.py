"""The lanes in memory: what waits for whom, so that idle polls cost no statement.

They are loaded when the file is opened, changed by decisions whose changes are then
committed, and loaded again from the file when a commit fails.
"""

import heapq

from pushserver.model.lane import NEVER, Lane


class Lanes:
    """Every lane with something in it, and when the next needs looking after."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}
        self._alarms: list[tuple[int, int]] = []

    def get(self, device_id: int) -> Lane | None:
        """Return the lane if there is something in it."""
        return self._lanes.get(device_id)

    def open(self, device_id: int) -> Lane:
        """Return the lane, an empty one if need be."""
        lane = self._lanes.get(device_id)
        if lane is None:
            lane = self._lanes[device_id] = Lane(device_id)
        return lane

    def put(self, lane: Lane) -> None:
        """Replace what is known of a device; a flight that goes on stays the same."""
        old = self._lanes.get(lane.device_id)
        if lane.flight is not None and old is not None:
            lane.flight.go_on(old.flight)
        self._lanes[lane.device_id] = lane
        self.set_alarm(lane, lane.next_deadline())

    def set_alarm(self, lane: Lane, at: int) -> None:
        """Look after *lane* at *at*, if not before."""
        if at < lane.alarm:
            lane.alarm = at
            heapq.heappush(self._alarms, (at, lane.device_id))

    def overdue(self, now: int) -> list[int]:
        """Return the devices whose alarm has come; `settle` sets the next ones."""
        due = []
        while self._alarms and self._alarms[0][0] <= now:
            at, device_id = heapq.heappop(self._alarms)
            lane = self._lanes.get(device_id)
            if lane is not None and lane.alarm == at:
                lane.alarm = NEVER
                due.append(device_id)
        return due

    def settle(self, device_id: int) -> None:
        """After a round: see that a lane in use has an alarm, and forget others."""
        lane = self._lanes.get(device_id)
        if lane is None or lane.alarm != NEVER:
            return
        if lane.is_empty:
            del self._lanes[device_id]
        else:
            self.set_alarm(lane, lane.next_deadline())

    def shift(self, jump: int) -> None:
        """Move every deadline along with a wall clock that has jumped."""
        self._alarms.clear()
        for lane in self._lanes.values():
            lane.shift(jump)
            lane.alarm = NEVER
            self.set_alarm(lane, lane.next_deadline())

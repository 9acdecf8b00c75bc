"""The lanes in memory: what waits for whom, so that idle polls cost no statement.

They are loaded when the file is opened, changed by decisions whose changes are then
committed, and loaded again from the file when a commit fails.
"""

import heapq

from pushserver.model.lane import NEVER, Lane


class InMemoryLanes:
    """Every lane with something in it, and when the next needs looking after."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}
        self._timers: list[tuple[int, int]] = []

    def get(self, device_id: int) -> Lane | None:
        """Return the lane if there is something in it."""
        return self._lanes.get(device_id)

    def get_or_create(self, device_id: int) -> Lane:
        """Return the lane, an empty one if need be."""
        lane = self._lanes.get(device_id)
        if lane is None:
            lane = self._lanes[device_id] = Lane(device_id)
        return lane

    def replace(self, lane: Lane) -> None:
        """Replace what is known of a device; a flight that goes on stays the same."""
        old = self._lanes.get(lane.device_id)
        if lane.in_flight is not None and old is not None:
            lane.in_flight.carry_over(old.in_flight)
        self._lanes[lane.device_id] = lane
        self.set_timer(lane, lane.next_deadline_at())

    def set_timer(self, lane: Lane, at: int) -> None:
        """Look after *lane* at *at*, if not before."""
        if at < lane.wake_at:
            lane.wake_at = at
            heapq.heappush(self._timers, (at, lane.device_id))

    def pop_overdue(self, now: int) -> list[int]:
        """
        Return the devices whose alarm has come; `drop_or_reschedule` sets the next
        ones.
        """
        due = []
        while self._timers and self._timers[0][0] <= now:
            at, device_id = heapq.heappop(self._timers)
            lane = self._lanes.get(device_id)
            if lane is not None and lane.wake_at == at:
                lane.wake_at = NEVER
                due.append(device_id)
        return due

    def drop_or_reschedule(self, device_id: int) -> None:
        """After a round: see that a lane in use has an alarm, and forget others."""
        lane = self._lanes.get(device_id)
        if lane is None or lane.wake_at != NEVER:
            return
        if lane.is_empty:
            del self._lanes[device_id]
        else:
            self.set_timer(lane, lane.next_deadline_at())

    def shift_deadlines(self, jump: int) -> None:
        """Move every deadline along with a wall clock that has jumped."""
        self._timers.clear()
        for lane in self._lanes.values():
            lane.shift_deadlines(jump)
            lane.wake_at = NEVER
            self.set_timer(lane, lane.next_deadline_at())

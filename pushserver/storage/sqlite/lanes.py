"""Keeps the lanes in memory, so that idle polls cost no statement.

Lanes are loaded when the file is opened, and changed by decisions before their changes
are committed. When a commit fails, its lanes are loaded again.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial

from pushserver.model.command import Command
from pushserver.model.in_flight import NEVER
from pushserver.model.lane import Lane
from pushserver.storage.sql.lanes import load_lanes
from pushserver.storage.sqlite.connection import SqliteConnection

#: So many lanes are looked at in about a millisecond.
_PIECE = 500


class InMemoryLanes:
    """
    All lanes that are not empty (`by_device`), with timers for their next deadlines.

    Those of `stale_devices` must be read again: their last change failed.
    """

    def __init__(self) -> None:
        self.by_device: dict[int, Lane] = {}
        self.stale_devices: set[int] = set()
        self._timers: list[tuple[int, int]] = []

    def load(self, lanes: Iterable[Lane]) -> None:
        """Take what was read at the start."""
        for lane in lanes:
            self.by_device[lane.device_id] = lane
            lane.wake_at = lane.next_deadline_at()
            self._timers.append((lane.wake_at, lane.device_id))
        heapq.heapify(self._timers)

    async def in_pieces(self) -> AsyncIterator[Lane]:
        """Return all lanes; others have their turn after every few of them."""
        for number, lane in enumerate(list(self.by_device.values()), 1):
            yield lane
            if number % _PIECE == 0:
                await asyncio.sleep(0)

    async def reload_stale(
        self, connection: SqliteConnection, now: Callable[[], int]
    ) -> None:
        """Read the lanes of `stale_devices` again from the file."""
        for device_id in list(self.stale_devices):
            read = partial(load_lanes, device_ids=[device_id], now=now())
            lanes = await connection.run(read)
            self._replace(lanes.get(device_id) or Lane(device_id))
            self.stale_devices.discard(device_id)

    def _replace(self, lane: Lane) -> None:
        """Replace a device's lane; commands in flight keep their state in memory."""
        old = self.by_device.get(lane.device_id)
        for in_flight in lane.in_flights:
            in_flight.carry_over(() if old is None else old.in_flights)
        self.by_device[lane.device_id] = lane
        self._set_timer(lane, lane.next_deadline_at())

    def _set_timer(self, lane: Lane, at: int) -> None:
        """Set the timer of *lane* to *at*, unless it ends sooner."""
        if at < lane.wake_at:
            lane.wake_at = at
            heapq.heappush(self._timers, (at, lane.device_id))

    def pop_overdue(self, now: int) -> list[int]:
        """
        Return the devices whose timers have ended; `update` sets new ones.
        """
        due = []
        while self._timers and self._timers[0][0] <= now:
            at, device_id = heapq.heappop(self._timers)
            lane = self.by_device.get(device_id)
            if lane is not None and lane.wake_at == at:
                lane.wake_at = NEVER
                due.append(device_id)
        return due

    def update(
        self, lanes: Mapping[int, Lane], new_commands: Iterable[Command]
    ) -> None:
        """After a commit: set the timers of lanes in use, and drop empty lanes."""
        for command in new_commands:
            self._set_timer(lanes[command.device_id], command.expires_at)
        for lane in lanes.values():
            if lane.wake_at == NEVER and lane.is_empty:
                self.by_device.pop(lane.device_id, None)
            elif lane.wake_at == NEVER:
                self._set_timer(lane, lane.next_deadline_at())
            elif lane.in_flights:
                self._set_timer(lane, min(each.timeout_at for each in lane.in_flights))

    def move_schedules(self, jump: int, now: int) -> None:
        """Move what is scheduled after *now*: the wall clock made a *jump*."""
        self._timers.clear()
        for lane in self.by_device.values():
            lane.move_schedules(jump, now)
            lane.wake_at = NEVER
            self._set_timer(lane, lane.next_deadline_at())

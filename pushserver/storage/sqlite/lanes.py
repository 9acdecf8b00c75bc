"""The lanes in memory: what waits for whom, so that idle polls cost no statement.

They are loaded when the file is opened, changed by decisions whose changes are then
committed, and loaded again from the file when a commit fails.
"""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator

from pushserver.model.command import Command, HandOut
from pushserver.model.ids import first_id_at
from pushserver.model.lane import NEVER, Flight, Lane
from pushserver.model.state import State
from pushserver.storage.rows import (
    COMMAND,
    HAND_OUT,
    columns,
    command_from_row,
    hand_out_from_row,
    prefixed,
)
from pushserver.storage.sqlite.read import find_operation
from pushserver.storage.sqlite.shadows import Known, find_shadow

_LIVE = f"SELECT {COMMAND} FROM command WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
_OPEN = (
    f"SELECT {HAND_OUT} FROM delivery"
    " WHERE command_id = ? AND ended_at IS NULL ORDER BY id DESC LIMIT 1"
)
# What was given up without a uuid holds its endpoint back for a while.
_UNSURE = (
    f"SELECT {prefixed(COMMAND, 'command')}, {prefixed(HAND_OUT, 'delivery')}"
    " FROM delivery JOIN command ON command.id = delivery.command_id"
    " WHERE delivery.id >= ? AND delivery.outcome IN ('noAnswer', 'closed')"
    " AND delivery.uuid IS NULL AND command.response_timeout >"
    " ? - coalesce(delivery.delivered_at, delivery.sent_at)"
)
_DAY = 86_400_000_000


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


def load_all(connection: sqlite3.Connection, now: int) -> list[Lane]:
    """Read every lane that has something in it."""
    commands = map(command_from_row, connection.execute(_LIVE))
    return _lanes_of(connection, commands, _unsure(connection, now))


def load(connection: sqlite3.Connection, device_id: int, now: int) -> Lane:
    """Read one device's lane."""
    rows = connection.execute(f"{_LIVE} AND device_id = ?", (device_id,))
    unsure = _unsure(connection, now, device_id)
    lanes = _lanes_of(connection, map(command_from_row, rows), unsure)
    return lanes[0] if lanes else Lane(device_id)


def _lanes_of(
    connection: sqlite3.Connection,
    commands: Iterable[Command],
    unsure: Iterable[Flight],
) -> list[Lane]:
    lanes: dict[int, Lane] = {}
    services: Known = {}
    for command in sorted(commands, key=lambda c: c.queue_key):
        if command.operation_id is not None:
            command.operation = find_operation(connection, command.operation_id)
        if command.service_id is not None:
            command.shadow = find_shadow(connection, command, services)
        lane = lanes.setdefault(command.device_id, Lane(command.device_id))
        if command.state is State.PENDING:
            lane.waiting.append(command)
        else:
            lane.flight = _flight(connection, command)
    for flight in unsure:
        device_id = flight.command.device_id
        lanes.setdefault(device_id, Lane(device_id)).block(flight)
    return list(lanes.values())


def _flight(connection: sqlite3.Connection, command: Command) -> Flight:
    row = connection.execute(_OPEN, (command.id,)).fetchone()
    delivery = hand_out_from_row(row)
    return Flight(command, delivery, written_at=delivery.delivered_at)


def _unsure(
    connection: sqlite3.Connection, now: int, device_id: int | None = None
) -> Iterator[Flight]:
    split = columns(COMMAND)
    sql, values = _UNSURE, [first_id_at(now - _DAY), now]
    if device_id is not None:
        sql, values = f"{sql} AND delivery.device_id = ?", [*values, device_id]
    for row in connection.execute(sql, values):
        delivery: HandOut = hand_out_from_row(row[split:])
        command = command_from_row(row[:split])
        yield Flight(command, delivery, written_at=delivery.delivered_at)

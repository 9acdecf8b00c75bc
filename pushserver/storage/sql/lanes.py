"""Reading lanes: what waits for whom, what is in flight, what is held back."""

from collections.abc import Iterable, Iterator

from pushserver.model.command import Command, HandOut
from pushserver.model.ids import first_id_at
from pushserver.model.lane import Flight, Lane
from pushserver.model.state import State
from pushserver.storage.rows import (
    COMMAND,
    HAND_OUT,
    columns,
    command_from_row,
    hand_out_from_row,
    prefixed,
)
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.read import find_operation
from pushserver.storage.sql.shadows import Known, find_shadow

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


def load_all(connection: Connection, now: int) -> list[Lane]:
    """Read every lane that has something in it."""
    commands = map(command_from_row, connection.execute(_LIVE))
    return _lanes_of(connection, commands, _unsure(connection, now))


def load(connection: Connection, device_id: int, now: int) -> Lane:
    """Read one device's lane."""
    rows = connection.execute(f"{_LIVE} AND device_id = ?", (device_id,))
    unsure = _unsure(connection, now, device_id)
    lanes = _lanes_of(connection, map(command_from_row, rows), unsure)
    return lanes[0] if lanes else Lane(device_id)


def _lanes_of(
    connection: Connection,
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


def _flight(connection: Connection, command: Command) -> Flight:
    row = connection.execute(_OPEN, (command.id,)).fetchone()
    delivery = hand_out_from_row(row)
    return Flight(command, delivery, written_at=delivery.delivered_at)


def _unsure(
    connection: Connection, now: int, device_id: int | None = None
) -> Iterator[Flight]:
    split = columns(COMMAND)
    sql, values = _UNSURE, [first_id_at(now - _DAY), now]
    if device_id is not None:
        sql, values = f"{sql} AND delivery.device_id = ?", [*values, device_id]
    for row in connection.execute(sql, values):
        delivery: HandOut = hand_out_from_row(row[split:])
        command = command_from_row(row[:split])
        yield Flight(command, delivery, written_at=delivery.delivered_at)

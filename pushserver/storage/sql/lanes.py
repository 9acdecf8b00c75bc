"""Reading lanes: what waits for whom, what is in flight, what is held back."""

from collections.abc import Collection
from typing import Any

from pushserver.model.command import Command
from pushserver.model.ids import first_id_at
from pushserver.model.lane import Flight, Lane
from pushserver.model.state import State
from pushserver.storage.command_rows import (
    COMMAND,
    HAND_OUT,
    command_from_row,
    hand_out_from_row,
)
from pushserver.storage.rows import Row, columns, prefixed
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.read import part_of
from pushserver.storage.sql.shadows import Known, find_shadow
from pushserver.storage.sql.statement import padded
from pushserver.storage.tracking_rows import OPERATION, operation_from_row

_PAST = f"{prefixed(COMMAND, 'command')}, {prefixed(HAND_OUT, 'delivery')}"
# A command in flight has one open delivery; what waits has none.
_LIVE = (
    f"SELECT {_PAST}, {prefixed(OPERATION, 'operation')} FROM command"
    " LEFT JOIN delivery ON delivery.command_id = command.id"
    " AND delivery.ended_at IS NULL AND command.state <> 'PENDING'"
    " LEFT JOIN operation ON operation.id = command.operation_id"
    " WHERE command.state IN ('PENDING', 'SENT', 'DELIVERED')"
)
# What was given up without a uuid holds its endpoint back for a while.
_UNSURE = (
    f"SELECT {_PAST} FROM delivery JOIN command ON command.id = delivery.command_id"
    " WHERE delivery.id >= ? AND delivery.outcome IN ('noAnswer', 'closed')"
    " AND delivery.uuid IS NULL AND command.response_timeout >"
    " ? - coalesce(delivery.delivered_at, delivery.sent_at)"
)
_DAY = 86_400_000_000
#: Lanes by their devices.
Lanes = dict[int, Lane]
#: A condition, `{}` standing for the table, and its values.
Only = tuple[str, tuple[int, ...]]
# The index by state is each scope's: without one all that is over would be read, too.
_EVERY = " AND command.scope_id IN (SELECT id FROM scope)"
# Nearly all that waits follows nothing: to join nothing to it shortens a start.
_PLAIN = (
    f"SELECT {COMMAND} FROM command WHERE state = 'PENDING'"
    f" AND operation_id IS NULL AND service_id IS NULL{_EVERY}"
)
_OTHER: Only = (
    " AND (command.state <> 'PENDING' OR command.operation_id IS NOT NULL"
    f" OR command.service_id IS NOT NULL){_EVERY}",
    (),
)
_COMMAND = columns(COMMAND)
_HAND_OUT = _COMMAND + columns(HAND_OUT)


def load_all(connection: Connection, now: int) -> list[Lane]:
    """Read every lane that has something in it."""
    lanes: Lanes = {}
    plain = map(command_from_row, connection.execute(_PLAIN))
    for command in sorted(plain, key=lambda each: each.queue_key):
        _lane(lanes, command.device_id).insert(command)
    _read_live(connection, lanes, _OTHER)
    _read_unsure(connection, lanes, now, ("", ()))
    return list(lanes.values())


def load(
    connection: Connection,
    device_ids: Collection[int],
    now: int,
    unsure: Collection[int] | None = None,
) -> Lanes:
    """
    Read these devices' lanes; of those that are not returned there is nothing.

    Something may be held back for those that are *unsure*, None: for each.
    """
    lanes: Lanes = {}
    if device_ids:
        devices = device_ids if unsure is None else unsure
        _read_live(connection, lanes, _one_of("device_id", device_ids))
        _read_unsure(connection, lanes, now, _one_of("device_id", devices))
    return lanes


def load_again(
    connection: Connection, lanes: Lanes, command_ids: Collection[int], now: int
) -> None:
    """Complete *lanes*, which lack these commands alone."""
    _read_live(connection, lanes, _one_of("id", command_ids))
    _read_unsure(connection, lanes, now, _one_of("device_id", lanes))


def _one_of(column: str, ids: Collection[int]) -> Only | None:
    if not ids:
        return None
    values = padded(ids)
    return f" AND {{}}.{column} IN ({', '.join('?' * len(values))})", values


def _read_live(connection: Connection, lanes: Lanes, only: Only | None) -> None:
    """Put what waits and what is in flight into *lanes*."""
    if only is None:
        return
    services: Known = {}
    rows = connection.execute(f"{_LIVE}{only[0].format('command')}", only[1])
    found = ((_command(row), row) for row in rows)
    for command, row in sorted(found, key=lambda each: each[0].queue_key):
        if command.operation is not None:
            command.operation.upgrade = part_of(connection, command.operation)
        if command.service_id is not None:
            command.shadow = find_shadow(connection, command, services)
        lane = _lane(lanes, command.device_id)
        if command.state is State.PENDING:
            lane.insert(command)
        else:
            lane.flight = _flight(command, row)


def _read_unsure(
    connection: Connection, lanes: Lanes, now: int, only: Only | None
) -> None:
    """Put what is held back into *lanes*."""
    if only is None:
        return
    asked = (first_id_at(now - _DAY), now, *only[1])
    rows = connection.execute(f"{_UNSURE}{only[0].format('delivery')}", asked)
    for row in rows:
        flight = _flight(command_from_row(row[:_COMMAND]), row)
        _lane(lanes, flight.command.device_id).block(flight)


def _lane(lanes: Lanes, device_id: int) -> Lane:
    lane = lanes.get(device_id)
    if lane is None:
        lane = lanes[device_id] = Lane(device_id)
    return lane


def _command(row: Row) -> Command:
    command: Command = command_from_row(row[:_COMMAND])
    operation: Any = row[_HAND_OUT:]
    if operation[0] is not None:
        command.operation = operation_from_row(operation)
    return command


def _flight(command: Command, row: Row) -> Flight:
    delivery = hand_out_from_row(row[_COMMAND:_HAND_OUT])
    return Flight(command, delivery, written_at=delivery.delivered_at)

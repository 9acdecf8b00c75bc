"""Reading lanes: what waits for whom, what is in flight, what is held back."""

from collections.abc import Collection
from typing import Any

from pushserver.model.command import Command
from pushserver.model.ids import first_id_at
from pushserver.model.lane import InFlight, Lane
from pushserver.model.state import CommandState
from pushserver.storage.command_rows import (
    COMMAND_COLUMNS,
    DELIVERY_COLUMNS,
    command_from_row,
    delivery_from_row,
)
from pushserver.storage.operation_rows import OPERATION_COLUMNS, operation_from_row
from pushserver.storage.rows import Row, count_columns, qualified
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.command_queries import find_device_upgrade
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.shadows import ServiceCache, find_service

_COMMAND_AND_DELIVERY = (
    f"{qualified(COMMAND_COLUMNS, 'command')},"
    f" {qualified(DELIVERY_COLUMNS, 'delivery')}"
)
# A command in flight has one open delivery; what waits has none.
_LIVE = (
    f"SELECT {_COMMAND_AND_DELIVERY}, {qualified(OPERATION_COLUMNS, 'operation')}"
    " FROM command"
    " LEFT JOIN delivery ON delivery.command_id = command.id"
    " AND delivery.ended_at IS NULL AND command.state <> 'PENDING'"
    " LEFT JOIN operation ON operation.id = command.operation_id"
    " WHERE command.state IN ('PENDING', 'SENT', 'DELIVERED')"
)
# What was given up without a uuid holds its endpoint back for a while.
_SELECT_BLOCKING = (
    f"SELECT {_COMMAND_AND_DELIVERY} FROM delivery JOIN command ON command.id ="
    " delivery.command_id"
    " WHERE delivery.id >= ? AND delivery.outcome IN ('noAnswer', 'closed')"
    " AND delivery.uuid IS NULL AND command.response_timeout >"
    " ? - coalesce(delivery.delivered_at, delivery.sent_at)"
)
_LOOKBACK = 86_400_000_000
#: Lanes by their devices.
LanesByDevice = dict[int, Lane]
#: A condition, `{}` standing for the table, and its values.
Condition = tuple[str, tuple[int, ...]]
# The index by state is each scope's: without one all that is over would be read, too.
_ANY_SCOPE = " AND command.scope_id IN (SELECT id FROM scope)"
# Nearly all that waits follows nothing: to join nothing to it shortens a start.
_SELECT_PLAIN = (
    f"SELECT {COMMAND_COLUMNS} FROM command WHERE state = 'PENDING'"
    f" AND operation_id IS NULL AND service_id IS NULL{_ANY_SCOPE}"
)
_NOT_PLAIN: Condition = (
    " AND (command.state <> 'PENDING' OR command.operation_id IS NOT NULL"
    f" OR command.service_id IS NOT NULL){_ANY_SCOPE}",
    (),
)
_DELIVERY_OFFSET = count_columns(COMMAND_COLUMNS)
_OPERATION_OFFSET = _DELIVERY_OFFSET + count_columns(DELIVERY_COLUMNS)


def load_all_lanes(connection: SqlConnection, now: int) -> list[Lane]:
    """Read every lane that has something in it."""
    lanes: LanesByDevice = {}
    plain = map(command_from_row, connection.execute(_SELECT_PLAIN))
    for command in sorted(plain, key=lambda each: each.queue_key):
        _get_or_create(lanes, command.device_id).insert(command)
    _read_live(connection, lanes, _NOT_PLAIN)
    _read_blocked(connection, lanes, now, ("", ()))
    return list(lanes.values())


def load_lanes(
    connection: SqlConnection,
    device_ids: Collection[int],
    now: int,
    maybe_blocked: Collection[int] | None = None,
) -> LanesByDevice:
    """
    Read these devices' lanes; of those that are not returned there is nothing.

    Something may be held back for those that are *maybe_blocked*, None: for each.
    """
    lanes: LanesByDevice = {}
    if device_ids:
        devices = device_ids if maybe_blocked is None else maybe_blocked
        _read_live(connection, lanes, _is_one_of("device_id", device_ids))
        _read_blocked(connection, lanes, now, _is_one_of("device_id", devices))
    return lanes


def complete_lanes(
    connection: SqlConnection,
    lanes: LanesByDevice,
    command_ids: Collection[int],
    now: int,
) -> None:
    """Complete *lanes*, which lack these commands alone."""
    _read_live(connection, lanes, _is_one_of("id", command_ids))
    _read_blocked(connection, lanes, now, _is_one_of("device_id", lanes))


def _is_one_of(column: str, ids: Collection[int]) -> Condition | None:
    if not ids:
        return None
    values = pad_ids(ids)
    return f" AND {{}}.{column} IN ({', '.join('?' * len(values))})", values


def _read_live(
    connection: SqlConnection, lanes: LanesByDevice, condition: Condition | None
) -> None:
    """Put what waits and what is in flight into *lanes*."""
    if condition is None:
        return
    services: ServiceCache = {}
    rows = connection.execute(f"{_LIVE}{condition[0].format('command')}", condition[1])
    found = ((_command_from_joined(row), row) for row in rows)
    for command, row in sorted(found, key=lambda each: each[0].queue_key):
        if command.operation is not None:
            command.operation.device_upgrade = find_device_upgrade(
                connection, command.operation
            )
        if command.service_id is not None:
            command.service = find_service(connection, command, services)
        lane = _get_or_create(lanes, command.device_id)
        if command.state is CommandState.PENDING:
            lane.insert(command)
        else:
            lane.in_flight = _in_flight_from_joined(command, row)


def _read_blocked(
    connection: SqlConnection,
    lanes: LanesByDevice,
    now: int,
    condition: Condition | None,
) -> None:
    """Put what is held back into *lanes*."""
    if condition is None:
        return
    values = (first_id_at(now - _LOOKBACK), now, *condition[1])
    rows = connection.execute(
        f"{_SELECT_BLOCKING}{condition[0].format('delivery')}", values
    )
    for row in rows:
        in_flight = _in_flight_from_joined(
            command_from_row(row[:_DELIVERY_OFFSET]), row
        )
        _get_or_create(lanes, in_flight.command.device_id).block_endpoint(in_flight)


def _get_or_create(lanes: LanesByDevice, device_id: int) -> Lane:
    lane = lanes.get(device_id)
    if lane is None:
        lane = lanes[device_id] = Lane(device_id)
    return lane


def _command_from_joined(row: Row) -> Command:
    command: Command = command_from_row(row[:_DELIVERY_OFFSET])
    operation: Any = row[_OPERATION_OFFSET:]
    if operation[0] is not None:
        command.operation = operation_from_row(operation)
    return command


def _in_flight_from_joined(command: Command, row: Row) -> InFlight:
    delivery = delivery_from_row(row[_DELIVERY_OFFSET:_OPERATION_OFFSET])
    return InFlight(command, delivery, written_at=delivery.delivered_at)

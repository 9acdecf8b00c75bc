"""Reads lanes: the live commands of devices, and their blocked endpoints."""

from collections.abc import Collection

from pushserver.model.command import Command, Delivery
from pushserver.model.ids import first_id_at
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.storage.command_rows import (
    COMMANDS,
    COMMANDS_WITH_DELIVERIES,
    DELIVERIES,
)
from pushserver.storage.operation_rows import OPERATIONS
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.conditions import (
    BLOCKING_LOOKBACK,
    BLOCKS_ENDPOINT,
    IS_IN_FLIGHT,
    IS_LIVE,
    IS_WAITING,
)
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.operations import attach_device_upgrades
from pushserver.storage.table import Join

# A command in flight has one open delivery, a waiting one has none.
_LIVE_COLUMNS = Join.of(COMMANDS, DELIVERIES, OPERATIONS)
_SELECT_LIVE = (
    f"SELECT {_LIVE_COLUMNS.column_list} FROM command"
    " LEFT JOIN delivery ON delivery.command_id = command.id"
    f" AND delivery.ended_at IS NULL AND command.{IS_IN_FLIGHT}"
    " LEFT JOIN operation ON operation.id = command.operation_id"
    f" WHERE command.{IS_LIVE}"
)
_SELECT_BLOCKING = (
    f"SELECT {COMMANDS_WITH_DELIVERIES.column_list}"
    " FROM delivery JOIN command ON command.id = delivery.command_id"
    f" WHERE delivery.id >= ? AND {BLOCKS_ENDPOINT} AND command.response_timeout >"
    " ? - coalesce(delivery.busy_until, delivery.delivered_at, delivery.sent_at)"
)
#: Lanes by device id.
LanesByDevice = dict[int, Lane]
#: A condition with `{}` for the table, and its values.
Condition = tuple[str, tuple[int, ...]]
# The index on the state begins with the scope: without a scope, all finished commands
# would be read.
_ANY_SCOPE = " AND command.scope_id IN (SELECT id FROM scope)"
# Nearly all waiting commands belong to no operation and no service: without joins, the
# start is faster.
_SELECT_PLAIN = (
    f"SELECT {COMMANDS.column_list} FROM command WHERE {IS_WAITING}"
    f" AND operation_id IS NULL AND service_id IS NULL{_ANY_SCOPE}"
)
_NOT_PLAIN: Condition = (
    f" AND (NOT command.{IS_WAITING} OR command.operation_id IS NOT NULL"
    f" OR command.service_id IS NOT NULL){_ANY_SCOPE}",
    (),
)


def load_all_lanes(connection: SqlConnection, now: int) -> list[Lane]:
    """Read every lane that is not empty."""
    lanes: LanesByDevice = {}
    plain = map(COMMANDS.read, connection.execute(_SELECT_PLAIN))
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
    Read these devices' lanes; empty ones are left out.

    Only those *maybe_blocked* may have a blocked endpoint; None: any of them.
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
    """Add the commands that *lanes* lack, and their blocked endpoints."""
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
    """Add live commands to *lanes*."""
    if condition is None:
        return
    sql = _SELECT_LIVE + condition[0].format("command")
    found = map(_LIVE_COLUMNS.read, connection.execute(sql, condition[1]))
    rows = sorted(found, key=lambda row: row[0].queue_key)
    attach_device_upgrades(connection, filter(None, (row[2] for row in rows)))
    for command, delivery, operation in rows:
        if operation is not None:
            command.operation = operation
        lane = _get_or_create(lanes, command.device_id)
        if command.state is CommandState.PENDING:
            lane.insert(command)
        else:
            lane.add_in_flight(_in_flight(command, delivery))


def _read_blocked(
    connection: SqlConnection,
    lanes: LanesByDevice,
    now: int,
    condition: Condition | None,
) -> None:
    """Add blocked endpoints to *lanes*."""
    if condition is None:
        return
    values = (first_id_at(now - BLOCKING_LOOKBACK), now, *condition[1])
    sql = _SELECT_BLOCKING + condition[0].format("delivery")
    for row in connection.execute(sql, values):
        command, delivery = COMMANDS_WITH_DELIVERIES.read(row)
        lane = _get_or_create(lanes, command.device_id)
        lane.block_endpoint(_in_flight(command, delivery))


def _get_or_create(lanes: LanesByDevice, device_id: int) -> Lane:
    lane = lanes.get(device_id)
    if lane is None:
        lane = lanes[device_id] = Lane(device_id)
    return lane


def _in_flight(command: Command, delivery: Delivery) -> InFlight:
    return InFlight(command, delivery, written_at=delivery.delivered_at)

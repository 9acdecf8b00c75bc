"""Reading what was kept, on connections that cannot write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pushserver.model.command import Command, Delivery, Order, Result
from pushserver.model.ids import MAX_INT64, first_id_at
from pushserver.model.operation import Operation
from pushserver.model.state import CommandState
from pushserver.model.upgrade import DeviceUpgrade
from pushserver.storage.command_rows import (
    COMMAND_COLUMNS,
    DELIVERY_COLUMNS,
    ORDER_COLUMNS,
    RESULT_COLUMNS,
    command_from_row,
    delivery_from_row,
    order_from_row,
    result_from_row,
)
from pushserver.storage.history import CommandFilter, CommandRecord
from pushserver.storage.operation_rows import OPERATION_COLUMNS, operation_from_row
from pushserver.storage.rows import count_columns, qualified
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.upgrade_rows import (
    DEVICE_UPGRADE_COLUMNS,
    UPGRADE_COLUMNS,
    device_upgrade_from_row,
    upgrade_from_row,
)

T = TypeVar("T")

#: Ids may run ahead of a wall clock that was set back; by more than this, hardly.
_CLOCK_TOLERANCE = 86_400_000_000
#: A page ends early when its bodies have grown to this many bytes.
PAGE_BYTES = 8 * 1024 * 1024

_FULL = f"{COMMAND_COLUMNS}, {ORDER_COLUMNS}"
_DELIVERIES = (
    f"SELECT {DELIVERY_COLUMNS} FROM delivery WHERE command_id = ? ORDER BY id"
)
_RESULT_BY_ID = f"SELECT {RESULT_COLUMNS} FROM result WHERE id = ?"
_RESULT_OF = (
    f"SELECT {qualified(RESULT_COLUMNS, 'result')} FROM command"
    " JOIN result ON result.id = command.result_id"
    " WHERE command.id = ? AND command.scope_id = ?"
)
_SELECT_DEVICE_UPGRADE = (
    f"SELECT {qualified(UPGRADE_COLUMNS, 'upgrade')},"
    f" {qualified(DEVICE_UPGRADE_COLUMNS, 'part')} FROM upgrade"
    " LEFT JOIN device_upgrade AS part ON part.operation_id = ? WHERE task_id = ?"
)


def find_order(connection: SqlConnection, command_id: int) -> Order:
    """Return what a command orders."""
    sql = f"SELECT {ORDER_COLUMNS} FROM command WHERE id = ?"
    return order_from_row(connection.execute(sql, (command_id,)).fetchone())


def find_command(
    connection: SqlConnection, scope_id: int, command_id: int
) -> CommandRecord | None:
    """Return one command with its deliveries and its result."""
    sql = f"SELECT {_FULL} FROM command WHERE id = ? AND scope_id = ?"
    row = connection.execute(sql, (command_id, scope_id)).fetchone()
    return None if row is None else _record(connection, row)


def find_operation(
    connection: SqlConnection, operation_id: int, scope_id: int | None = None
) -> Operation | None:
    """Return one operation, of this scope or of any, with its part of an upgrade."""
    sql, values = (
        f"SELECT {OPERATION_COLUMNS} FROM operation WHERE id = ?",
        [operation_id],
    )
    if scope_id is not None:
        sql, values = f"{sql} AND scope_id = ?", [*values, scope_id]
    row = connection.execute(sql, values).fetchone()
    if row is None:
        return None
    operation = operation_from_row(row)
    operation.device_upgrade = find_device_upgrade(connection, operation)
    return operation


def find_device_upgrade(
    connection: SqlConnection, operation: Operation
) -> DeviceUpgrade | None:
    """Return the operation's part of an upgrade."""
    if operation.task_id is None:
        return None
    row = connection.execute(
        _SELECT_DEVICE_UPGRADE, (operation.id, operation.task_id)
    ).fetchone()
    if row is None:
        return None
    split = count_columns(UPGRADE_COLUMNS)
    return device_upgrade_from_row(upgrade_from_row(row[:split]), row[split:])


def find_result(
    connection: SqlConnection, scope_id: int, command_id: int
) -> Result | None:
    """Return the result that ended the command."""
    row = connection.execute(_RESULT_OF, (command_id, scope_id)).fetchone()
    return None if row is None else result_from_row(row)


def list_commands(
    connection: SqlConnection,
    scope_id: int,
    criteria: CommandFilter,
    *,
    before: int | None,
    limit: int,
) -> Sequence[CommandRecord]:
    """Return a page of commands, newest first."""
    sql, values = _page_query(connection, scope_id, criteria, before, limit)
    rows = connection.execute(sql, values).fetchall()
    return list(_limit_bytes((_record(connection, row) for row in rows), _body_size))


def _page_query(
    connection: SqlConnection,
    scope_id: int,
    criteria: CommandFilter,
    before: int | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """
    Make the statement: for each state asked for a piece in order, then the merge.

    `state IN (…)` would read and sort every row of those states.
    """
    subqueries, values = [], []
    states: list[CommandState | None] = [*sorted(criteria.states)] or [None]
    for state in states:
        index_columns = _narrowest_index(scope_id, criteria, state)
        index_range = IndexRange(
            connection, index_columns, *_id_range(criteria, before)
        )
        where, parameters = _conditions(index_range, scope_id, criteria, state)
        subqueries.append(
            f"SELECT * FROM (SELECT {_FULL} FROM command WHERE {where}"
            f" ORDER BY {index_range.order_newest_first} LIMIT ?) AS page"
        )
        values += [*parameters, limit]
    return " UNION ALL ".join(subqueries) + " ORDER BY 1 DESC LIMIT ?", [*values, limit]


def _id_range(criteria: CommandFilter, before: int | None) -> tuple[int, int]:
    """Return between which ids to look: they grow with time, so times are ids."""
    after, until = criteria.created_after, criteria.created_before
    above = -1 if after is None else first_id_at(after) - 1
    below = MAX_INT64 if until is None else first_id_at(until + _CLOCK_TOLERANCE)
    return above, below if before is None else min(before, below)


def _narrowest_index(
    scope_id: int, criteria: CommandFilter, state: CommandState | None
) -> Mapping[str, Any]:
    """Return by which index there are the fewest rows: most commands are SUCCESSFUL."""
    if criteria.operation_id is not None:
        return {"operation_id": criteria.operation_id}
    if criteria.device_id is not None:
        return {"device_id": criteria.device_id}
    is_rare = (
        criteria.endpoint is None or CommandState.SUCCESSFUL not in criteria.states
    )
    if state is not None and is_rare:
        return {"scope_id": scope_id, "state": state.value}
    if criteria.endpoint is not None:
        return {"scope_id": scope_id, "endpoint": criteria.endpoint}
    return {"scope_id": scope_id}


def _conditions(
    index_range: IndexRange,
    scope_id: int,
    criteria: CommandFilter,
    state: CommandState | None,
) -> tuple[str, list[Any]]:
    """Return all conditions on a piece."""
    extra, values = index_range.filter_without_index(
        {
            "scope_id": scope_id,
            "state": state and state.value,
            "device_id": criteria.device_id,
            "operation_id": criteria.operation_id,
            "endpoint": criteria.endpoint,
        }
    )
    times = (
        (" AND created_at > ?", criteria.created_after),
        (" AND created_at < ?", criteria.created_before),
    )
    time_conditions = [(sql, value) for sql, value in times if value is not None]
    where = index_range.condition + extra + "".join(sql for sql, _ in time_conditions)
    if criteria.operation_id is not None:
        where += " AND operation_id IS NOT NULL"  # as the index has it
    return where, [
        *index_range.parameters,
        *values,
        *(value for _, value in time_conditions),
    ]


def list_results(
    connection: SqlConnection,
    scope_id: int,
    *,
    after: int,
    before: int,
    limit: int,
    device_id: int | None,
    orphan: bool | None,
) -> Sequence[Result]:
    """Return a page of results in the order they came, with ids below *before*."""
    equal_to = {"scope_id": scope_id} if device_id is None else {"device_id": device_id}
    index_range = IndexRange(connection, equal_to, after, before)
    extra, values = index_range.filter_without_index({"scope_id": scope_id})
    if orphan is not None:
        extra += f" AND command_id IS {'' if orphan else 'NOT '}NULL"
    sql = (
        f"SELECT {RESULT_COLUMNS} FROM result WHERE {index_range.condition}{extra}"
        f" ORDER BY {index_range.order_oldest_first} LIMIT ?"
    )
    rows = connection.execute(sql, (*index_range.parameters, *values, limit))
    return list(_limit_bytes(map(result_from_row, rows), lambda r: len(r.body)))


def _record(connection: SqlConnection, row: Sequence[Any]) -> CommandRecord:
    command: Command = command_from_row(row)
    command.order = order_from_row(row[count_columns(COMMAND_COLUMNS) :])
    found = connection.execute(_DELIVERIES, (command.id,))
    deliveries: tuple[Delivery, ...] = tuple(map(delivery_from_row, found))
    result = None
    if command.result_id is not None:
        found = connection.execute(_RESULT_BY_ID, (command.result_id,)).fetchone()
        result = None if found is None else result_from_row(found)
    return CommandRecord(command=command, deliveries=deliveries, result=result)


def _body_size(record: CommandRecord) -> int:
    body = record.command.order.body if record.command.order else None
    result = record.result.body if record.result else b""
    return len(body or "") + len(result)


def _limit_bytes(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[T]:
    """Pass on the first item, and more until they grow too heavy together."""
    total = 0
    for item in items:
        total += size_of(item)
        if total > PAGE_BYTES and total > size_of(item):
            return
        yield item

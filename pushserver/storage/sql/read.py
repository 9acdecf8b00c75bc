"""Reading what was kept, on connections that cannot write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pushserver.model.command import Command, HandOut, Order, Result
from pushserver.model.ids import MAX_INT64, first_id_at
from pushserver.model.operation import Operation
from pushserver.model.state import State
from pushserver.model.upgrade import Part
from pushserver.storage.command_rows import (
    COMMAND,
    HAND_OUT,
    ORDER,
    RESULT,
    command_from_row,
    hand_out_from_row,
    order_from_row,
    result_from_row,
)
from pushserver.storage.listing import CommandFilter, CommandRecord
from pushserver.storage.rows import columns, prefixed
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.stretch import Stretch
from pushserver.storage.tracking_rows import OPERATION, operation_from_row
from pushserver.storage.upgrade_rows import (
    PART,
    UPGRADE,
    part_from_row,
    upgrade_from_row,
)

T = TypeVar("T")

#: Ids may run ahead of a wall clock that was set back; by more than this, hardly.
_DAY = 86_400_000_000
#: A page ends early when its bodies have grown to this many bytes.
PAGE_BYTES = 8 * 1024 * 1024

_FULL = f"{COMMAND}, {ORDER}"
_DELIVERIES = f"SELECT {HAND_OUT} FROM delivery WHERE command_id = ? ORDER BY id"
_RESULT_BY_ID = f"SELECT {RESULT} FROM result WHERE id = ?"
_RESULT_OF = (
    f"SELECT {prefixed(RESULT, 'result')} FROM command"
    " JOIN result ON result.id = command.result_id"
    " WHERE command.id = ? AND command.scope_id = ?"
)
_PART_OF = (
    f"SELECT {prefixed(UPGRADE, 'upgrade')}, {prefixed(PART, 'part')} FROM upgrade"
    " LEFT JOIN upgrade_part AS part ON part.operation_id = ? WHERE task_id = ?"
)


def find_order(connection: Connection, command_id: int) -> Order:
    """Return what a command orders."""
    sql = f"SELECT {ORDER} FROM command WHERE id = ?"
    return order_from_row(connection.execute(sql, (command_id,)).fetchone())


def find_command(
    connection: Connection, scope_id: int, command_id: int
) -> CommandRecord | None:
    """Return one command with its deliveries and its result."""
    sql = f"SELECT {_FULL} FROM command WHERE id = ? AND scope_id = ?"
    row = connection.execute(sql, (command_id, scope_id)).fetchone()
    return None if row is None else _record(connection, row)


def find_operation(
    connection: Connection, operation_id: int, scope_id: int | None = None
) -> Operation | None:
    """Return one operation, of this scope or of any, with its part of an upgrade."""
    sql, values = f"SELECT {OPERATION} FROM operation WHERE id = ?", [operation_id]
    if scope_id is not None:
        sql, values = f"{sql} AND scope_id = ?", [*values, scope_id]
    row = connection.execute(sql, values).fetchone()
    if row is None:
        return None
    operation = operation_from_row(row)
    operation.upgrade = part_of(connection, operation)
    return operation


def part_of(connection: Connection, operation: Operation) -> Part | None:
    """Return the operation's part of an upgrade."""
    if operation.task_id is None:
        return None
    row = connection.execute(_PART_OF, (operation.id, operation.task_id)).fetchone()
    if row is None:
        return None
    split = columns(UPGRADE)
    return part_from_row(upgrade_from_row(row[:split]), row[split:])


def find_result(
    connection: Connection, scope_id: int, command_id: int
) -> Result | None:
    """Return the result that ended the command."""
    row = connection.execute(_RESULT_OF, (command_id, scope_id)).fetchone()
    return None if row is None else result_from_row(row)


def list_commands(
    connection: Connection,
    scope_id: int,
    wanted: CommandFilter,
    *,
    before: int | None,
    limit: int,
) -> Sequence[CommandRecord]:
    """Return a page of commands, newest first."""
    sql, values = _page(connection, scope_id, wanted, before, limit)
    rows = connection.execute(sql, values).fetchall()
    return list(_bounded((_record(connection, row) for row in rows), _weight))


def _page(
    connection: Connection,
    scope_id: int,
    wanted: CommandFilter,
    before: int | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """
    Make the statement: for each state asked for a piece in order, then the merge.

    `state IN (…)` would read and sort every row of those states.
    """
    pieces, values = [], []
    states: list[State | None] = [*sorted(wanted.states)] or [None]
    for state in states:
        fewest = _fewest(scope_id, wanted, state)
        part = Stretch(connection, fewest, *_ids(wanted, before))
        where, others = _conditions(part, scope_id, wanted, state)
        pieces.append(
            f"SELECT * FROM (SELECT {_FULL} FROM command WHERE {where}"
            f" ORDER BY {part.newest_first} LIMIT ?) AS page"
        )
        values += [*others, limit]
    return " UNION ALL ".join(pieces) + " ORDER BY 1 DESC LIMIT ?", [*values, limit]


def _ids(wanted: CommandFilter, before: int | None) -> tuple[int, int]:
    """Return between which ids to look: they grow with time, so times are ids."""
    after, until = wanted.created_after, wanted.created_before
    above = -1 if after is None else first_id_at(after) - 1
    below = MAX_INT64 if until is None else first_id_at(until + _DAY)
    return above, below if before is None else min(before, below)


def _fewest(
    scope_id: int, wanted: CommandFilter, state: State | None
) -> Mapping[str, Any]:
    """Return by which index there are the fewest rows: most commands are SUCCESSFUL."""
    if wanted.operation_id is not None:
        return {"operation_id": wanted.operation_id}
    if wanted.device_id is not None:
        return {"device_id": wanted.device_id}
    is_rare = wanted.endpoint is None or State.SUCCESSFUL not in wanted.states
    if state is not None and is_rare:
        return {"scope_id": scope_id, "state": state.value}
    if wanted.endpoint is not None:
        return {"scope_id": scope_id, "endpoint": wanted.endpoint}
    return {"scope_id": scope_id}


def _conditions(
    part: Stretch, scope_id: int, wanted: CommandFilter, state: State | None
) -> tuple[str, list[Any]]:
    """Return all conditions on a piece."""
    others, values = part.others(
        {
            "scope_id": scope_id,
            "state": state and state.value,
            "device_id": wanted.device_id,
            "operation_id": wanted.operation_id,
            "endpoint": wanted.endpoint,
        }
    )
    times = (
        (" AND created_at > ?", wanted.created_after),
        (" AND created_at < ?", wanted.created_before),
    )
    given = [(sql, value) for sql, value in times if value is not None]
    where = part.sql + others + "".join(sql for sql, _ in given)
    if wanted.operation_id is not None:
        where += " AND operation_id IS NOT NULL"  # as the index has it
    return where, [*part.bounds, *values, *(value for _, value in given)]


def list_results(
    connection: Connection,
    scope_id: int,
    *,
    after: int,
    before: int,
    limit: int,
    device_id: int | None,
    orphan: bool | None,
) -> Sequence[Result]:
    """Return a page of results in the order they came, with ids below *before*."""
    whose = {"scope_id": scope_id} if device_id is None else {"device_id": device_id}
    part = Stretch(connection, whose, after, before)
    others, values = part.others({"scope_id": scope_id})
    if orphan is not None:
        others += f" AND command_id IS {'' if orphan else 'NOT '}NULL"
    sql = (
        f"SELECT {RESULT} FROM result WHERE {part.sql}{others}"
        f" ORDER BY {part.oldest_first} LIMIT ?"
    )
    rows = connection.execute(sql, (*part.bounds, *values, limit))
    return list(_bounded(map(result_from_row, rows), lambda r: len(r.body)))


def _record(connection: Connection, row: Sequence[Any]) -> CommandRecord:
    command: Command = command_from_row(row)
    command.order = order_from_row(row[columns(COMMAND) :])
    found = connection.execute(_DELIVERIES, (command.id,))
    deliveries: tuple[HandOut, ...] = tuple(map(hand_out_from_row, found))
    result = None
    if command.result_id is not None:
        found = connection.execute(_RESULT_BY_ID, (command.result_id,)).fetchone()
        result = None if found is None else result_from_row(found)
    return CommandRecord(command=command, deliveries=deliveries, result=result)


def _weight(record: CommandRecord) -> int:
    body = record.command.order.body if record.command.order else None
    result = record.result.body if record.result else b""
    return len(body or "") + len(result)


def _bounded(items: Iterable[T], weigh: Callable[[T], int]) -> Iterator[T]:
    """Pass on the first item, and more until they grow too heavy together."""
    total = 0
    for item in items:
        total += weigh(item)
        if total > PAGE_BYTES and total > weigh(item):
            return
        yield item

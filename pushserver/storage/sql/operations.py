"""Reads operations and their steps."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs

from pushserver.model.command_request import Step
from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Operation
from pushserver.model.state import CommandState
from pushserver.storage.operation_rows import OPERATIONS, STEPS
from pushserver.storage.operations import (
    DueStep,
    OperationFilter,
    PageRequest,
    SortField,
    StepRecord,
)
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.conditions import is_of_device
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all, fetch_value
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.ordering import order_by
from pushserver.storage.table import Join, Row
from pushserver.storage.upgrade_rows import (
    DEVICE_UPGRADES,
    UPGRADES,
    read_device_upgrade,
)

_SELECT = f"SELECT {OPERATIONS.column_list} FROM operation WHERE"
_SELECT_STEP = f"SELECT {STEPS.column_list} FROM step WHERE owner_id = ? AND number = ?"
_SELECT_STEP_RECORDS = (
    f"SELECT {STEPS.qualified.replace('step.body,', 'NULL,')},"
    " command.id, command.state FROM step LEFT JOIN command"
    " ON command.operation_id = ? AND command.step = step.number"
    " WHERE step.owner_id = ? ORDER BY step.number, command.id"
)
_SELECT_DUE_STEPS = (
    "SELECT id, device_id, coalesce(task_id, id), queued_steps, created_by"
    " FROM operation"
    " WHERE status = 'RUNNING' AND queued_steps = done_steps AND done_steps > 0"
    " AND done_steps < step_count"
    " ORDER BY id LIMIT ?"
)
_COUNT_WITHOUT_STEPS = (
    "SELECT count(*) FROM (SELECT 1 FROM operation"
    " WHERE scope_id = ? AND status = 'RUNNING' AND step_count = 0 LIMIT ?) AS counted"
)
_DEVICE_UPGRADE_COLUMNS = Join.of(UPGRADES, DEVICE_UPGRADES.aliased("part"))
_SELECT_DEVICE_UPGRADES = (
    f"SELECT operation.id, {_DEVICE_UPGRADE_COLUMNS.column_list} FROM operation"
    " JOIN upgrade ON upgrade.task_id = operation.task_id"
    f" LEFT JOIN {DEVICE_UPGRADES.name} AS part ON part.operation_id = operation.id"
    " WHERE operation.id IN ({})"
)
#: The most operations in one statement.
_MAX_LOOKUPS = 256
#: Ids grow with creation time. A waiting operation counts as started when created.
_SORT_EXPRESSIONS = {
    SortField.CREATED: "id",
    SortField.STARTED: "coalesce(started_at, created_at)",
}
#: Narrowest first.
_INDEXES = (
    ("task_id", "retried", "status"),
    ("task_id",),
    ("device_id",),
    ("created_by",),
    ("scope_id", "status"),
    ("scope_id",),
)


@attrs.frozen
class SqlOperations:
    """Implements `OperationStore`."""

    reader: SqlReader
    background_reader: SqlReader

    async def find_operation(
        self, scope_id: int, operation_id: int
    ) -> Operation | None:
        return await self.reader.run(
            lambda c: find_operation(c, operation_id, scope_id)
        )

    async def operations(
        self,
        scope_id: int,
        criteria: OperationFilter,
        *,
        before: int | None,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[Operation]:
        columns = _column_values(scope_id, criteria)
        below = MAX_INT64 if before is None else before
        # As the indexes have it.
        extra = "" if criteria.task_id is None else " AND task_id IS NOT NULL"

        def read(connection: SqlConnection) -> list[Operation]:
            index_range = IndexRange(connection, columns, _INDEXES, below=below)
            of_device, ids = is_of_device(connection, device_ids)
            rows = connection.execute(
                f"{_SELECT} {index_range.condition}{extra}{of_device}"
                f" ORDER BY {index_range.order_newest_first} LIMIT ?",
                (*index_range.parameters, *ids, limit),
            )
            return list(map(OPERATIONS.read, rows))

        return await self.reader.run(read)

    async def operations_page(
        self, scope_id: int, criteria: OperationFilter, page: PageRequest
    ) -> Sequence[Operation]:
        # Sorting whole rows would take more memory than sorting their ids.
        where, values = _conditions(scope_id, criteria)
        columns = (_SORT_EXPRESSIONS.get(page.sort, page.sort.value), "id")
        order = order_by(columns, descending=page.descending)
        ids = f"SELECT id FROM operation WHERE {where} {order} LIMIT ? OFFSET ?"
        sql = f"{_SELECT} id IN ({ids}) {order}"
        values += [page.limit, page.offset]
        return await fetch_all(self.reader, OPERATIONS.read, sql, values)

    async def count_operations(self, scope_id: int, criteria: OperationFilter) -> int:
        where, values = _conditions(scope_id, criteria)
        sql = f"SELECT count(*) FROM operation WHERE {where}"
        return int(await fetch_value(self.reader, sql, values))

    async def count_without_steps(self, scope_id: int, up_to: int) -> int:
        values = (scope_id, up_to)
        return int(await fetch_value(self.reader, _COUNT_WITHOUT_STEPS, values))

    async def step_records(self, operation: Operation) -> Sequence[StepRecord]:
        values = (operation.id, operation.task_id or operation.id)
        records = await fetch_all(
            self.reader, _read_step_record, _SELECT_STEP_RECORDS, values
        )
        # A step that was sent again has several commands: the last one counts.
        return list({record.step.number: record for record in records}.values())

    async def steps(self, keys: Sequence[tuple[int, int]]) -> Sequence[Step]:
        def read(connection: SqlConnection) -> list[Step]:
            rows = [connection.execute(_SELECT_STEP, key).fetchone() for key in keys]
            return [STEPS.read(row) for row in rows if row is not None]

        return await self.background_reader.run(read)

    async def due_steps(self, *, limit: int) -> Sequence[DueStep]:
        return await fetch_all(
            self.background_reader, read_due_step, _SELECT_DUE_STEPS, (limit,)
        )


def find_operation(
    connection: SqlConnection, operation_id: int, scope_id: int | None = None
) -> Operation | None:
    """Return one operation, of this scope or of any, with its device upgrade."""
    found = find_operations(connection, [operation_id]).get(operation_id)
    is_meant = found is not None and scope_id in (None, found.scope_id)
    return found if is_meant else None


def find_operations(
    connection: SqlConnection, ids: Collection[int]
) -> dict[int, Operation]:
    """Return operations by their ids, each with its device upgrade."""
    operations: list[Operation] = []
    left = iter(ids)
    while some := tuple(islice(left, _MAX_LOOKUPS)):
        values = pad_ids(some)
        sql = f"{_SELECT} id IN ({', '.join('?' * len(values))})"
        operations += map(OPERATIONS.read, connection.execute(sql, values))
    attach_device_upgrades(connection, operations)
    return {each.id: each for each in operations}


def find_running_operations(
    connection: SqlConnection, device_id: int, *, limit: int | None = None
) -> list[Operation]:
    """Return the device's first operations that run, each with its device upgrade."""
    sql = f"{_SELECT} device_id = ? AND status = 'RUNNING' ORDER BY id"
    values = [device_id]
    if limit is not None:
        sql, values = f"{sql} LIMIT ?", [device_id, limit]
    operations = list(map(OPERATIONS.read, connection.execute(sql, values)))
    attach_device_upgrades(connection, operations)
    return operations


def attach_device_upgrades(
    connection: SqlConnection, operations: Iterable[Operation]
) -> None:
    """Give operations their device upgrades, those whose tasks are upgrades."""
    by_id = {each.id: each for each in operations if each.task_id is not None}
    left = iter(by_id)
    while some := tuple(islice(left, _MAX_LOOKUPS)):
        values = pad_ids(some)
        sql = _SELECT_DEVICE_UPGRADES.format(", ".join("?" * len(values)))
        for operation_id, *row in connection.execute(sql, values):
            found = read_device_upgrade(*_DEVICE_UPGRADE_COLUMNS.read(row))
            by_id[operation_id].device_upgrade = found


def read_due_step(row: Row) -> DueStep:
    """Return the step of a row (operation, device, owner, number, its maker)."""
    operation_id, device_id, owner_id, number, created_by = row
    return DueStep(
        operation_id=operation_id,
        device_id=device_id,
        owner_id=owner_id,
        number=number,
        created_by=created_by,
    )


def _read_step_record(row: Row) -> StepRecord:
    *step, command_id, state = row
    return StepRecord(
        STEPS.read(step), command_id, None if state is None else CommandState(state)
    )


def _column_values(scope_id: int, criteria: OperationFilter) -> Mapping[str, Any]:
    """Return the values that columns must have; None means any."""
    return {
        "scope_id": scope_id,
        "task_id": criteria.task_id,
        "device_id": criteria.device_id,
        "status": criteria.status and criteria.status.value,
        "resource": criteria.resource,
        "created_by": criteria.created_by,
        "retried": 0 if criteria.exclude_retried else None,
    }


def _conditions(scope_id: int, criteria: OperationFilter) -> tuple[str, list[Any]]:
    """Return the conditions; the narrowest one chooses the index."""
    has_better_index = criteria.task_id is not None or criteria.device_id is not None
    values = {
        name: value
        for name, value in _column_values(scope_id, criteria).items()
        if value is not None
    }
    where = [
        f"NOT {name} <> ?" if name == "scope_id" and has_better_index else f"{name} = ?"
        for name in values
    ]
    return " AND ".join(where), list(values.values())

"""Reading operations, their steps and their notifications."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.command_request import Step
from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Notification, Operation
from pushserver.model.state import CommandState
from pushserver.storage.operation_rows import (
    OPERATION_COLUMNS,
    STEP_COLUMNS,
    operation_from_row,
    order_by_term,
    step_from_row,
)
from pushserver.storage.operations import (
    DueStep,
    OperationFilter,
    PageRequest,
    SortField,
    StepRecord,
)
from pushserver.storage.rows import qualified
from pushserver.storage.sql.command_queries import find_operation
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.notifications import (
    find_notification,
    notification_list,
    notifications_after,
    operation_exists,
    read_page,
    read_snapshot,
)
from pushserver.storage.sql.offset_marks import OffsetMarks
from pushserver.storage.sql.write_jobs import SqlWriter

_STEP = f"SELECT {STEP_COLUMNS} FROM step WHERE owner_id = ? AND number = ?"
_STEPS = (
    f"SELECT {qualified(STEP_COLUMNS, 'step').replace('step.body', 'NULL')},"
    " command.id,"
    " command.state FROM step LEFT JOIN command"
    " ON command.operation_id = ? AND command.step = step.number"
    " WHERE step.owner_id = ? ORDER BY step.number, command.id"
)
_DUE = (
    "SELECT id, device_id, coalesce(task_id, id), queued_steps FROM operation"
    " WHERE status = 'RUNNING' AND queued_steps = done_steps AND done_steps > 0"
    " AND done_steps < step_count"
    " ORDER BY id LIMIT ?"
)
#: Ids grow with the time of making. What waits has begun when it was made, for a list.
_SORT_EXPRESSIONS = {
    SortField.CREATED: "id",
    SortField.STARTED: "coalesce(started_at, created_at)",
}


@attrs.frozen
class SqlOperations:
    """Keeps the promise of `OperationStore`."""

    reader: SqlReader
    background_reader: SqlReader
    write: SqlWriter
    offset_marks: OffsetMarks = attrs.field(factory=OffsetMarks)

    async def find_operation(
        self, scope_id: int, operation_id: int
    ) -> Operation | None:
        """Return one operation."""
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
    ) -> Sequence[Operation]:
        """List operations, newest first."""
        below = MAX_INT64 if before is None else before

        def read(connection: SqlConnection) -> list[Operation]:
            index_range = IndexRange(
                connection, _narrowest_index(scope_id, criteria), below=below
            )
            extra, values = index_range.filter_without_index(
                _column_values(scope_id, criteria)
            )
            if criteria.task_id is not None:
                extra += " AND task_id IS NOT NULL"  # as its indexes have it
            sql = (
                f"SELECT {OPERATION_COLUMNS} FROM operation WHERE"
                f" {index_range.condition}{extra}"
                f" ORDER BY {index_range.order_newest_first} LIMIT ?"
            )
            rows = connection.execute(sql, (*index_range.parameters, *values, limit))
            return [operation_from_row(row) for row in rows]

        return await self.reader.run(read)

    async def operations_page(
        self, scope_id: int, criteria: OperationFilter, page: PageRequest
    ) -> Sequence[Operation]:
        """List operations by place; what is sorted is not their whole rows."""
        (where, values), order = _conditions(scope_id, criteria), _order(page)
        ids = f"SELECT id FROM operation WHERE {where} {order} LIMIT ? OFFSET ?"
        sql = f"SELECT {OPERATION_COLUMNS} FROM operation WHERE id IN ({ids}) {order}"
        return await self._operations(sql, [*values, page.limit, page.offset])

    async def _operations(self, sql: str, values: Sequence[Any]) -> Sequence[Operation]:
        return await self.reader.run(
            lambda c: [operation_from_row(row) for row in c.execute(sql, values)]
        )

    async def count_operations(self, scope_id: int, criteria: OperationFilter) -> int:
        """Count operations."""
        where, values = _conditions(scope_id, criteria)
        return await self._number(
            f"SELECT count(*) FROM operation WHERE {where}", values
        )

    async def step_records(self, operation: Operation) -> Sequence[StepRecord]:
        """Return an operation's steps with what became of them."""
        owner = operation.task_id or operation.id

        def read(connection: SqlConnection) -> list[StepRecord]:
            rows = connection.execute(_STEPS, (operation.id, owner))
            records = map(_step_record, rows)
            # A step that was sent again became several commands: the last one counts.
            return list({record.step.number: record for record in records}.values())

        return await self.reader.run(read)

    async def steps(self, keys: Sequence[tuple[int, int]]) -> Sequence[Step]:
        """Return steps by (owner, number)."""

        def read(connection: SqlConnection) -> list[Step]:
            rows = [connection.execute(_STEP, key).fetchone() for key in keys]
            return [step_from_row(row) for row in rows if row is not None]

        return await self.background_reader.run(read)

    async def due_steps(self, *, limit: int) -> Sequence[DueStep]:
        """Return steps whose operation goes on with them."""
        return await self.background_reader.run(
            lambda c: [_due_step(row) for row in c.execute(_DUE, (limit,))]
        )

    async def find_notification(
        self, scope_id: int, operation_id: int, notification_id: int
    ) -> Notification | None:
        """Return one notification."""

        return await self.reader.run(
            lambda c: find_notification(c, scope_id, operation_id, notification_id)
        )

    async def notifications(
        self, scope_id: int, operation_id: int, *, after: int, limit: int
    ) -> Sequence[Notification]:
        """List notifications in the order they were made."""
        return await self.reader.run(
            lambda c: notifications_after(c, scope_id, operation_id, after, limit)
        )

    async def notifications_page(
        self, scope_id: int, operation_id: int, resource: str | None, page: PageRequest
    ) -> Sequence[Notification]:
        """List notifications by place."""
        listing = notification_list(operation_id, resource, page.sort)

        def read(connection: SqlConnection) -> Sequence[Notification]:
            with read_snapshot(connection):
                if not operation_exists(connection, scope_id, operation_id):
                    return []
                return read_page(connection, self.offset_marks, listing, page)

        return await self.reader.run(read)

    async def count_notifications(
        self, scope_id: int, operation_id: int, resource: str | None
    ) -> int:
        """Count notifications."""
        listing = notification_list(operation_id, resource, SortField.SENT)

        def read(connection: SqlConnection) -> int:
            with read_snapshot(connection):
                if not operation_exists(connection, scope_id, operation_id):
                    return 0
                return self.offset_marks.count(connection, listing)

        return await self.reader.run(read)

    async def _number(self, sql: str, values: Sequence[Any]) -> int:
        def read(connection: SqlConnection) -> int:
            number: int = connection.execute(sql, values).fetchone()[0]
            return number

        return await self.reader.run(read)

    async def delete_notifications(
        self, scope_id: int, operation_id: int, ids: Sequence[int] | None, *, limit: int
    ) -> int:
        """Delete notifications."""
        if ids is not None and not ids:
            return 0
        which = "" if ids is None else f" AND id IN ({', '.join('?' * len(ids))})"
        sql = (
            "DELETE FROM notification WHERE id IN (SELECT id FROM notification"
            f" WHERE operation_id = ? AND scope_id = ?{which} LIMIT ?)"
        )
        values = (operation_id, scope_id, *(ids or ()), limit)
        try:
            return await self.write(lambda c: c.execute(sql, values).rowcount)
        finally:
            await self.reader.run(lambda _: self.offset_marks.invalidate(operation_id))


def _narrowest_index(scope_id: int, criteria: OperationFilter) -> Mapping[str, Any]:
    """Return by which index there are the fewest rows."""
    if criteria.task_id is not None:
        if criteria.exclude_retried and criteria.status is not None:
            by_status = {"retried": 0, "status": criteria.status}
            return {"task_id": criteria.task_id, **by_status}
        return {"task_id": criteria.task_id}
    if criteria.device_id is not None:
        return {"device_id": criteria.device_id}
    if criteria.status is not None:
        return {"scope_id": scope_id, "status": criteria.status}
    return {"scope_id": scope_id}


def _column_values(scope_id: int, criteria: OperationFilter) -> dict[str, Any]:
    """Return which values columns are to have; None: any."""
    return {
        "scope_id": scope_id,
        "task_id": criteria.task_id,
        "device_id": criteria.device_id,
        "status": criteria.status,
        "resource": criteria.resource,
        "retried": 0 if criteria.exclude_retried else None,
    }


def _conditions(scope_id: int, criteria: OperationFilter) -> tuple[str, list[Any]]:
    """Return the conditions; the narrowest one chooses the index."""
    has_better_index = criteria.task_id is not None or criteria.device_id is not None
    values_by_column = {
        n: v for n, v in _column_values(scope_id, criteria).items() if v is not None
    }
    where = [
        f"NOT {name} <> ?" if name == "scope_id" and has_better_index else f"{name} = ?"
        for name in values_by_column
    ]
    return " AND ".join(where), list(values_by_column.values())


def _order(page: PageRequest) -> str:
    names = (_SORT_EXPRESSIONS.get(page.sort, page.sort.value), "id")
    by = [order_by_term(name, descending=page.descending) for name in names]
    return f"ORDER BY {', '.join(by)}"


def _step_record(row: Sequence[Any]) -> StepRecord:
    *step, command_id, state = row
    return StepRecord(
        step_from_row(step), command_id, None if state is None else CommandState(state)
    )


def _due_step(row: Sequence[Any]) -> DueStep:
    return DueStep(*row)

"""Reading operations, their steps and their notifications."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.draft import Step
from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Notification, Operation
from pushserver.model.state import State
from pushserver.storage.rows import prefixed
from pushserver.storage.sql.connection import Connection, Reader
from pushserver.storage.sql.notifications import (
    find_after,
    find_one,
    find_page,
    is_there,
    rows_of,
    snapshot,
)
from pushserver.storage.sql.places import Places
from pushserver.storage.sql.read import find_operation
from pushserver.storage.sql.stretch import Stretch
from pushserver.storage.sql.work import Writer
from pushserver.storage.tracking import (
    DueStep,
    OperationFilter,
    Page,
    Sort,
    StepRecord,
)
from pushserver.storage.tracking_rows import (
    OPERATION,
    STEP,
    operation_from_row,
    sorted_by,
    step_from_row,
)

_STEP = f"SELECT {STEP} FROM step WHERE owner_id = ? AND number = ?"
_STEPS = (
    f"SELECT {prefixed(STEP, 'step').replace('step.body', 'NULL')}, command.id,"
    " command.state FROM step LEFT JOIN command"
    " ON command.operation_id = ? AND command.step = step.number"
    " WHERE step.owner_id = ? ORDER BY step.number, command.id"
)
_DUE = (
    "SELECT id, device_id, coalesce(task_id, id), queued FROM operation"
    " WHERE status = 'RUNNING' AND queued = done AND done > 0 AND done < steps"
    " ORDER BY id LIMIT ?"
)
#: Ids grow with the time of making. What waits has begun when it was made, for a list.
_BY = {Sort.CREATED: "id", Sort.STARTED: "coalesce(started_at, created_at)"}


@attrs.frozen
class SqlOperations:
    """Keeps the promise of `OperationStore`."""

    reader: Reader
    workers: Reader
    write: Writer
    places: Places = attrs.field(factory=Places)

    async def find_operation(
        self, scope_id: int, operation_id: int
    ) -> Operation | None:
        """Return one operation."""
        return await self.reader.run(
            lambda c: find_operation(c, operation_id, scope_id)
        )

    async def operations(
        self, scope_id: int, wanted: OperationFilter, *, before: int | None, limit: int
    ) -> Sequence[Operation]:
        """List operations, newest first."""
        below = MAX_INT64 if before is None else before

        def read(connection: Connection) -> list[Operation]:
            part = Stretch(connection, _fewest(scope_id, wanted), below=below)
            others, values = part.others(_wanted(scope_id, wanted))
            if wanted.task_id is not None:
                others += " AND task_id IS NOT NULL"  # as its indexes have it
            sql = (
                f"SELECT {OPERATION} FROM operation WHERE {part.sql}{others}"
                f" ORDER BY {part.newest_first} LIMIT ?"
            )
            rows = connection.execute(sql, (*part.bounds, *values, limit))
            return [operation_from_row(row) for row in rows]

        return await self.reader.run(read)

    async def operations_page(
        self, scope_id: int, wanted: OperationFilter, page: Page
    ) -> Sequence[Operation]:
        """List operations by place; what is sorted is not their whole rows."""
        (where, values), order = _conditions(scope_id, wanted), _order(page)
        ids = f"SELECT id FROM operation WHERE {where} {order} LIMIT ? OFFSET ?"
        sql = f"SELECT {OPERATION} FROM operation WHERE id IN ({ids}) {order}"
        return await self._operations(sql, [*values, page.limit, page.offset])

    async def _operations(self, sql: str, values: Sequence[Any]) -> Sequence[Operation]:
        return await self.reader.run(
            lambda c: [operation_from_row(row) for row in c.execute(sql, values)]
        )

    async def count_operations(self, scope_id: int, wanted: OperationFilter) -> int:
        """Count operations."""
        where, values = _conditions(scope_id, wanted)
        return await self._number(
            f"SELECT count(*) FROM operation WHERE {where}", values
        )

    async def step_records(self, operation: Operation) -> Sequence[StepRecord]:
        """Return an operation's steps with what became of them."""
        owner = operation.task_id or operation.id

        def read(connection: Connection) -> list[StepRecord]:
            rows = connection.execute(_STEPS, (operation.id, owner))
            records = map(_step_record, rows)
            # A step that was sent again became several commands: the last one counts.
            return list({record.step.number: record for record in records}.values())

        return await self.reader.run(read)

    async def steps(self, wanted: Sequence[tuple[int, int]]) -> Sequence[Step]:
        """Return steps by (owner, number)."""

        def read(connection: Connection) -> list[Step]:
            rows = [connection.execute(_STEP, place).fetchone() for place in wanted]
            return [step_from_row(row) for row in rows if row is not None]

        return await self.workers.run(read)

    async def due_steps(self, *, limit: int) -> Sequence[DueStep]:
        """Return steps whose operation goes on with them."""
        return await self.workers.run(
            lambda c: [_due_step(row) for row in c.execute(_DUE, (limit,))]
        )

    async def find_notification(
        self, scope_id: int, operation_id: int, notification_id: int
    ) -> Notification | None:
        """Return one notification."""

        return await self.reader.run(
            lambda c: find_one(c, scope_id, operation_id, notification_id)
        )

    async def notifications(
        self, scope_id: int, operation_id: int, *, after: int, limit: int
    ) -> Sequence[Notification]:
        """List notifications in the order they were made."""
        return await self.reader.run(
            lambda c: find_after(c, scope_id, operation_id, after, limit)
        )

    async def notifications_page(
        self, scope_id: int, operation_id: int, resource: str | None, page: Page
    ) -> Sequence[Notification]:
        """List notifications by place."""
        rows = rows_of(operation_id, resource, page.sort)

        def read(connection: Connection) -> Sequence[Notification]:
            with snapshot(connection):
                if not is_there(connection, scope_id, operation_id):
                    return []
                return find_page(connection, self.places, rows, page)

        return await self.reader.run(read)

    async def count_notifications(
        self, scope_id: int, operation_id: int, resource: str | None
    ) -> int:
        """Count notifications."""
        rows = rows_of(operation_id, resource, Sort.SENT)

        def read(connection: Connection) -> int:
            with snapshot(connection):
                if not is_there(connection, scope_id, operation_id):
                    return 0
                return self.places.count(connection, rows)

        return await self.reader.run(read)

    async def _number(self, sql: str, values: Sequence[Any]) -> int:
        def read(connection: Connection) -> int:
            number: int = connection.execute(sql, values).fetchone()[0]
            return number

        return await self.reader.run(read)

    async def remove_notifications(
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
            await self.reader.run(lambda _: self.places.forget(operation_id))


def _fewest(scope_id: int, wanted: OperationFilter) -> Mapping[str, Any]:
    """Return by which index there are the fewest rows."""
    if wanted.task_id is not None:
        if wanted.current and wanted.status is not None:
            by_status = {"retried": 0, "status": wanted.status}
            return {"task_id": wanted.task_id, **by_status}
        return {"task_id": wanted.task_id}
    if wanted.device_id is not None:
        return {"device_id": wanted.device_id}
    if wanted.status is not None:
        return {"scope_id": scope_id, "status": wanted.status}
    return {"scope_id": scope_id}


def _wanted(scope_id: int, wanted: OperationFilter) -> dict[str, Any]:
    """Return which values columns are to have; None: any."""
    return {
        "scope_id": scope_id,
        "task_id": wanted.task_id,
        "device_id": wanted.device_id,
        "status": wanted.status,
        "resource": wanted.resource,
        "retried": 0 if wanted.current else None,
    }


def _conditions(scope_id: int, wanted: OperationFilter) -> tuple[str, list[Any]]:
    """Return the conditions; the narrowest one chooses the index."""
    narrow = wanted.task_id is not None or wanted.device_id is not None
    given = {n: v for n, v in _wanted(scope_id, wanted).items() if v is not None}
    where = [
        f"NOT {name} <> ?" if name == "scope_id" and narrow else f"{name} = ?"
        for name in given
    ]
    return " AND ".join(where), list(given.values())


def _order(page: Page) -> str:
    names = (_BY.get(page.sort, page.sort.value), "id")
    by = [sorted_by(name, descending=page.descending) for name in names]
    return f"ORDER BY {', '.join(by)}"


def _step_record(row: Sequence[Any]) -> StepRecord:
    *step, command_id, state = row
    return StepRecord(
        step_from_row(step), command_id, None if state is None else State(state)
    )


def _due_step(row: Sequence[Any]) -> DueStep:
    return DueStep(*row)

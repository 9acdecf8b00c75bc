"""Tasks: their rows, their counts, and which of their operations are to be moved."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from pushserver.model.command_request import Step
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.task import OperationCounts, Task
from pushserver.model.upgrade import Upgrade
from pushserver.storage.operation_rows import (
    OPERATION_COLUMNS,
    TASK_COLUMNS,
    operation_from_row,
    operation_row,
    step_row,
    task_from_row,
    task_row,
)
from pushserver.storage.operations import DueStep
from pushserver.storage.rows import Row, placeholders, qualified
from pushserver.storage.sql.bulk import execute_batches
from pushserver.storage.sql.changes import (
    CLAIM_IDEMPOTENCY_KEY,
    INSERT_OPERATION,
    INSERT_STEP,
    idempotency_key_row,
)
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.device_queries import IS_ONLINE
from pushserver.storage.sql.lookups import find_idempotency_key
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.upgrade_rows import UPGRADE_INSERT_COLUMNS, upgrade_row

_ADD = f"INSERT INTO task ({TASK_COLUMNS}) VALUES ({placeholders(TASK_COLUMNS)})"
_ADD_UPGRADE = (
    f"INSERT INTO upgrade ({UPGRADE_INSERT_COLUMNS}) VALUES"
    f" ({placeholders(UPGRADE_INSERT_COLUMNS)})"
)
_UPDATE_TASK = (
    "UPDATE task SET state = ?, expires_at = ?, ignored_failures = ?, ended_at = ?"
    " WHERE id = ?"
)
_MARK_RETRIED = (
    "UPDATE operation SET retried = 1 WHERE id = ? AND retried = 0 AND status = ?"
)
_IF_UNCHANGED = " AND state = ? AND ignored_failures = ?"
_IS_PREPARING = "SELECT 1 FROM task WHERE id = ? AND state = 'PREPARING'"
_SHIFT = (
    "UPDATE task SET expires_at = expires_at + ? WHERE ended_at IS NULL"
    " AND expires_at - expires_in <= ?"
)
_FIND = (
    f"SELECT {TASK_COLUMNS} FROM task WHERE id = ? AND scope_id = ? AND state <>"
    " 'PREPARING'"
)
_LIST = (
    f"SELECT {TASK_COLUMNS} FROM task WHERE scope_id = ? AND id < ? AND state <>"
    " 'PREPARING'"
    " ORDER BY id DESC LIMIT ?"
)
_ACTIVE = f"SELECT {TASK_COLUMNS} FROM task WHERE ended_at IS NULL ORDER BY id"
_COUNT = (
    "SELECT status, count(*) FROM operation WHERE task_id = ? AND retried = 0"
    " GROUP BY status"
)
_IS_NOT_STARTED = (
    "task_id = ? AND status = 'RUNNING' AND queued_steps = 0 AND canceled = 0"
)
_COUNT_WAITING = (
    "SELECT count(*) FROM operation WHERE task_id = ? AND status = 'RUNNING'"
    " AND queued_steps = 0"
)
_SELECT_FIRST_STEP = "SELECT operation.id, operation.device_id, operation.task_id, 0"
_STARTABLE = (
    f"{_SELECT_FIRST_STEP} FROM operation JOIN device_seen AS seen USING (device_id)"
    " JOIN device USING (device_id)"
    f" WHERE {_IS_NOT_STARTED} AND device.scope_id = operation.scope_id AND {IS_ONLINE}"
    " ORDER BY operation.id LIMIT ?"
)
_SELECT_UNREACHABLE = (
    f"SELECT {qualified(OPERATION_COLUMNS, 'operation')}"
    " FROM operation LEFT JOIN device USING (device_id)"
    " LEFT JOIN device_seen AS seen USING (device_id)"
    f" WHERE {_IS_NOT_STARTED} AND (device.scope_id IS NULL"
    " OR device.scope_id <> operation.scope_id"
    f" OR (? = 1 AND ({IS_ONLINE}) IS NOT TRUE)) ORDER BY operation.id LIMIT ?"
)
_SELECT_UNFINISHED = (
    f"SELECT {OPERATION_COLUMNS} FROM operation WHERE task_id = ? AND retried = 0"
    " AND status = 'RUNNING' AND canceled = 0 ORDER BY id LIMIT ?"
)
_MAX_ID = 2**63 - 1


@attrs.frozen
class SqlTasks:
    """Keeps the promise of `TaskStore`."""

    reader: SqlReader
    write: SqlWriter
    _lock: AbstractAsyncContextManager[None] = attrs.field(factory=asyncio.Lock)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else moves tasks on."""
        return self._lock

    async def add_task(
        self, task: Task, steps: Sequence[Step], upgrade: Upgrade | None = None
    ) -> None:
        """Keep a task and its steps."""

        def work(connection: SqlConnection) -> None:
            connection.execute(_ADD, task_row(task))
            execute_batches(
                connection, [(INSERT_STEP, [step_row(step) for step in steps])]
            )
            if upgrade is not None:
                connection.execute(_ADD_UPGRADE, upgrade_row(task, upgrade))

        await self.write(work)

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        """Keep operations that have not begun."""
        rows = [operation_row(operation) for operation in operations]
        await self.write(lambda c: execute_batches(c, [(INSERT_OPERATION, rows)]))

    async def replace_operations(
        self, task: Task, replacements: Sequence[tuple[Operation, Operation]]
    ) -> None:
        """Keep operations in the place of others that still stand as they did."""

        def work(connection: SqlConnection) -> None:
            for old, operation in replacements:
                guard = (old.id, old.status.value)
                if connection.execute(_MARK_RETRIED, guard).rowcount:
                    INSERT_OPERATION.execute(connection, [operation_row(operation)])
            connection.execute(_UPDATE_TASK, _task_update_row(task))

        await self.write(work)

    async def update_task_if_unchanged(
        self, before: Task, after: Task, *, key_use: IdempotencyRecord | None = None
    ) -> bool:
        """Write where the task stands, if it still stood as *before*."""
        guard = (before.state.value, before.ignored_failures)

        def work(connection: SqlConnection) -> bool:
            values = (*_task_update_row(after), *guard)
            is_updated = (
                connection.execute(f"{_UPDATE_TASK}{_IF_UNCHANGED}", values).rowcount
                == 1
            )
            if (
                is_updated
                and key_use is not None
                and not _claim_key(connection, key_use)
            ):
                connection.execute(_UPDATE_TASK, _task_update_row(before))
                return False
            return is_updated

        return await self.write(work)

    async def shift_task_deadlines(self, jump: int, *, now: int) -> None:
        """Move the deadlines of tasks along with a wall clock that jumped."""
        await self.write(lambda c: c.execute(_SHIFT, (jump, now - jump)))

    async def delete_preparing_task(self, task_id: int, *, limit: int) -> bool:
        """Delete a task that is PREPARING, or a piece of it."""

        def work(connection: SqlConnection) -> bool:
            if connection.execute(_IS_PREPARING, (task_id,)).fetchone() is None:
                return True
            piece = "SELECT id FROM operation WHERE task_id = ? LIMIT ?"
            sql = f"DELETE FROM operation WHERE id IN ({piece})"
            if connection.execute(sql, (task_id, limit)).rowcount == limit:
                return False
            connection.execute("DELETE FROM step WHERE owner_id = ?", (task_id,))
            connection.execute("DELETE FROM upgrade WHERE task_id = ?", (task_id,))
            connection.execute("DELETE FROM task WHERE id = ?", (task_id,))
            return True

        return await self.write(work)

    async def find_task(self, scope_id: int, task_id: int) -> Task | None:
        """Return one task."""
        found = await self._tasks(_FIND, (task_id, scope_id))
        return found[0] if found else None

    async def tasks(
        self, scope_id: int, *, before: int | None, limit: int
    ) -> Sequence[Task]:
        """List tasks, newest first."""
        top = _MAX_ID if before is None else before
        return await self._tasks(_LIST, (scope_id, top, limit))

    async def active_tasks(self) -> Sequence[Task]:
        """Return every task that has not ended."""
        return await self._tasks(_ACTIVE, ())

    async def _tasks(self, sql: str, values: Sequence[Any]) -> list[Task]:
        return await self.reader.run(
            lambda c: [task_from_row(row) for row in c.execute(sql, values)]
        )

    async def operation_counts(self, task_id: int) -> OperationCounts:
        """Count a task's operations by how they stand."""

        def read(connection: SqlConnection) -> OperationCounts:
            by_status = dict(connection.execute(_COUNT, (task_id,)).fetchall())
            waiting = connection.execute(_COUNT_WAITING, (task_id,)).fetchone()[0]
            return OperationCounts(
                waiting=waiting,
                running=by_status.get(OperationStatus.RUNNING, 0) - waiting,
                completed=by_status.get(OperationStatus.COMPLETED, 0),
                failed=by_status.get(OperationStatus.FAILED, 0),
                stale=by_status.get(OperationStatus.STALE, 0),
            )

        return await self.reader.run(read)

    async def startable_steps(
        self, task_id: int, *, now: int, hold: int, limit: int
    ) -> Sequence[DueStep]:
        """Return first steps on devices that are there."""
        return await self._first(_STARTABLE, (task_id, now, hold, limit))

    async def unreachable_operations(
        self, task_id: int, *, include_offline: bool, now: int, hold: int, limit: int
    ) -> Sequence[Operation]:
        """
        Return what has not begun and whose device is gone, or away if
        *include_offline*.
        """
        values = (task_id, int(include_offline), now, hold, limit)
        return await self._operations(_SELECT_UNREACHABLE, values)

    async def _first(self, sql: str, values: Sequence[Any]) -> list[DueStep]:
        return await self.reader.run(
            lambda c: [DueStep(*row) for row in c.execute(sql, values)]
        )

    async def unfinished_operations(
        self, task_id: int, *, limit: int
    ) -> Sequence[Operation]:
        """Return operations that run, or wait, and were not canceled."""
        return await self._operations(_SELECT_UNFINISHED, (task_id, limit))

    async def retryable_operations(
        self, task_id: int, statuses: frozenset[OperationStatus], *, limit: int
    ) -> Sequence[Operation]:
        """Return ended operations whose place nobody took."""
        names = ", ".join(f"'{status.value}'" for status in sorted(statuses))
        sql = (
            f"SELECT {OPERATION_COLUMNS} FROM operation WHERE task_id = ? AND"
            " retried = 0"
            f" AND status IN ({names}) ORDER BY id LIMIT ?"
        )
        return await self._operations(sql, (task_id, limit))

    async def _operations(self, sql: str, values: Sequence[Any]) -> list[Operation]:
        return await self.reader.run(
            lambda c: [operation_from_row(row) for row in c.execute(sql, values)]
        )

    async def find_idempotency_key(
        self, key: IdempotencyKey
    ) -> IdempotencyRecord | None:
        """Return how an idempotency key was used."""
        return await self.reader.run(lambda c: find_idempotency_key(c, key))


def _claim_key(connection: SqlConnection, key_use: IdempotencyRecord) -> bool:
    """Keep a key; tell whether nobody had, with another request or the same."""
    return (
        CLAIM_IDEMPOTENCY_KEY.execute(connection, [idempotency_key_row(key_use)]) == 1
    )


def _task_update_row(task: Task) -> Row:
    """Return what of a task changes, for `_UPDATE_TASK`."""
    state = task.state.value
    return (state, task.expires_at, task.ignored_failures, task.ended_at, task.id)

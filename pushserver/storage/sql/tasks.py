"""Tasks, and which of their operations can start."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.command_request import Step
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.task import OperationCounts, Task
from pushserver.model.upgrade import Upgrade
from pushserver.storage.operation_rows import OPERATIONS
from pushserver.storage.operations import DueStep
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import insert
from pushserver.storage.sql.changes import INSERT_OPERATION, INSERT_STEP
from pushserver.storage.sql.conditions import IS_NOT_STARTED, IS_ONLINE, is_one_of
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all, fetch_value
from pushserver.storage.sql.idempotency import (
    claim_idempotency_key,
    find_idempotency_key,
)
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.operations import read_due_step
from pushserver.storage.sql.scopes import lock_scope, scope_is_gone
from pushserver.storage.sql.task_operations import read_task_operations
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.table import RowWriter, assignments
from pushserver.storage.task_rows import TASKS
from pushserver.storage.tasks import ANY_TASK, TaskFilter, TaskOperation
from pushserver.storage.upgrade_rows import UPGRADES
from pushserver.storage.upgrades import UpgradeRecord

_INSERT_TASK = insert(TASKS)
_INSERT_UPGRADE = insert(UPGRADES)
_PROGRESS = TASKS.pick(
    "state",
    "expires_at",
    "ignored_failures",
    "ended_at",
    "canceled_by",
    "canceled_by_name",
)
_UPDATE_TASK = f"UPDATE task SET {assignments(_PROGRESS)} WHERE id = ?"
_progress_row = RowWriter([*_PROGRESS, *TASKS.pick("id")])
_GUARD = TASKS.pick("state", "ignored_failures")
_UPDATE_IF_UNCHANGED = (
    f"{_UPDATE_TASK} AND {' AND '.join(f'{each.name} = ?' for each in _GUARD)}"
)
_guard_row = RowWriter(_GUARD)
_MARK_RETRIED = (
    "UPDATE operation SET retried = 1 WHERE id = ? AND retried = 0 AND status = ?"
)
_IS_PREPARING = "SELECT 1 FROM task WHERE id = ? AND state = 'PREPARING'"
_SELECT = f"SELECT {TASKS.column_list} FROM task WHERE"
_SELECT_ONE = f"{_SELECT} id = ? AND scope_id = ? AND state <> 'PREPARING'"
_INDEXES = (("created_by",), ("scope_id",))
_SELECT_ACTIVE = f"{_SELECT} ended_at IS NULL ORDER BY id"
_COUNT_ACTIVE = "SELECT count(*) FROM task WHERE scope_id = ? AND ended_at IS NULL"
_COUNT = (
    "SELECT status, count(*) FROM operation WHERE task_id = ? AND retried = 0"
    " GROUP BY status"
)
_COUNT_WAITING = (
    f"SELECT count(*) FROM operation WHERE task_id = ? AND {IS_NOT_STARTED}"
)
_IS_STARTABLE = f"task_id = ? AND {IS_NOT_STARTED} AND canceled = 0"
_SELECT_STARTABLE = (
    "SELECT operation.id, operation.device_id, operation.task_id, 0,"
    " operation.created_by FROM operation JOIN device_seen AS seen USING (device_id)"
    " JOIN device USING (device_id)"
    f" WHERE {_IS_STARTABLE} AND device.scope_id = operation.scope_id AND {IS_ONLINE}"
    " ORDER BY operation.id LIMIT ?"
)
_SELECT_UNREACHABLE = (
    f"SELECT {OPERATIONS.qualified} FROM operation"
    " LEFT JOIN device USING (device_id)"
    " LEFT JOIN device_seen AS seen USING (device_id)"
    f" WHERE {_IS_STARTABLE} AND (device.scope_id IS NULL"
    " OR device.scope_id <> operation.scope_id"
    f" OR (? = 1 AND ({IS_ONLINE}) IS NOT TRUE)) ORDER BY operation.id LIMIT ?"
)
_SELECT_UNFINISHED = (
    f"SELECT {OPERATIONS.column_list} FROM operation WHERE task_id = ?"
    " AND retried = 0 AND status = 'RUNNING' AND canceled = 0 ORDER BY id LIMIT ?"
)


@attrs.frozen
class SqlTasks:
    """Implements `TaskStore`."""

    reader: SqlReader
    list_reader: SqlReader
    write: SqlWriter
    _lock: AbstractAsyncContextManager[None] = attrs.field(factory=asyncio.Lock)

    def lock(self) -> AbstractAsyncContextManager[None]:
        return self._lock

    async def add_task(
        self, task: Task, steps: Sequence[Step], upgrade: Upgrade | None = None
    ) -> None:
        def work(connection: SqlConnection) -> bool:
            if not lock_scope(connection, task.scope_id):
                return False
            _INSERT_TASK.write(connection, [task])
            INSERT_STEP.write(connection, steps)
            if upgrade is not None:
                _INSERT_UPGRADE.write(connection, [UpgradeRecord(task, upgrade)])
            return True

        if not await self.write(work):
            raise scope_is_gone(task.scope_id)

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        await self.write(lambda c: INSERT_OPERATION.write(c, operations))

    async def replace_operations(
        self,
        task: Task,
        replacements: Sequence[tuple[Operation, Operation]],
        audit: Sequence[AuditEntry] = (),
    ) -> None:
        def work(connection: SqlConnection) -> None:
            for old, operation in replacements:
                guard = (old.id, old.status.value)
                if connection.execute(_MARK_RETRIED, guard).rowcount:
                    INSERT_OPERATION.write(connection, [operation])
            connection.execute(_UPDATE_TASK, _progress_row(task))
            write_audit(connection, audit)

        await self.write(work, audit)

    async def update_task_if_unchanged(
        self,
        before: Task,
        after: Task,
        *,
        key_use: IdempotencyRecord | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        values = (*_progress_row(after), *_guard_row(before))

        def work(connection: SqlConnection) -> bool:
            if not connection.execute(_UPDATE_IF_UNCHANGED, values).rowcount:
                return False
            if key_use is None or claim_idempotency_key(connection, key_use):
                write_audit(connection, audit)
                return True
            connection.execute(_UPDATE_TASK, _progress_row(before))
            return False

        return await self.write(work, audit)

    async def delete_preparing_task(self, task_id: int, *, limit: int) -> bool:
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
        values = (task_id, scope_id)
        found = await fetch_all(self.reader, TASKS.read, _SELECT_ONE, values)
        return found[0] if found else None

    async def tasks(
        self,
        scope_id: int,
        task_filter: TaskFilter = ANY_TASK,
        *,
        before: int | None,
        limit: int,
    ) -> Sequence[Task]:
        columns = {
            "scope_id": scope_id,
            "created_by": task_filter.created_by,
            "name": task_filter.name,
        }
        in_states = (
            f"AND {is_one_of('state', task_filter.states)}"
            if task_filter.states
            else ""
        )
        below = MAX_INT64 if before is None else before

        def read(connection: SqlConnection) -> list[Task]:
            index_range = IndexRange(connection, columns, _INDEXES, below=below)
            rows = connection.execute(
                f"{_SELECT} {index_range.condition} AND state <> 'PREPARING'"
                f" {in_states}"
                f" ORDER BY {index_range.order_newest_first} LIMIT ?",
                (*index_range.parameters, limit),
            )
            return list(map(TASKS.read, rows))

        return await self.reader.run(read)

    async def active_tasks(self) -> Sequence[Task]:
        return await fetch_all(self.reader, TASKS.read, _SELECT_ACTIVE, ())

    async def count_active(self, scope_id: int) -> int:
        return int(await fetch_value(self.reader, _COUNT_ACTIVE, (scope_id,)))

    async def operation_counts(self, task_id: int) -> OperationCounts:
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

    async def task_operations(
        self,
        task_id: int,
        statuses: frozenset[OperationStatus] = frozenset(),
        *,
        after: int,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[TaskOperation]:
        return await self.list_reader.run(
            lambda c: read_task_operations(
                c, task_id, statuses, after, limit, device_ids
            )
        )

    async def startable_steps(
        self, task_id: int, *, now: int, hold: int, limit: int
    ) -> Sequence[DueStep]:
        values = (task_id, now, hold, limit)
        return await fetch_all(self.reader, read_due_step, _SELECT_STARTABLE, values)

    async def unreachable_operations(
        self, task_id: int, *, include_offline: bool, now: int, hold: int, limit: int
    ) -> Sequence[Operation]:
        values = (task_id, int(include_offline), now, hold, limit)
        return await fetch_all(
            self.reader, OPERATIONS.read, _SELECT_UNREACHABLE, values
        )

    async def unfinished_operations(
        self, task_id: int, *, limit: int
    ) -> Sequence[Operation]:
        values = (task_id, limit)
        return await fetch_all(self.reader, OPERATIONS.read, _SELECT_UNFINISHED, values)

    async def retryable_operations(
        self, task_id: int, statuses: frozenset[OperationStatus], *, limit: int
    ) -> Sequence[Operation]:
        sql = (
            f"SELECT {OPERATIONS.column_list} FROM operation WHERE task_id = ?"
            f" AND retried = 0 AND {is_one_of('status', statuses)} ORDER BY id LIMIT ?"
        )
        return await fetch_all(self.reader, OPERATIONS.read, sql, (task_id, limit))

    async def find_idempotency_key(
        self, key: IdempotencyKey
    ) -> IdempotencyRecord | None:
        return await self.reader.run(lambda c: find_idempotency_key(c, key))

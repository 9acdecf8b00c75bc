"""Tasks: their rows, their counts, and which of their operations are to be moved."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from pushserver.model.draft import Step
from pushserver.model.idempotency import Key, KeyUse
from pushserver.model.operation import Operation, Status
from pushserver.model.task import Counts, Task
from pushserver.model.upgrade import Upgrade
from pushserver.storage.rows import Row, marks, prefixed
from pushserver.storage.sql.connection import Connection, Reader
from pushserver.storage.sql.fleet import IS_THERE
from pushserver.storage.sql.recall import find_key
from pushserver.storage.sql.statement import run_all
from pushserver.storage.sql.work import Writer
from pushserver.storage.sql.write import ADD_OPERATION, ADD_STEP, NEW_KEY, key_row
from pushserver.storage.tracking import DueStep
from pushserver.storage.tracking_rows import (
    OPERATION,
    TASK,
    operation_from_row,
    operation_row,
    step_row,
    task_from_row,
    task_row,
)
from pushserver.storage.upgrade_rows import NEW_UPGRADE, upgrade_row

_ADD = f"INSERT INTO task ({TASK}) VALUES ({marks(TASK)})"
_ADD_UPGRADE = f"INSERT INTO upgrade ({NEW_UPGRADE}) VALUES ({marks(NEW_UPGRADE)})"
_MOVE = (
    "UPDATE task SET state = ?, expires_at = ?, forgiven = ?, ended_at = ? WHERE id = ?"
)
_RETRIED = (
    "UPDATE operation SET retried = 1 WHERE id = ? AND retried = 0 AND status = ?"
)
_GUARD = " AND state = ? AND forgiven = ?"
_IS_PREPARING = "SELECT 1 FROM task WHERE id = ? AND state = 'PREPARING'"
_SHIFT = (
    "UPDATE task SET expires_at = expires_at + ? WHERE ended_at IS NULL"
    " AND expires_at - expires_in <= ?"
)
_FIND = (
    f"SELECT {TASK} FROM task WHERE id = ? AND scope_id = ? AND state <> 'PREPARING'"
)
_LIST = (
    f"SELECT {TASK} FROM task WHERE scope_id = ? AND id < ? AND state <> 'PREPARING'"
    " ORDER BY id DESC LIMIT ?"
)
_ACTIVE = f"SELECT {TASK} FROM task WHERE ended_at IS NULL ORDER BY id"
_COUNT = (
    "SELECT status, count(*) FROM operation WHERE task_id = ? AND retried = 0"
    " GROUP BY status"
)
_NOT_BEGUN = "task_id = ? AND status = 'RUNNING' AND queued = 0 AND canceled = 0"
_COUNT_WAITING = (
    "SELECT count(*) FROM operation WHERE task_id = ? AND status = 'RUNNING'"
    " AND queued = 0"
)
_FIRST = "SELECT operation.id, operation.device_id, operation.task_id, 0"
_STARTABLE = (
    f"{_FIRST} FROM operation JOIN device_seen AS seen USING (device_id)"
    " JOIN device USING (device_id)"
    f" WHERE {_NOT_BEGUN} AND device.scope_id = operation.scope_id AND {IS_THERE}"
    " ORDER BY operation.id LIMIT ?"
)
_HOPELESS = (
    f"SELECT {prefixed(OPERATION, 'operation')}"
    " FROM operation LEFT JOIN device USING (device_id)"
    " LEFT JOIN device_seen AS seen USING (device_id)"
    f" WHERE {_NOT_BEGUN} AND (device.scope_id IS NULL"
    " OR device.scope_id <> operation.scope_id"
    f" OR (? = 1 AND ({IS_THERE}) IS NOT TRUE)) ORDER BY operation.id LIMIT ?"
)
_UNENDED = (
    f"SELECT {OPERATION} FROM operation WHERE task_id = ? AND retried = 0"
    " AND status = 'RUNNING' AND canceled = 0 ORDER BY id LIMIT ?"
)
_LAST = 2**63 - 1


@attrs.frozen
class SqlTasks:
    """Keeps the promise of `TaskStore`."""

    reader: Reader
    write: Writer
    _moving: AbstractAsyncContextManager[None] = attrs.field(factory=asyncio.Lock)

    def moving(self) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else moves tasks on."""
        return self._moving

    async def add_task(
        self, task: Task, steps: Sequence[Step], upgrade: Upgrade | None = None
    ) -> None:
        """Keep a task and its steps."""

        def work(connection: Connection) -> None:
            connection.execute(_ADD, task_row(task))
            run_all(connection, [(ADD_STEP, [step_row(step) for step in steps])])
            if upgrade is not None:
                connection.execute(_ADD_UPGRADE, upgrade_row(task, upgrade))

        await self.write(work)

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        """Keep operations that have not begun."""
        rows = [operation_row(operation) for operation in operations]
        await self.write(lambda c: run_all(c, [(ADD_OPERATION, rows)]))

    async def replace_operations(
        self, task: Task, new: Sequence[tuple[Operation, Operation]]
    ) -> None:
        """Keep operations in the place of others that still stand as they did."""

        def work(connection: Connection) -> None:
            for old, operation in new:
                guard = (old.id, old.status.value)
                if connection.execute(_RETRIED, guard).rowcount:
                    ADD_OPERATION.run(connection, [operation_row(operation)])
            connection.execute(_MOVE, _moved(task))

        await self.write(work)

    async def move_task(
        self, before: Task, after: Task, *, key: KeyUse | None = None
    ) -> bool:
        """Write where the task stands, if it still stood as *before*."""
        guard = (before.state.value, before.forgiven)

        def work(connection: Connection) -> bool:
            values = (*_moved(after), *guard)
            moved = connection.execute(f"{_MOVE}{_GUARD}", values).rowcount == 1
            if moved and key is not None and not _take(connection, key):
                connection.execute(_MOVE, _moved(before))
                return False
            return moved

        return await self.write(work)

    async def shift_tasks(self, jump: int, *, now: int) -> None:
        """Move the deadlines of tasks along with a wall clock that jumped."""
        await self.write(lambda c: c.execute(_SHIFT, (jump, now - jump)))

    async def drop_task(self, task_id: int, *, limit: int) -> bool:
        """Delete a task that is PREPARING, or a piece of it."""

        def work(connection: Connection) -> bool:
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
        top = _LAST if before is None else before
        return await self._tasks(_LIST, (scope_id, top, limit))

    async def active_tasks(self) -> Sequence[Task]:
        """Return every task that has not ended."""
        return await self._tasks(_ACTIVE, ())

    async def _tasks(self, sql: str, values: Sequence[Any]) -> list[Task]:
        return await self.reader.run(
            lambda c: [task_from_row(row) for row in c.execute(sql, values)]
        )

    async def count_task(self, task_id: int) -> Counts:
        """Count a task's operations by how they stand."""

        def read(connection: Connection) -> Counts:
            by_status = dict(connection.execute(_COUNT, (task_id,)).fetchall())
            waiting = connection.execute(_COUNT_WAITING, (task_id,)).fetchone()[0]
            return Counts(
                waiting=waiting,
                running=by_status.get(Status.RUNNING, 0) - waiting,
                completed=by_status.get(Status.COMPLETED, 0),
                failed=by_status.get(Status.FAILED, 0),
                stale=by_status.get(Status.STALE, 0),
            )

        return await self.reader.run(read)

    async def startable(
        self, task_id: int, *, now: int, hold: int, limit: int
    ) -> Sequence[DueStep]:
        """Return first steps on devices that are there."""
        return await self._first(_STARTABLE, (task_id, now, hold, limit))

    async def hopeless(
        self, task_id: int, *, late: bool, now: int, hold: int, limit: int
    ) -> Sequence[Operation]:
        """Return what has not begun and whose device is gone, or away if *late*."""
        values = (task_id, int(late), now, hold, limit)
        return await self._operations(_HOPELESS, values)

    async def _first(self, sql: str, values: Sequence[Any]) -> list[DueStep]:
        return await self.reader.run(
            lambda c: [DueStep(*row) for row in c.execute(sql, values)]
        )

    async def unended(self, task_id: int, *, limit: int) -> Sequence[Operation]:
        """Return operations that run, or wait, and were not canceled."""
        return await self._operations(_UNENDED, (task_id, limit))

    async def to_retry(
        self, task_id: int, statuses: frozenset[Status], *, limit: int
    ) -> Sequence[Operation]:
        """Return ended operations whose place nobody took."""
        names = ", ".join(f"'{status.value}'" for status in sorted(statuses))
        sql = (
            f"SELECT {OPERATION} FROM operation WHERE task_id = ? AND retried = 0"
            f" AND status IN ({names}) ORDER BY id LIMIT ?"
        )
        return await self._operations(sql, (task_id, limit))

    async def _operations(self, sql: str, values: Sequence[Any]) -> list[Operation]:
        return await self.reader.run(
            lambda c: [operation_from_row(row) for row in c.execute(sql, values)]
        )

    async def find_key(self, key: Key) -> KeyUse | None:
        """Return how an idempotency key was used."""
        return await self.reader.run(lambda c: find_key(c, key))


def _take(connection: Connection, key: KeyUse) -> bool:
    """Keep a key; tell whether nobody had, with another request or the same."""
    return NEW_KEY.run(connection, [key_row(key)]) == 1


def _moved(task: Task) -> Row:
    """Return what of a task changes, for `_MOVE`."""
    state = task.state.value
    return (state, task.expires_at, task.forgiven, task.ended_at, task.id)

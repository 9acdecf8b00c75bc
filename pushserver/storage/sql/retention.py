"""Deleting what is old, a piece at a time, so that nobody else waits for long."""

from collections.abc import Sequence

import attrs

from pushserver.storage.base import PurgeCutoff
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.write_jobs import SqlWriter

_IS_ENDED = "state IN ('SUCCESSFUL', 'FAILED', 'TIMEOUT', 'EXPIRED', 'CANCELED')"
#: What of each kind may go; `{}` is the scope's condition, if one is meant.
_SELECT_PURGEABLE = {
    "notification": (
        "SELECT id FROM notification WHERE operation_id IN (SELECT id FROM operation"
        " WHERE id < ? AND status <> 'RUNNING'{} ORDER BY id LIMIT 100) LIMIT ?"
    ),
    "operation": (
        "SELECT id FROM operation WHERE id < ? AND status <> 'RUNNING'{}"
        " AND NOT EXISTS (SELECT 1 FROM notification WHERE operation_id = operation.id)"
        " ORDER BY id LIMIT ?"
    ),
    "task": (
        "SELECT id FROM task WHERE id < ? AND ended_at IS NOT NULL{}"
        " AND NOT EXISTS (SELECT 1 FROM operation WHERE task_id = task.id)"
        " ORDER BY id LIMIT ?"
    ),
    "command": (
        f"SELECT id FROM command WHERE id < ? AND {_IS_ENDED}{{}} ORDER BY id LIMIT ?"
    ),
    # A result is younger than its command, so that is gone by then.
    "result": "SELECT id FROM result WHERE id < ?{} ORDER BY id LIMIT ?",
}
#: What goes with a row of a kind, and by which name it points there.
_DEPENDENT_TABLES = {
    "operation": (("step", "owner_id"), ("device_upgrade", "operation_id")),
    "task": (("step", "owner_id"), ("upgrade", "task_id")),
    "command": (("delivery", "command_id"),),
}
_COUNT = "SELECT count(*) FROM {} WHERE id < ?"


@attrs.frozen
class SqlRetention:
    """Keeps the promise of `RetentionStore`."""

    reader: SqlReader
    write: SqlWriter

    async def count_older(self, cutoff: PurgeCutoff) -> int:
        """Count what may be deleted, and what is as old but still at work."""

        def count(connection: SqlConnection) -> int:
            return sum(
                connection.execute(
                    _COUNT.format(kind) + _scope_condition(cutoff),
                    _cutoff_values(cutoff),
                ).fetchone()[0]
                for kind in _SELECT_PURGEABLE
            )

        return await self.reader.run(count)

    async def purge(self, cutoff: PurgeCutoff, *, limit: int) -> int:
        """Delete a piece of each kind; return how many rows."""
        return sum(
            [await self._purge_table(kind, cutoff, limit) for kind in _SELECT_PURGEABLE]
        )

    async def _purge_table(self, table: str, cutoff: PurgeCutoff, limit: int) -> int:
        sql = _SELECT_PURGEABLE[table].format(_scope_condition(cutoff))
        ids: Sequence[int] = await self.reader.run(
            lambda c: [
                row[0] for row in c.execute(sql, (*_cutoff_values(cutoff), limit))
            ]
        )
        if ids:
            await self.write(lambda c: _delete(c, table, ids))
        return len(ids)


def _delete(connection: SqlConnection, kind: str, ids: Sequence[int]) -> None:
    placeholders = ", ".join("?" * len(ids))
    for table, name in (*_DEPENDENT_TABLES.get(kind, ()), (kind, "id")):
        connection.execute(f"DELETE FROM {table} WHERE {name} IN ({placeholders})", ids)


def _scope_condition(cutoff: PurgeCutoff) -> str:
    return "" if cutoff.scope_id is None else " AND scope_id = ?"


def _cutoff_values(cutoff: PurgeCutoff) -> tuple[int, ...]:
    return (
        (cutoff.before,)
        if cutoff.scope_id is None
        else (cutoff.before, cutoff.scope_id)
    )

"""Deleting what is old, a piece at a time, so that nobody else waits for long."""

from collections.abc import Sequence

import attrs

from pushserver.storage.base import Old
from pushserver.storage.sql.connection import Connection, Reader
from pushserver.storage.sql.work import Writer

_ENDED = "state IN ('SUCCESSFUL', 'FAILED', 'TIMEOUT', 'EXPIRED', 'CANCELED')"
#: What of each kind may go; `{}` is the scope's condition, if one is meant.
_OLD = {
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
        f"SELECT id FROM command WHERE id < ? AND {_ENDED}{{}} ORDER BY id LIMIT ?"
    ),
    # A result is younger than its command, so that is gone by then.
    "result": "SELECT id FROM result WHERE id < ?{} ORDER BY id LIMIT ?",
}
#: What goes with a row of a kind, and by which name it points there.
_ALONG = {
    "operation": (("step", "owner_id"),),
    "task": (("step", "owner_id"),),
    "command": (("delivery", "command_id"),),
}
_COUNT = "SELECT count(*) FROM {} WHERE id < ?"


@attrs.frozen
class SqlHistory:
    """Keeps the promise of `HistoryStore`."""

    reader: Reader
    write: Writer

    async def count_old(self, old: Old) -> int:
        """Count what may be deleted, and what is as old but still at work."""

        def count(connection: Connection) -> int:
            return sum(
                connection.execute(
                    _COUNT.format(kind) + _scoped(old), _values(old)
                ).fetchone()[0]
                for kind in _OLD
            )

        return await self.reader.run(count)

    async def purge(self, old: Old, *, limit: int) -> int:
        """Delete a piece of each kind; return how many rows."""
        return sum([await self._purge(kind, old, limit) for kind in _OLD])

    async def _purge(self, kind: str, old: Old, limit: int) -> int:
        sql = _OLD[kind].format(_scoped(old))
        ids: Sequence[int] = await self.reader.run(
            lambda c: [row[0] for row in c.execute(sql, (*_values(old), limit))]
        )
        if ids:
            await self.write(lambda c: _delete(c, kind, ids))
        return len(ids)


def _delete(connection: Connection, kind: str, ids: Sequence[int]) -> None:
    marks = ", ".join("?" * len(ids))
    for table, name in (*_ALONG.get(kind, ()), (kind, "id")):
        connection.execute(f"DELETE FROM {table} WHERE {name} IN ({marks})", ids)


def _scoped(old: Old) -> str:
    return "" if old.scope_id is None else " AND scope_id = ?"


def _values(old: Old) -> tuple[int, ...]:
    return (old.before,) if old.scope_id is None else (old.before, old.scope_id)

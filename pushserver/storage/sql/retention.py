"""Deletes old rows in small transactions, so that other writers wait briefly."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

import attrs

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.retention import PurgeCutoff
from pushserver.storage.sql.audit import KEEP_CREATION
from pushserver.storage.sql.conditions import IS_FINISHED
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_column
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.upgrade_rows import DEVICE_UPGRADES

#: An operation that is over. A task that is not counts those that failed.
_IS_OVER = (
    "status <> 'RUNNING' AND NOT EXISTS"
    " (SELECT 1 FROM task WHERE task.id = operation.task_id AND ended_at IS NULL)"
)
#: Which rows may be deleted, of tables where that may change: a task is retried.
_MAY_GO = {
    "notification": f"operation_id IN (SELECT id FROM operation WHERE {_IS_OVER})",
    "operation": (
        f"{_IS_OVER} AND NOT EXISTS"
        " (SELECT 1 FROM notification WHERE operation_id = operation.id)"
    ),
    "task": (
        "ended_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM operation WHERE task_id = task.id)"
    ),
}
#: Which old ones there are; `{}` is the condition on the scope.
_SELECT_PURGEABLE = {
    "notification": (
        "SELECT id FROM notification WHERE operation_id IN (SELECT id FROM operation"
        f" WHERE id < ? AND {_IS_OVER}{{}} ORDER BY id LIMIT 100) LIMIT ?"
    ),
    **{
        kind: (
            f"SELECT id FROM {kind} WHERE id < ?{{}} AND {_MAY_GO[kind]}"
            " ORDER BY id LIMIT ?"
        )
        for kind in ("operation", "task")
    },
    "command": (
        f"SELECT id FROM command WHERE id < ? AND {IS_FINISHED}{{}} ORDER BY id LIMIT ?"
    ),
    # A result is newer than its command, which is deleted before it.
    "result": "SELECT id FROM result WHERE id < ?{} ORDER BY id LIMIT ?",
}
#: Notifications go before their operation, in the same run.
_SELECT_OLDEST = (
    f"SELECT id FROM operation WHERE id < ? AND {_IS_OVER}{{}} ORDER BY id LIMIT ?",
    *(_SELECT_PURGEABLE[kind] for kind in ("task", "command", "result")),
)
#: Tables whose rows are deleted with a row, and their column with its id.
_DEPENDENT_TABLES = {
    "operation": (("step", "owner_id"), (DEVICE_UPGRADES.name, "operation_id")),
    "task": (("step", "owner_id"), ("upgrade", "task_id")),
    "command": (("delivery", "command_id"),),
    "result": (("piece", "owner_id"),),
}
_SELECT_OLD_AUDIT = "SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?"
_COUNT = "SELECT count(*) FROM {} WHERE id < ?"
_IS_OLD_OPERATION = f"operation.id < ?1 AND {_IS_OVER}"
#: Which rows of each table are deleted by enough batches.
_PURGEABLE = {
    "notification": (
        f"operation_id IN (SELECT id FROM operation WHERE {_IS_OLD_OPERATION}{{}})"
    ),
    "operation": f"{_IS_OLD_OPERATION}{{}}",
    "task": (
        "id < ?1 AND ended_at IS NOT NULL{} AND NOT EXISTS (SELECT 1 FROM operation"
        f" WHERE task_id = task.id AND NOT ({_IS_OLD_OPERATION}))"
    ),
    "command": f"id < ?1 AND {IS_FINISHED}{{}}",
    "result": "id < ?1{}",
}
#: The answers of a scope's tokens; that of the settings has the id 0.
_IS_KEPT_ANSWER = (
    "created_at < ?1 AND length(response_body) > 0 AND (token_id IN"
    " (SELECT id FROM token WHERE scope_id = ?2) OR (token_id = 0 AND ?2 = ?3))"
)
_OLDEST_ANSWERS = (
    "SELECT max(created_at) FROM (SELECT created_at FROM idempotency_key"
    f" WHERE {_IS_KEPT_ANSWER} ORDER BY created_at LIMIT ?4) AS oldest"
)
_EMPTY_ANSWERS = (
    f"UPDATE idempotency_key SET response_body = ?4 WHERE {_IS_KEPT_ANSWER}"
)


@attrs.frozen
class SqlRetention:
    """Implements `RetentionStore`."""

    reader: SqlReader
    write: SqlWriter
    task_lock: AbstractAsyncContextManager[None]

    async def count_older(self, cutoff: PurgeCutoff) -> int:
        where, values = _scope_condition(cutoff), _cutoff_values(cutoff)

        def count(connection: SqlConnection) -> int:
            rows = [
                connection.execute(_COUNT.format(kind) + where, values).fetchone()
                for kind in _SELECT_PURGEABLE
            ]
            return sum(number for (number,) in rows)

        return await self.reader.run(count)

    async def oldest(self, cutoff: PurgeCutoff) -> int | None:
        where, values = _scope_condition(cutoff), (*_cutoff_values(cutoff), 1)
        found = [
            await fetch_column(self.reader, sql.format(where), values)
            for sql in _SELECT_OLDEST
        ]
        return min((row_id for ids in found for row_id in ids), default=None)

    async def count_purgeable(self, cutoff: PurgeCutoff) -> int:
        scope, values = _scope_condition(cutoff, "?2"), _cutoff_values(cutoff)

        def count(connection: SqlConnection) -> int:
            rows = [
                connection.execute(
                    f"SELECT count(*) FROM {kind} WHERE {where.format(scope)}", values
                ).fetchone()
                for kind, where in _PURGEABLE.items()
            ]
            return sum(number for (number,) in rows)

        return await self.reader.run(count)

    async def purge_answers(self, scope_id: int, *, before: int, limit: int) -> int:
        def work(connection: SqlConnection) -> int:
            values = (before, scope_id, DEFAULT_SCOPE_ID, limit)
            (newest,) = connection.execute(_OLDEST_ANSWERS, values).fetchone()
            if newest is None:
                return 0
            values_of_batch = (newest + 1, scope_id, DEFAULT_SCOPE_ID, b"")
            return connection.execute(_EMPTY_ANSWERS, values_of_batch).rowcount

        return await self.write(work)

    async def purge(self, cutoff: PurgeCutoff, *, limit: int) -> Mapping[str, int]:
        return {
            kind: await self._purge_table(kind, cutoff, limit)
            for kind in _SELECT_PURGEABLE
        }

    async def _purge_table(self, table: str, cutoff: PurgeCutoff, limit: int) -> int:
        sql = _SELECT_PURGEABLE[table].format(_scope_condition(cutoff))
        values = (*_cutoff_values(cutoff), limit)
        ids = await fetch_column(self.reader, sql, values)
        if not ids:
            return 0
        # While they are deleted, nobody lets a task run again.
        async with self.task_lock if table in _MAY_GO else nullcontext():
            return await self.write(
                lambda c: _delete_if_still_over(c, table, ids, cutoff.audit_from)
            )

    async def oldest_audit(self, before: int) -> int | None:
        ids = await fetch_column(self.reader, _SELECT_OLD_AUDIT, (before, 1))
        return next(iter(ids), None)

    async def purge_audit(self, before: int, *, limit: int) -> int:
        ids = await fetch_column(self.reader, _SELECT_OLD_AUDIT, (before, limit))
        if ids:
            await self.write(lambda c: _delete(c, "audit", ids))
        return len(ids)


def _delete_if_still_over(
    connection: SqlConnection, kind: str, ids: Sequence[int], audit_from: int
) -> int:
    """Delete what has not come back to life since it was found; return how many."""
    if kind in _MAY_GO:
        placeholders = ", ".join("?" * len(ids))
        sql = f"SELECT id FROM {kind} WHERE id IN ({placeholders}) AND {_MAY_GO[kind]}"
        ids = [row_id for (row_id,) in connection.execute(sql, ids)]
    if ids:
        _delete(connection, kind, ids, audit_from)
    return len(ids)


def _delete(
    connection: SqlConnection, kind: str, ids: Sequence[int], audit_from: int = 0
) -> None:
    placeholders = ", ".join("?" * len(ids))
    if kind == "command":
        connection.execute(KEEP_CREATION.format(placeholders), (*ids, audit_from))
    for table, name in (*_DEPENDENT_TABLES.get(kind, ()), (kind, "id")):
        connection.execute(f"DELETE FROM {table} WHERE {name} IN ({placeholders})", ids)


def _scope_condition(cutoff: PurgeCutoff, placeholder: str = "?") -> str:
    return "" if cutoff.scope_id is None else f" AND scope_id = {placeholder}"


def _cutoff_values(cutoff: PurgeCutoff) -> tuple[int, ...]:
    scope = () if cutoff.scope_id is None else (cutoff.scope_id,)
    return (cutoff.before, *scope)

"""Writes and lists the audit. The creation of commands is read from their rows."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.ids import MAX_INT64, first_id_at
from pushserver.storage.audit import AuditFilter
from pushserver.storage.audit_rows import AUDIT
from pushserver.storage.sql.bulk import insert
from pushserver.storage.sql.connection import (
    SqlConnection,
    SqlReader,
    no_low_watermark,
)
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.repeated_acts import count_repetition
from pushserver.storage.sql.write_jobs import SqlWriter

INSERT_AUDIT = insert(AUDIT)
_NULL = "CAST(NULL AS TEXT)"
#: The columns of a command as those of an entry.
_COMMAND_COLUMNS = (
    f"id, scope_id, created_at, created_by, created_by_name,"
    f" '{AuditAction.COMMAND_CREATE.value}', '{TargetKind.COMMAND.value}', id,"
    f" device_id, created_from, request_id, endpoint, {_NULL}"
)
#: Keeps the entries of commands that are deleted.
KEEP_CREATION = (
    f"INSERT INTO audit ({AUDIT.column_list})"
    f" SELECT {_COMMAND_COLUMNS} FROM command WHERE id IN ({{}}) AND id >= ?"
)
_AUDIT_INDEXES = (
    ("target_id",),
    ("device_id",),
    ("token_id",),
    ("scope_id", "action"),
    ("scope_id",),
)
_COMMAND_INDEXES = (("device_id",), ("created_by",), ("scope_id",))
#: After the wall clock was set back, ids are ahead of it by less than this (µs).
_CLOCK_TOLERANCE = 86_400_000_000


@attrs.frozen
class SqlAudit:
    """Implements `AuditStore`."""

    reader: SqlReader
    write: SqlWriter
    low_watermark: Callable[[], Awaitable[int]] = no_low_watermark

    async def newest_entries(
        self,
        scope_id: int,
        criteria: AuditFilter,
        *,
        before: int = MAX_INT64,
        limit: int,
    ) -> Sequence[AuditEntry]:
        return await self._page(scope_id, criteria, -1, before, limit, "DESC")

    async def entries_after(
        self, scope_id: int, criteria: AuditFilter, *, after: int, limit: int
    ) -> Sequence[AuditEntry]:
        before = await self.low_watermark()
        return await self._page(scope_id, criteria, after, before, limit, "ASC")

    async def _page(
        self,
        scope_id: int,
        criteria: AuditFilter,
        above: int,
        below: int,
        limit: int,
        direction: str,
    ) -> Sequence[AuditEntry]:
        """Merge a page of the table and one of commands, in one statement."""

        def read(connection: SqlConnection) -> list[AuditEntry]:
            query = _Query(connection, scope_id, criteria, above, below, direction)
            pages = [query.of_table(limit), query.of_commands(limit)]
            found = [page for page in pages if page is not None]
            sql = " UNION ALL ".join(sql for sql, _ in found)
            values = [value for _, values in found for value in values]
            sql += f" ORDER BY 1 {direction} LIMIT ?"
            return list(map(AUDIT.read, connection.execute(sql, (*values, limit))))

        return await self.reader.run(read)

    async def add_entries(self, entries: Sequence[AuditEntry]) -> None:
        await self.write(lambda c: write_audit(c, entries), entries)


def write_audit(connection: SqlConnection, entries: Sequence[AuditEntry]) -> None:
    """Write entries in the transaction of what they are about."""
    INSERT_AUDIT.write(connection, [each for each in entries if each.first is None])
    write_repeated(connection, entries)


def write_repeated(connection: SqlConnection, entries: Sequence[AuditEntry]) -> None:
    """Count those of the *entries* that repeat others to those, which are written."""
    pairs = [(each.first, each) for each in entries if each.first is not None]
    # Sorted, so that no two connections deadlock.
    for first, entry in sorted(pairs, key=lambda pair: pair[0].id):
        if not count_repetition(connection, first):
            # It was never written after all: this one stands for it from now on.
            first.id = entry.id
            INSERT_AUDIT.write(connection, [entry])


@attrs.frozen
class _Query:
    """The statements that read a page."""

    connection: SqlConnection
    scope_id: int
    criteria: AuditFilter
    above: int
    below: int
    direction: str

    def of_table(self, limit: int) -> tuple[str, Sequence[Any]]:
        """Return the statement over the table, and its values."""
        criteria = self.criteria
        values = {
            "scope_id": self.scope_id,
            "token_id": criteria.token_id,
            "action": criteria.action and criteria.action.value,
            "target_id": criteria.target_id,
            "device_id": criteria.device_id,
        }
        index_range = self._range(values, _AUDIT_INDEXES)
        extra = {
            " AND actor_name = ? AND token_id IS NULL": criteria.actor_name,
            " AND target_kind = ?": criteria.target_kind and criteria.target_kind.value,
        }
        given = {sql: value for sql, value in extra.items() if value is not None}
        return self._page(AUDIT.column_list, "audit", index_range, "at", given, limit)

    def of_commands(self, limit: int) -> tuple[str, Sequence[Any]] | None:
        """Return the statement over commands, if their creation is meant."""
        criteria = self.criteria
        if (
            criteria.action not in (None, AuditAction.COMMAND_CREATE)
            or criteria.target_kind not in (None, TargetKind.COMMAND)
            or criteria.actor_name is not None
        ):
            return None
        values = {
            "scope_id": self.scope_id,
            "created_by": criteria.token_id,
            "device_id": criteria.device_id,
        }
        index_range = self._range(values, _COMMAND_INDEXES)
        if criteria.target_id is not None:
            index_range = attrs.evolve(
                index_range,
                above=max(index_range.above, criteria.target_id - 1),
                below=min(index_range.below, criteria.target_id + 1),
            )
        return self._page(
            _COMMAND_COLUMNS, "command", index_range, "created_at", {}, limit
        )

    def _page(
        self,
        columns: str,
        table: str,
        index_range: IndexRange,
        instant: str,
        extra: dict[str, Any],
        limit: int,
    ) -> tuple[str, Sequence[Any]]:
        criteria = self.criteria
        times = {
            f" AND {instant} > ?": criteria.created_after,
            f" AND {instant} < ?": criteria.created_before,
        }
        extra |= {sql: value for sql, value in times.items() if value is not None}
        is_descending = self.direction == "DESC"
        order = (
            index_range.order_newest_first
            if is_descending
            else index_range.order_oldest_first
        )
        sql = (
            f"SELECT * FROM (SELECT {columns} FROM {table}"
            f" WHERE {index_range.condition}{''.join(extra)}"
            f" ORDER BY {order} LIMIT ?) AS page"
        )
        return sql, [*index_range.parameters, *extra.values(), limit]

    def _range(
        self, values: dict[str, Any], indexes: Sequence[Sequence[str]]
    ) -> IndexRange:
        """Return the rows to read; ids grow with time, so instants bound them."""
        after, until = self.criteria.created_after, self.criteria.created_before
        above = -1 if after is None else first_id_at(after) - 1
        below = MAX_INT64 if until is None else first_id_at(until + _CLOCK_TOLERANCE)
        return IndexRange(
            self.connection,
            values,
            indexes,
            max(self.above, above),
            min(self.below, below),
        )

"""Deletes bodies in small transactions, and finds those that there still are."""

from collections import defaultdict
from collections.abc import Sequence

import attrs
import msgspec

from pushserver.model.parsed_result import ParsedSpans
from pushserver.storage.bodies import BodyOwner, BodyPage
from pushserver.storage.sql.conditions import IS_FINISHED
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.table import Row

_HAS_STEP_BODY = (
    "EXISTS (SELECT 1 FROM step WHERE owner_id = {}.id"
    " AND (body IS NOT NULL OR blob IS NOT NULL))"
)
#: When each kind of owner has ended, and when it has a body. There is no index of
#: these: it would be written with every command, to be read once an hour.
_CONDITIONS = {
    BodyOwner.COMMAND: (IS_FINISHED, "body IS NOT NULL OR blob IS NOT NULL"),
    BodyOwner.RESULT: ("1 = 1", "length(body) > 0 OR mended IS NOT NULL"),
    BodyOwner.OPERATION: ("status <> 'RUNNING'", _HAS_STEP_BODY.format("operation")),
    BodyOwner.TASK: ("ended_at IS NOT NULL", _HAS_STEP_BODY.format("task")),
}
_LOOK = (
    "SELECT id, CASE WHEN {0} THEN 1 ELSE 0 END,"
    " CASE WHEN {0} AND ({1}) THEN 1 ELSE 0 END"
    " FROM {2} WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
)
_DELETE_OF_COMMANDS = (
    "UPDATE command SET body = NULL, blob = NULL, body_deleted_at = ? WHERE id IN ({})"
)
_DELETE_OF_STEPS = (
    "UPDATE step SET body = NULL, blob = NULL, body_deleted_at = ?"
    " WHERE owner_id IN ({}) AND (body IS NOT NULL OR blob IS NOT NULL)"
    # It may run again since it was found.
    " AND NOT EXISTS (SELECT 1 FROM task WHERE id = owner_id AND ended_at IS NULL)"
)
_SELECT_PARSED = "SELECT id, parsed FROM result WHERE id IN ({})"
_DELETE_OF_RESULTS = (
    "UPDATE result SET body = ?, mended = NULL, parsed = ?, body_deleted_at = ?"
    " WHERE id IN ({})"
)
_DELETE_PIECES = "DELETE FROM piece WHERE owner_id IN ({})"
_SELECT_DELETED_STEP = (
    "SELECT 1 FROM step WHERE owner_id = ? AND body_deleted_at IS NOT NULL LIMIT 1"
)
_decode_spans = msgspec.json.Decoder(ParsedSpans).decode


@attrs.frozen
class SqlBodies:
    """Implements `BodyStore`."""

    reader: SqlReader
    write: SqlWriter

    async def look(
        self, owner: BodyOwner, *, after: int, before: int, limit: int
    ) -> BodyPage:
        sql = _LOOK.format(*_CONDITIONS[owner], owner.value)
        rows = await fetch_all(self.reader, tuple, sql, (after, before, limit))
        if not rows:
            return BodyPage()
        return BodyPage(
            last=rows[-1][0],
            live=next((row_id for row_id, has_ended, _ in rows if not has_ended), None),
            ids=[row_id for row_id, _, has_body in rows if has_body],
        )

    async def delete(self, owner: BodyOwner, ids: Sequence[int], now: int) -> None:
        if owner is BodyOwner.RESULT:
            await self.write(lambda c: _delete_of_results(c, ids, now))
            return
        is_command = owner is BodyOwner.COMMAND
        sql = _DELETE_OF_COMMANDS if is_command else _DELETE_OF_STEPS
        await self.write(lambda c: _execute(c, sql, (now,), ids))

    async def has_deleted_step(self, task_id: int) -> bool:
        return bool(
            await fetch_all(self.reader, tuple, _SELECT_DELETED_STEP, (task_id,))
        )


def _delete_of_results(connection: SqlConnection, ids: Sequence[int], now: int) -> None:
    ids_by_parsed = defaultdict(list)
    placeholders = ", ".join("?" * len(ids))
    for row in connection.execute(_SELECT_PARSED.format(placeholders), ids).fetchall():
        ids_by_parsed[_without_spans(row)].append(row[0])
    for parsed, some_ids in ids_by_parsed.items():
        _execute(connection, _DELETE_OF_RESULTS, (b"", parsed, now), some_ids)
    _execute(connection, _DELETE_PIECES, (), ids)


def _without_spans(row: Row) -> str:
    """Return what is still known of a result of which nothing is left."""
    spans = ParsedSpans() if row[1] is None else _decode_spans(row[1])
    left = ParsedSpans(refused=spans.refused, unreadable=spans.unreadable)
    return msgspec.json.encode(left).decode()


def _execute(
    connection: SqlConnection, sql: str, values: Row, ids: Sequence[int]
) -> None:
    placeholders = ", ".join("?" * len(ids))
    connection.execute(sql.format(placeholders), (*values, *ids))

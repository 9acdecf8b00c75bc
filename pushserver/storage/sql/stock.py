"""Counts all that is stored, and what was added since an instant."""

from pushserver.model.state import CommandState
from pushserver.storage.sql.conditions import is_one_of
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection
from pushserver.storage.statistics import RowCount, Stock

#: The tables that grow, and the column whose ids tell when a row was added.
_TABLES = {
    "command": "id",
    "delivery": "id",
    "result": "id",
    "piece": "owner_id",
    "blob": "id",
    "operation": "id",
    "notification": "id",
    "event": "id",
    "webhook": "event_id",
    "audit": "id",
}
_COUNT = "SELECT count(*) FROM {}"
_COUNT_SINCE = "SELECT count(*) FROM {} WHERE {} >= ?"
# With scopes and states named, the index on both and the id has the answer.
_COMMANDS_SINCE = (
    "SELECT state, count(*) FROM command WHERE scope_id IN (SELECT id FROM scope)"
    f" AND {is_one_of('state', frozenset(CommandState))} AND id >= ? GROUP BY state"
)
_SQLITE_SIZE = (
    "SELECT page_count * page_size, freelist_count * page_size"
    " FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count()"
)
_POSTGRES_SIZE = "SELECT pg_database_size(current_database()), NULL"
#: An estimate, -1 before the first one, and the size with indexes and long values.
_POSTGRES_TABLE = (
    "SELECT CAST(reltuples AS BIGINT), pg_total_relation_size(oid) FROM pg_class"
    " WHERE oid = CAST(? AS regclass)"
)


def read_stock(connection: SqlConnection, *, first_id: int) -> Stock:
    """Count what there is, and what has ids from *first_id* on."""
    is_postgres = isinstance(connection, PostgresDialect)
    sql = _POSTGRES_SIZE if is_postgres else _SQLITE_SIZE
    size, unused = connection.execute(sql).fetchone()
    by_state = connection.execute(_COMMANDS_SINCE, (first_id,)).fetchall()
    return Stock(
        size=size,
        unused=unused,
        rows=[_count(connection, table, first_id) for table in _TABLES],
        commands_last_day={CommandState(state): count for state, count in by_state},
    )


def _count(connection: SqlConnection, table: str, first_id: int) -> RowCount:
    sql = _COUNT_SINCE.format(table, _TABLES[table])
    (since,) = connection.execute(sql, (first_id,)).fetchone()
    rows, size = -1, None
    if isinstance(connection, PostgresDialect):
        rows, size = connection.execute(_POSTGRES_TABLE, (table,)).fetchone()
    if rows < 0:
        (rows,) = connection.execute(_COUNT.format(table)).fetchone()
    return RowCount(table, rows, since, size)

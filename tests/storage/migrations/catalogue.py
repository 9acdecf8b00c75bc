"""What a database is made of: tables, columns, checks, indexes, triggers, functions."""

import re
from collections.abc import Iterator

from tests.database_rows import Query, open_reader

_COMMENT = re.compile(r"--[^\n]*")
_COLUMNS = (
    'SELECT m.name, i.cid, i.name, i.type, i."notnull", i.dflt_value, i.pk'
    " FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS i WHERE m.type = 'table'"
)
_POSTGRES = (
    # Columns that were dropped leave a gap in the numbers.
    "SELECT table_name, column_name, row_number() OVER (PARTITION BY table_name"
    " ORDER BY ordinal_position), data_type, is_nullable, column_default,"
    " collation_name FROM information_schema.columns WHERE table_schema = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    " AND contype <> 'n'",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname, pg_get_functiondef(oid) FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace",
)


def catalogue(database: str) -> list[tuple[str, ...]]:
    """Return all of it, sorted."""
    find = _of_sqlite if database.startswith("sqlite:") else _of_postgres
    with open_reader(database) as read:
        return sorted(tuple(map(str, row)) for row in find(read))


def _of_sqlite(read: Query) -> Iterator[tuple[object, ...]]:
    yield from read(_COLUMNS)
    for kind, name, table, sql in read(
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
    ):
        yield kind, name, table, _plain(sql or "")


def _of_postgres(read: Query) -> Iterator[tuple[object, ...]]:
    for sql in _POSTGRES:
        yield from read(sql)


def _plain(sql: str) -> str:
    """Leave away what says nothing: comments, spaces, and quotes around names."""
    words = re.findall(r"\w+|[^\w\s]", _COMMENT.sub("", sql).replace('"', ""))
    return " ".join(words)

"""Statements over many rows, in the fastest form for each database."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import attrs

from pushserver.errors import Unavailable
from pushserver.storage.schema_file import column_types
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection
from pushserver.storage.table import Column, Row, RowWriter, Table

#: Values with more bytes or characters than this are not put into arrays, which would
#: copy them several times while a transaction is open.
_MAX_ARRAY_VALUE = 16_384
_ROW_CHANGED = "another process changed a row"


class RowChanged(Unavailable):
    """A row is not as it was when it was read."""


@attrs.frozen(kw_only=True, eq=False)
class BulkStatement:
    """
    One SQL statement over many rows: `{}` stands for them, `to_rows` makes them.

    PostgreSQL is given an array for each column; a `?` behind the rows is one more.
    Python's SQLite module releases the GIL at each step, and getting it back from the
    event loop costs more than the step. So 64 rows share a step, the rest 32, 16, …,
    which keeps the number of prepared statements small.
    """

    sql: str
    column_count: int
    to_rows: Callable[[Iterable[Any]], Sequence[Row]]
    must_match_all: bool = False  # a row that matches nothing raises RowChanged
    column_types: Sequence[str] | None = None  # of an INSERT
    array_sql: str = attrs.field(init=False)
    unbounded_columns: Sequence[int] = attrs.field(init=False)

    @unbounded_columns.default
    def _unbounded_columns(self) -> Sequence[int]:
        kinds = enumerate(self.column_types or ())
        return [place for place, kind in kinds if kind in ("TEXT", "BYTEA")]

    @array_sql.default
    def _array_sql(self) -> str:
        """Return the same statement over arrays, one for each column."""
        names = [f"column{n + 1}" for n in range(self.column_count)]
        # Not in FROM, where PostgreSQL would put all rows aside before it takes one.
        columns = ", ".join(f"unnest(CAST(? AS TEXT[])) AS {name}" for name in names)
        if self.column_types is None:
            return self.sql.replace("(VALUES {})", f"(SELECT {columns})")
        cast = zip(names, self.column_types, strict=True)
        expressions = ", ".join(f"CAST({name} AS {kind})" for name, kind in cast)
        source = f"SELECT {expressions} FROM (SELECT {columns}) AS given"
        return self.sql.replace("VALUES {}", source)

    def write(self, connection: SqlConnection, values: Iterable[Any]) -> None:
        """Execute the statement over *values*, as `execute_batches` does."""
        execute_batches(connection, [Batch(self, self.to_rows(values))])

    def execute(self, connection: SqlConnection, rows: Sequence[Row]) -> int:
        """Execute the statement over *rows*; return how many rows it changed."""
        changed, start = 0, 0
        for size in _CHUNK_SIZES:
            while len(rows) - start >= size:
                values = chain.from_iterable(rows[start : start + size])
                sql = _with_placeholders(self.sql, self.column_count, size)
                cursor = connection.execute(sql, tuple(values))
                changed += cursor.rowcount
                start += size
        return changed


@attrs.frozen
class Batch:
    """A statement and its rows; `more` are the further arrays of PostgreSQL."""

    statement: BulkStatement
    rows: Sequence[Row]
    more: Sequence[Sequence[Any]] = ()

    @cached_property
    def columns(self) -> Sequence[Sequence[Any]]:
        """The values of each column."""
        return tuple(zip(*self.rows, strict=True))

    @property
    def is_large(self) -> bool:
        """Tell whether a value is too large for an array."""
        columns = map(self.columns.__getitem__, self.statement.unbounded_columns)
        return any(_max_length(column) > _MAX_ARRAY_VALUE for column in columns)


def _max_length(column: Sequence[str | bytes | None]) -> int:
    if column.count(column[0]) == len(column):  # as most columns of many rows are
        return len(column[0] or "")
    return max(map(len, filter(None, column)), default=0)


def execute_batches(connection: SqlConnection, batches: Sequence[Batch]) -> None:
    """
    Execute statements that do not depend on each other.

    Raises:
        RowChanged: a row of a statement that `must_match_all` matched nothing; where
            arrays are used, the database fails to cast text.
    """
    batches = [batch for batch in batches if batch.rows]
    if isinstance(connection, PostgresDialect):
        if small := [batch for batch in batches if not batch.is_large]:
            connection.execute_arrays(*combine(small))
        if batches := [batch for batch in batches if batch.is_large]:
            connection.extend_timeout()
    for batch in batches:
        changed = batch.statement.execute(connection, batch.rows)
        if changed != len(batch.rows) and batch.statement.must_match_all:
            raise RowChanged(f"The database refused: {_ROW_CHANGED}")


def combine(batches: Sequence[Batch]) -> tuple[str, Sequence[Sequence[Any]]]:
    """
    Return one statement for all, and its arrays.

    It fails if a statement that `must_match_all` does not.
    """
    arrays: list[Sequence[Any]] = []
    for batch in batches:
        arrays += (*batch.columns, *batch.more)
    return _combine(tuple(batch.statement for batch in batches)), arrays


_CHUNK_SIZES = (64, 32, 16, 8, 4, 2, 1)


@lru_cache
def _with_placeholders(sql: str, width: int, size: int) -> str:
    row = f"({', '.join('?' * width)})"
    return sql.format(", ".join([row] * size))


@lru_cache(maxsize=256)
def _combine(statements: Sequence[BulkStatement]) -> str:
    ctes, has_matched, array = list[str](), list[str](), 1
    for n, each in enumerate(statements):
        returning = " RETURNING 1" if each.must_match_all else ""
        ctes.append(f"s{n} AS ({each.array_sql}{returning})")
        if each.must_match_all:
            given = f"cardinality(CAST(?{array} AS TEXT[]))"
            has_matched.append(f"(SELECT count(*) FROM s{n}) = {given}")
        array += each.array_sql.count("?")
    # What cannot be cast fails the transaction, without another trip.
    checked = f"CASE WHEN {' AND '.join(has_matched) or 'TRUE'} THEN '1'"
    return (
        f"WITH {', '.join(ctes)}"
        f" SELECT CAST({checked} ELSE '{_ROW_CHANGED}' END AS INTEGER)"
    )


def pad_ids(ids: Collection[int]) -> tuple[int, ...]:
    """
    Repeat the last id up to a power of two, so that fewer statements are prepared.
    """
    known = tuple(ids)
    size = 1 << (len(known) - 1).bit_length()
    return known + known[-1:] * (size - len(known))


def insert(
    table: Table[Any], suffix: str = "", *, must_match_all: bool = False
) -> BulkStatement:
    """Return the statement that adds rows to *table*; it ends with *suffix*."""
    columns = table.column_list
    return BulkStatement(
        sql=f"INSERT INTO {table.name} ({columns}) VALUES {{}}{suffix}",
        column_count=len(table.columns),
        to_rows=table.row.rows,
        must_match_all=must_match_all,
        column_types=column_types(table.name, columns),
    )


def upsert(
    table: Table[Any], *key: str, where: str = "", must_match_all: bool = False
) -> BulkStatement:
    """
    Return the statement that inserts rows, or updates those with the same *key*.

    Rows that do not match *where* are not updated.
    """
    names = [column.name for column in table.columns if column.name not in key]
    new = ", ".join(f"{name} = excluded.{name}" for name in names)
    suffix = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {new}"
    if where:
        suffix += f" WHERE {where}"
    return insert(table, suffix, must_match_all=must_match_all)


def update(
    table: Table[Any],
    names: Sequence[str] = (),
    *,
    key: Sequence[str],
    guard: Column | None = None,
    also: str = "",
) -> BulkStatement:
    """
    Return the statement that writes the columns *names* of the rows with this *key*.

    It also sets *also*. With a *guard*, each row must still have its value there.
    """
    columns = [*table.pick(*names, *key), *([guard] if guard else [])]
    types = column_types(table.name, ", ".join(column.name for column in columns))
    given = [
        f"new.column{n}" if kind == "TEXT" else f"CAST(new.column{n} AS {kind})"
        for n, kind in enumerate(types, 1)
    ]
    pairs = list(zip(columns, given, strict=True))
    changes = [f"{column.name} = {value}" for column, value in pairs[: len(names)]]
    where = [f"{table.name}.{column.name} = {value}" for column, value in pairs]
    if guard is not None and types[-1] == "TEXT":
        # An expression, so that no index on the column is used instead of the key's.
        where[-1] = f"{table.name}.{guard.name} || '' = {given[-1]}"
    return BulkStatement(
        sql=f"UPDATE {table.name} SET {', '.join([*changes, *filter(None, [also])])}"
        f" FROM (VALUES {{}}) AS new WHERE {' AND '.join(where[len(names) :])}",
        column_count=len(columns),
        to_rows=RowWriter(columns).rows,
        must_match_all=guard is not None,
    )

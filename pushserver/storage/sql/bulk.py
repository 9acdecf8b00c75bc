"""Statements over many rows, in the way in which each database takes them best."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain

import attrs

from pushserver.errors import Unavailable
from pushserver.storage.rows import Row, count_columns
from pushserver.storage.schema import column_types
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection

#: A value with more than so many bytes or characters is not put into an array: that
#: takes several copies of it, while a transaction is open.
_MAX_ARRAY_VALUE = 16_384


@attrs.frozen
class BulkStatement:
    """
    One statement over many rows, `{}` standing for them.

    SQLite's module lets other threads run after each step, and taking turns with the
    event loop costs more than the step. So rows share steps: sixty-odd of them, and
    the rest by halves, which keeps the number of statements to prepare small.
    """

    sql: str
    column_count: int
    must_match_all: bool = False  # every row must be there as it was believed to be
    column_types: Sequence[str] | None = None  # of the columns that are inserted
    array_sql: str = attrs.field(init=False)

    @array_sql.default
    def _array_sql(self) -> str:
        """Return the same over arrays, one for each column."""
        names = [f"column{n + 1}" for n in range(self.column_count)]
        source = (
            f"unnest({', '.join(['CAST(? AS TEXT[])'] * self.column_count)})"
            f" AS given({', '.join(names)})"
        )
        if self.column_types is None:
            return self.sql.replace("(VALUES {})", f"(SELECT * FROM {source})")
        cast = zip(names, self.column_types, strict=True)
        expressions = ", ".join(f"CAST({name} AS {kind})" for name, kind in cast)
        return self.sql.replace("VALUES {}", f"SELECT {expressions} FROM {source}")

    def execute(self, connection: SqlConnection, rows: Sequence[Row]) -> int:
        """Write *rows*; return how many were changed."""
        changed, start = 0, 0
        for size in _CHUNK_SIZES:
            while len(rows) - start >= size:
                values = chain.from_iterable(rows[start : start + size])
                cursor = connection.execute(self._sql_for(size), tuple(values))
                changed += cursor.rowcount
                start += size
        return changed

    def _sql_for(self, row_count: int) -> str:
        return _with_placeholders(self.sql, self.column_count, row_count)


#: A statement, and the rows it is done over.
Batch = tuple[BulkStatement, Sequence[Row]]


def execute_batches(connection: SqlConnection, batches: Sequence[Batch]) -> None:
    """
    Do statements none of which needs what another one does.

    Raises:
        Unavailable: a guarded row is not there as it was believed to be.
    """
    batches = [batch for batch in batches if batch[1]]
    if isinstance(connection, PostgresDialect):
        small = [batch for batch in batches if not _has_large_value(batch)]
        _check_row_counts(small, _execute_combined(connection, small))
        batches = [batch for batch in batches if _has_large_value(batch)]
        if batches:
            connection.extend_timeout()
    _check_row_counts(
        batches, [statement.execute(connection, rows) for statement, rows in batches]
    )


def _has_large_value(batch: Batch) -> bool:
    statement, rows = batch
    if statement.column_types is None:
        return False
    values = chain.from_iterable(rows)
    return any(isinstance(v, str | bytes) and len(v) > _MAX_ARRAY_VALUE for v in values)


def _execute_combined(
    connection: PostgresDialect, batches: Sequence[Batch]
) -> Sequence[int]:
    """Do all of them in one statement; return how many rows each changed."""
    if not batches:
        return ()
    tables = [rows for _, rows in batches]
    sql = _combine(tuple(statement.array_sql for statement, _ in batches))
    counts: Sequence[int] = connection.execute_arrays(sql, *tables).fetchone()
    return counts


def _check_row_counts(batches: Sequence[Batch], row_counts: Sequence[int]) -> None:
    for (statement, rows), count in zip(batches, row_counts, strict=True):
        if statement.must_match_all and count != len(rows):
            raise Unavailable("The database refused: somebody else moved a row")


_CHUNK_SIZES = (64, 32, 16, 8, 4, 2, 1)


@lru_cache
def _with_placeholders(sql: str, width: int, size: int) -> str:
    row = f"({', '.join('?' * width)})"
    return sql.format(", ".join([row] * size))


@lru_cache(maxsize=256)
def _combine(statements: Sequence[str]) -> str:
    """Return one statement that does these, and tells how many rows each changed."""
    ctes = ", ".join(f"s{n} AS ({sql} RETURNING 1)" for n, sql in enumerate(statements))
    counts = ", ".join(f"(SELECT count(*) FROM s{n})" for n in range(len(statements)))
    return f"WITH {ctes} SELECT {counts}"


def pad_ids(ids: Collection[int]) -> tuple[int, ...]:
    """
    Repeat the last id up to the next power of two.

    So there are few different statements to be prepared.
    """
    known = tuple(ids)
    size = 1 << (len(known) - 1).bit_length()
    return known + known[-1:] * (size - len(known))


def insert(table: str, names: str) -> BulkStatement:
    """Return the statement that adds rows of these columns."""
    sql = f"INSERT INTO {table} ({names}) VALUES {{}}"
    return BulkStatement(
        sql, count_columns(names), column_types=column_types(table, names)
    )


def upsert(table: str, names: str, *, key: str) -> BulkStatement:
    """Return the statement that writes rows, or over those with the same *key*."""
    own = [name for name in names.split(", ") if name not in key.split(", ")]
    new = ", ".join(f"{name} = excluded.{name}" for name in own)
    sql = (
        f"INSERT INTO {table} ({names}) VALUES {{}}"
        f" ON CONFLICT ({key}) DO UPDATE SET {new}"
    )
    return BulkStatement(
        sql, count_columns(names), column_types=column_types(table, names)
    )

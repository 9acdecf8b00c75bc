"""Statements over many rows, in the way in which each database takes them best."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain

import attrs

from pushserver.errors import Unavailable
from pushserver.storage.rows import Row, columns
from pushserver.storage.schema import column_kinds
from pushserver.storage.sql.connection import ByColumns, Connection

#: A value with more than so many bytes or characters is not put into an array: that
#: takes several copies of it, while a transaction is open.
_MOST = 16_384


@attrs.frozen
class Statement:
    """
    One statement over many rows, `{}` standing for them.

    SQLite's module lets other threads run after each step, and taking turns with the
    event loop costs more than the step. So rows share steps: sixty-odd of them, and
    the rest by halves, which keeps the number of statements to prepare small.
    """

    sql: str
    width: int
    guarded: bool = False  # every row must be there as it was believed to be
    kinds: Sequence[str] | None = None  # of the columns that are inserted
    by_columns: str = attrs.field(init=False)

    @by_columns.default
    def _by_columns(self) -> str:
        """Return the same over arrays, one for each column."""
        names = [f"column{n + 1}" for n in range(self.width)]
        source = (
            f"unnest({', '.join(['CAST(? AS TEXT[])'] * self.width)})"
            f" AS given({', '.join(names)})"
        )
        if self.kinds is None:
            return self.sql.replace("(VALUES {})", f"(SELECT * FROM {source})")
        cast = zip(names, self.kinds, strict=True)
        chosen = ", ".join(f"CAST({name} AS {kind})" for name, kind in cast)
        return self.sql.replace("VALUES {}", f"SELECT {chosen} FROM {source}")

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Write *rows*; return how many were changed."""
        changed, start = 0, 0
        for size in _SIZES:
            while len(rows) - start >= size:
                values = chain.from_iterable(rows[start : start + size])
                done = connection.execute(self._over(size), tuple(values))
                changed += done.rowcount
                start += size
        return changed

    def _over(self, size: int) -> str:
        return _filled(self.sql, self.width, size)


#: A statement, and the rows it is done over.
Batch = tuple[Statement, Sequence[Row]]


def run_all(connection: Connection, batches: Sequence[Batch]) -> None:
    """
    Do statements none of which needs what another one does.

    Raises:
        Unavailable: a guarded row is not there as it was believed to be.
    """
    batches = [batch for batch in batches if batch[1]]
    if isinstance(connection, ByColumns):
        short = [batch for batch in batches if not _is_long(batch)]
        _check(short, _run_at_once(connection, short))
        batches = [batch for batch in batches if _is_long(batch)]
        if batches:
            connection.take_time()
    _check(batches, [statement.run(connection, rows) for statement, rows in batches])


def _is_long(batch: Batch) -> bool:
    statement, rows = batch
    if statement.kinds is None:
        return False
    values = chain.from_iterable(rows)
    return any(isinstance(v, str | bytes) and len(v) > _MOST for v in values)


def _run_at_once(connection: ByColumns, batches: Sequence[Batch]) -> Sequence[int]:
    """Do all of them in one statement; return how many rows each changed."""
    if not batches:
        return ()
    tables = [rows for _, rows in batches]
    sql = _joined(tuple(statement.by_columns for statement, _ in batches))
    counts: Sequence[int] = connection.execute_columns(sql, *tables).fetchone()
    return counts


def _check(batches: Sequence[Batch], changed: Sequence[int]) -> None:
    for (statement, rows), count in zip(batches, changed, strict=True):
        if statement.guarded and count != len(rows):
            raise Unavailable("The database refused: somebody else moved a row")


_SIZES = (64, 32, 16, 8, 4, 2, 1)


@lru_cache
def _filled(sql: str, width: int, size: int) -> str:
    row = f"({', '.join('?' * width)})"
    return sql.format(", ".join([row] * size))


@lru_cache(maxsize=256)
def _joined(statements: Sequence[str]) -> str:
    """Return one statement that does these, and tells how many rows each changed."""
    done = ", ".join(f"s{n} AS ({sql} RETURNING 1)" for n, sql in enumerate(statements))
    told = ", ".join(f"(SELECT count(*) FROM s{n})" for n in range(len(statements)))
    return f"WITH {done} SELECT {told}"


def padded(ids: Collection[int]) -> tuple[int, ...]:
    """
    Repeat the last id up to the next power of two.

    So there are few different statements to be prepared.
    """
    known = tuple(ids)
    size = 1 << (len(known) - 1).bit_length()
    return known + known[-1:] * (size - len(known))


def insert(table: str, names: str) -> Statement:
    """Return the statement that adds rows of these columns."""
    sql = f"INSERT INTO {table} ({names}) VALUES {{}}"
    return Statement(sql, columns(names), kinds=column_kinds(table, names))


def upsert(table: str, names: str, *, key: str) -> Statement:
    """Return the statement that writes rows, or over those with the same *key*."""
    own = [name for name in names.split(", ") if name not in key.split(", ")]
    new = ", ".join(f"{name} = excluded.{name}" for name in own)
    sql = (
        f"INSERT INTO {table} ({names}) VALUES {{}}"
        f" ON CONFLICT ({key}) DO UPDATE SET {new}"
    )
    return Statement(sql, columns(names), kinds=column_kinds(table, names))

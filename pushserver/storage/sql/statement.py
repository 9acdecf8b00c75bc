"""Statements over many rows, in the way in which each database takes them best."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import attrs

from pushserver.storage.rows import Row, columns
from pushserver.storage.schema import column_kinds
from pushserver.storage.sql.connection import ByColumns, Connection


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
    by_columns: str | None = attrs.field(init=False)

    @by_columns.default
    def _by_columns(self) -> str | None:
        """Return the same over arrays, one for each column; bytes are none for that."""
        if "BYTEA" in (self.kinds or ()):
            return None
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
        if rows and self.by_columns and isinstance(connection, ByColumns):
            return connection.execute_columns(self.by_columns, rows).rowcount
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


_SIZES = (64, 32, 16, 8, 4, 2, 1)


@lru_cache
def _filled(sql: str, width: int, size: int) -> str:
    row = f"({', '.join('?' * width)})"
    return sql.format(", ".join([row] * size))


def insert(table: str, names: str) -> Statement:
    """Return the statement that adds rows of these columns."""
    sql = f"INSERT INTO {table} ({names}) VALUES {{}}"
    return Statement(sql, columns(names), kinds=column_kinds(table, names))

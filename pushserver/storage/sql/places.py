"""Where each thousandth notification of a long list stands.

SQLite finds a place by counting rows off, which takes 70 ms in a list of a million.
Here every thousandth row is remembered once it was counted, so that nothing is counted
twice and a page takes no longer for the rows before it.
"""

from bisect import bisect_left
from typing import Any

import attrs

from pushserver.storage.sql.connection import Connection

#: Rows between two marks; so many are counted off at the most.
STRIDE = 1000
#: So many lists are remembered, those that were asked for last.
KEPT = 64

#: The columns by which a row is sorted, with its id at the end: no two are alike.
Key = tuple[Any, ...]


@attrs.frozen
class Rows:
    """
    An operation's notifications in the order of *columns*, of one resource or of all.

    `is_marked` tells that an index has them in this order, so that places can be kept.
    """

    operation_id: int
    resource: str | None
    columns: tuple[str, ...]
    is_marked: bool

    @property
    def names(self) -> str:
        """The columns as SQL has them."""
        return ", ".join(self.columns)

    def select(
        self, wanted: str, rest: str = "", *, start: Key | None = None
    ) -> tuple[str, list[Any]]:
        """Return the SQL that reads *wanted* of the rows from *start*, with values."""
        where, values = "operation_id = ?", list[Any]([self.operation_id])
        if self.resource is not None:
            where, values = f"{where} AND resource = ?", [*values, self.resource]
        if start is not None:
            where = f"{where} AND ({self.names}) >= ({', '.join('?' * len(start))})"
            values += start
        return f"SELECT {wanted} FROM notification WHERE {where} {rest}", values

    def at(self, offset: int, start: Key | None) -> tuple[str, list[Any]]:
        """Return the SQL that reads the key *offset* rows after *start*."""
        rest = f"ORDER BY {self.names} LIMIT 1 OFFSET {offset}"
        return self.select(self.names, rest, start=start)

    def first_after(self, seen: int) -> tuple[str, list[Any]]:
        """
        Return the SQL that reads the first key of the rows with ids above *seen*.

        These few are found by their ids, though another index has the rows in order.
        """
        new = "SELECT id FROM notification WHERE operation_id = ? AND id > ?"
        where, values = f"id IN ({new})", list[Any]([self.operation_id, seen])
        if self.resource is not None:
            where, values = f"{where} AND resource = ?", [*values, self.resource]
        order = f"ORDER BY {self.names} LIMIT 1"
        return f"SELECT {self.names} FROM notification WHERE {where} {order}", values


@attrs.define
class _Marks:
    """The keys of each STRIDEth row; no row with an id up to `seen` was missed."""

    seen: int
    keys: list[Key] = attrs.Factory(list)

    def from_where(self, offset: int) -> tuple[Key | None, int]:
        """Return the last mark before a place, and how many rows follow up to it."""
        passed = min(offset // STRIDE, len(self.keys))
        start = self.keys[passed - 1] if passed else None
        return start, offset - passed * STRIDE


@attrs.define(eq=False)
class Places:
    """
    The marks of long lists, in memory.

    It belongs to one connection, on whose thread it is used, in one transaction with
    what is read next. Rows that come in at their place are noticed here; whoever
    deletes some without their operation has to `forget`.
    """

    _known: dict[Rows, _Marks] = attrs.field(factory=dict, init=False)

    def find(
        self, connection: Connection, rows: Rows, offset: int
    ) -> tuple[Key | None, int]:
        """Return a key, None for the first, and how many rows after it *offset* is."""
        return self._marks(connection, rows, offset).from_where(offset)

    def count(self, connection: Connection, rows: Rows) -> int:
        """Count the rows."""
        keys = self._marks(connection, rows, None).keys
        start = keys[-1] if keys else None
        sql = rows.select("count(*)", start=start)
        (rest,) = connection.execute(*sql).fetchone()
        return len(keys) * STRIDE + int(rest)

    def forget(self, operation_id: int) -> None:
        """Forget an operation's lists, of which rows were deleted."""
        for rows in [rows for rows in self._known if rows.operation_id == operation_id]:
            del self._known[rows]

    def _marks(self, connection: Connection, rows: Rows, offset: int | None) -> _Marks:
        """Return marks that are true, up to *offset*, or to the end if that is None."""
        marks = self._known.pop(rows, None) or _Marks(0)
        _check(connection, rows, marks)
        while offset is None or (len(marks.keys) + 1) * STRIDE <= offset:
            last = marks.keys[-1] if marks.keys else None
            key = connection.execute(*rows.at(STRIDE, last)).fetchone()
            if key is None:
                break
            marks.keys.append(key)
        if marks.keys:
            self._known[rows] = marks
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return marks


def _check(connection: Connection, rows: Rows, marks: _Marks) -> None:
    """Drop the marks that rows have got before since they were seen: ids only grow."""
    sql = "SELECT max(id) FROM notification WHERE operation_id = ?"
    (newest,) = connection.execute(sql, (rows.operation_id,)).fetchone()
    if marks.keys and (newest or 0) > marks.seen:
        key = connection.execute(*rows.first_after(marks.seen)).fetchone()
        if key is not None:
            del marks.keys[bisect_left(marks.keys, key) :]
    marks.seen = newest or 0

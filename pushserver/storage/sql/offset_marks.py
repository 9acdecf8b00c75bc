"""The sort key of every thousandth notification of long lists, for large offsets.

SQLite skips rows one by one, which takes 70 ms in a list of a million. With the key of
every thousandth row in memory, no row is skipped twice.
"""

from bisect import bisect_left
from typing import Any

import attrs

from pushserver.storage.sql.connection import SqlConnection

#: Rows between two marks; at most this many are skipped one by one.
STRIDE = 1000
#: Lists with marks in memory, the most recently used.
MAX_LISTS = 64

#: The values a row is sorted by; its id at the end makes them unique.
SortKey = tuple[Any, ...]


@attrs.frozen
class NotificationList:
    """
    An operation's notifications in the order of *columns*, of one resource or of all.

    `is_indexed`: an index has them in this order, so that marks help.
    """

    operation_id: int
    resource: str | None
    columns: tuple[str, ...]
    is_indexed: bool

    @property
    def column_list(self) -> str:
        """The columns, as SQL lists them."""
        return ", ".join(self.columns)

    def select(
        self, expressions: str, suffix: str = "", *, start: SortKey | None = None
    ) -> tuple[str, list[Any]]:
        """
        Return the SQL, with values, that reads *expressions* of the rows from *start*.
        """
        where, values = "operation_id = ?", list[Any]([self.operation_id])
        if self.resource is not None:
            where, values = f"{where} AND resource = ?", [*values, self.resource]
        if start is not None:
            where = (
                f"{where} AND ({self.column_list}) >= ({', '.join('?' * len(start))})"
            )
            values += start
        return f"SELECT {expressions} FROM notification WHERE {where} {suffix}", values

    def select_key_at(
        self, offset: int, start: SortKey | None
    ) -> tuple[str, list[Any]]:
        """Return the SQL that reads the key *offset* rows after *start*."""
        rest = f"ORDER BY {self.column_list} LIMIT 1 OFFSET {offset}"
        return self.select(self.column_list, rest, start=start)

    def select_first_new_key(self, last_seen_id: int) -> tuple[str, list[Any]]:
        """
        Return the SQL that reads the first key of the rows with ids above
        *last_seen_id*.

        There are few, so they are found by id and then sorted.
        """
        new = "SELECT id FROM notification WHERE operation_id = ? AND id > ?"
        where, values = f"id IN ({new})", list[Any]([self.operation_id, last_seen_id])
        if self.resource is not None:
            where, values = f"{where} AND resource = ?", [*values, self.resource]
        order = f"ORDER BY {self.column_list} LIMIT 1"
        return (
            f"SELECT {self.column_list} FROM notification WHERE {where} {order}",
            values,
        )


@attrs.define
class _ListMarks:
    """
    The key of every STRIDEth row, of the rows with ids up to `last_seen_id`.
    """

    last_seen_id: int
    keys: list[SortKey] = attrs.Factory(list)

    def nearest_before(self, offset: int) -> tuple[SortKey | None, int]:
        """Return the last mark before *offset*, and how many rows lie between."""
        passed = min(offset // STRIDE, len(self.keys))
        start = self.keys[passed - 1] if passed else None
        return start, offset - passed * STRIDE


@attrs.define(eq=False)
class OffsetMarks:
    """
    The marks of long lists, in memory.

    Used on the thread of one connection, in the transaction that reads the page. New
    rows are noticed; whoever deletes rows, but not their operation, must `invalidate`.
    Must not be enabled where other processes delete rows.
    """

    is_enabled: bool = True
    _marks_by_list: dict[NotificationList, _ListMarks] = attrs.field(
        factory=dict, init=False
    )

    def locate(
        self, connection: SqlConnection, listing: NotificationList, offset: int
    ) -> tuple[SortKey | None, int]:
        """Return a key, None for the first row, and how far *offset* is after it."""
        if not self.is_enabled:
            return None, offset
        return self._marks_up_to(connection, listing, offset).nearest_before(offset)

    def count(self, connection: SqlConnection, listing: NotificationList) -> int:
        """Count the rows."""
        keys = (
            self._marks_up_to(connection, listing, None).keys if self.is_enabled else []
        )
        start = keys[-1] if keys else None
        sql = listing.select("count(*)", start=start)
        (rest,) = connection.execute(*sql).fetchone()
        return len(keys) * STRIDE + int(rest)

    def invalidate(self, operation_id: int) -> None:
        """Drop the marks of an operation's lists, after rows were deleted."""
        for rows in [
            rows for rows in self._marks_by_list if rows.operation_id == operation_id
        ]:
            del self._marks_by_list[rows]

    def _marks_up_to(
        self, connection: SqlConnection, listing: NotificationList, offset: int | None
    ) -> _ListMarks:
        """Return valid marks up to *offset*, or to the end if it is None."""
        marks = self._marks_by_list.pop(listing, None) or _ListMarks(0)
        _drop_outdated(connection, listing, marks)
        while offset is None or (len(marks.keys) + 1) * STRIDE <= offset:
            last = marks.keys[-1] if marks.keys else None
            key = connection.execute(*listing.select_key_at(STRIDE, last)).fetchone()
            if key is None:
                break
            marks.keys.append(key)
        if marks.keys:
            self._marks_by_list[listing] = marks
        while len(self._marks_by_list) > MAX_LISTS:
            del self._marks_by_list[next(iter(self._marks_by_list))]
        return marks


def _drop_outdated(
    connection: SqlConnection, listing: NotificationList, marks: _ListMarks
) -> None:
    """Drop the marks behind the first row that was added since."""
    sql = "SELECT max(id) FROM notification WHERE operation_id = ?"
    (newest,) = connection.execute(sql, (listing.operation_id,)).fetchone()
    if marks.keys and (newest or 0) > marks.last_seen_id:
        key = connection.execute(
            *listing.select_first_new_key(marks.last_seen_id)
        ).fetchone()
        if key is not None:
            del marks.keys[bisect_left(marks.keys, key) :]
    marks.last_seen_id = newest or 0

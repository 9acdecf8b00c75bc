"""Reading notifications."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pushserver.model.operation import Notification
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.places import STRIDE, Places, Rows
from pushserver.storage.tracking import Page, Sort
from pushserver.storage.tracking_rows import (
    NOTIFICATION,
    notification_from_row,
    sorted_by,
)

_SELECT = f"SELECT {NOTIFICATION} FROM notification WHERE"
_ONE = f"{_SELECT} id = ? AND operation_id = ? AND scope_id = ?"
_AFTER = f"{_SELECT} operation_id = ? AND scope_id = ? AND id > ? ORDER BY id LIMIT ?"
_IS_THERE = "SELECT 1 FROM operation WHERE id = ? AND scope_id = ?"
#: What an index has in order, after the operation; ids grow with the time of making.
_ORDERS = {
    Sort.ID: ("id",),
    Sort.CREATED: ("id",),
    Sort.SENT: ("sent_at", "id"),
    Sort.STATUS: ("status", "sent_at", "id"),
    Sort.PROGRESS: ("progress", "sent_at", "id"),
}


def find_one(
    connection: Connection, scope_id: int, operation_id: int, one: int
) -> Notification | None:
    """Return one notification."""
    row = connection.execute(_ONE, (one, operation_id, scope_id)).fetchone()
    return None if row is None else notification_from_row(row)


def find_after(
    connection: Connection,
    scope_id: int,
    operation: int,
    after: int,
    limit: int,
) -> Sequence[Notification]:
    """Return notifications in the order they were made."""
    values = (operation, scope_id, after, limit)
    return [notification_from_row(row) for row in connection.execute(_AFTER, values)]


def is_there(connection: Connection, scope_id: int, operation_id: int) -> bool:
    """Tell whether the scope has the operation, and so its notifications."""
    return (
        connection.execute(_IS_THERE, (operation_id, scope_id)).fetchone() is not None
    )


def rows_of(operation_id: int, resource: str | None, sort: Sort) -> Rows:
    """Return the list that a page is a part of."""
    columns = _ORDERS.get(sort, (sort.value, "sent_at", "id"))
    is_marked = sort is Sort.SENT or (resource is None and sort in _ORDERS)
    return Rows(operation_id, resource, columns, is_marked)


def find_page(
    connection: Connection, places: Places, rows: Rows, page: Page
) -> Sequence[Notification]:
    """Return a page; only what no mark helps with is counted off, from the index."""
    offset, limit, backwards, start = page.offset, page.limit, page.descending, None
    if rows.is_marked and offset >= STRIDE:
        if backwards:
            left = max(0, places.count(connection, rows) - offset)
            limit = min(limit, left)
            offset, backwards = left - limit, False
        start, offset = places.find(connection, rows, offset)
    order = _order(rows, backwards=backwards)
    ids, values = rows.select("id", f"{order} LIMIT ? OFFSET ?", start=start)
    sql = f"{_SELECT} id IN ({ids}) {order}"
    found = connection.execute(sql, (*values, limit, offset)).fetchall()
    if backwards is not page.descending:
        found.reverse()
    return [notification_from_row(row) for row in found]


def _order(rows: Rows, *, backwards: bool) -> str:
    by = [sorted_by(name, descending=backwards) for name in rows.columns]
    return f"ORDER BY {', '.join(by)}"


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Let all that is read in the block be of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")

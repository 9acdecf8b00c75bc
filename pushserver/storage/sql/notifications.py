"""Reading notifications."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pushserver.model.operation import Notification
from pushserver.storage.operation_rows import (
    NOTIFICATION_COLUMNS,
    notification_from_row,
    order_by_term,
)
from pushserver.storage.operations import PageRequest, SortField
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.offset_marks import STRIDE, NotificationList, OffsetMarks

_SELECT = f"SELECT {NOTIFICATION_COLUMNS} FROM notification WHERE"
_ONE = f"{_SELECT} id = ? AND operation_id = ? AND scope_id = ?"
_AFTER = f"{_SELECT} operation_id = ? AND scope_id = ? AND id > ? ORDER BY id LIMIT ?"
_IS_THERE = "SELECT 1 FROM operation WHERE id = ? AND scope_id = ?"
#: What an index has in order, after the operation; ids grow with the time of making.
_INDEXED_ORDERS = {
    SortField.ID: ("id",),
    SortField.CREATED: ("id",),
    SortField.SENT: ("sent_at", "id"),
    SortField.STATUS: ("status", "sent_at", "id"),
    SortField.PROGRESS: ("progress", "sent_at", "id"),
}


def find_notification(
    connection: SqlConnection, scope_id: int, operation_id: int, notification_id: int
) -> Notification | None:
    """Return one notification."""
    row = connection.execute(_ONE, (notification_id, operation_id, scope_id)).fetchone()
    return None if row is None else notification_from_row(row)


def notifications_after(
    connection: SqlConnection,
    scope_id: int,
    operation_id: int,
    after: int,
    limit: int,
) -> Sequence[Notification]:
    """Return notifications in the order they were made."""
    values = (operation_id, scope_id, after, limit)
    return [notification_from_row(row) for row in connection.execute(_AFTER, values)]


def operation_exists(
    connection: SqlConnection, scope_id: int, operation_id: int
) -> bool:
    """Tell whether the scope has the operation, and so its notifications."""
    return (
        connection.execute(_IS_THERE, (operation_id, scope_id)).fetchone() is not None
    )


def notification_list(
    operation_id: int, resource: str | None, sort: SortField
) -> NotificationList:
    """Return the list that a page is a part of."""
    columns = _INDEXED_ORDERS.get(sort, (sort.value, "sent_at", "id"))
    is_marked = sort is SortField.SENT or (resource is None and sort in _INDEXED_ORDERS)
    return NotificationList(operation_id, resource, columns, is_marked)


def read_page(
    connection: SqlConnection,
    offset_marks: OffsetMarks,
    listing: NotificationList,
    page: PageRequest,
) -> Sequence[Notification]:
    """Return a page; only what no mark helps with is counted off, from the index."""
    offset, limit, backwards, start = page.offset, page.limit, page.descending, None
    if listing.is_indexed and offset >= STRIDE:
        if backwards:
            left = max(0, offset_marks.count(connection, listing) - offset)
            limit = min(limit, left)
            offset, backwards = left - limit, False
        start, offset = offset_marks.locate(connection, listing, offset)
    order = _order(listing, backwards=backwards)
    ids, values = listing.select("id", f"{order} LIMIT ? OFFSET ?", start=start)
    sql = f"{_SELECT} id IN ({ids}) {order}"
    found = connection.execute(sql, (*values, limit, offset)).fetchall()
    if backwards is not page.descending:
        found.reverse()
    return [notification_from_row(row) for row in found]


def _order(listing: NotificationList, *, backwards: bool) -> str:
    by = [order_by_term(name, descending=backwards) for name in listing.columns]
    return f"ORDER BY {', '.join(by)}"


@contextmanager
def read_snapshot(connection: SqlConnection) -> Iterator[None]:
    """Let all that is read in the block be of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")

"""Reads pages of sorted notifications."""

from collections.abc import Sequence

from pushserver.model.operation import Notification
from pushserver.storage.operation_rows import NOTIFICATIONS
from pushserver.storage.operations import PageRequest, SortField
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.offset_marks import STRIDE, NotificationList, OffsetMarks
from pushserver.storage.sql.ordering import order_by

_SELECT = f"SELECT {NOTIFICATIONS.column_list} FROM notification WHERE"
SELECT_ONE = f"{_SELECT} id = ? AND operation_id = ? AND scope_id = ?"
SELECT_AFTER = (
    f"{_SELECT} operation_id = ? AND scope_id = ? AND id > ? ORDER BY id LIMIT ?"
)
_IS_THERE = "SELECT 1 FROM operation WHERE id = ? AND scope_id = ?"
#: The orders that an index has, within an operation; ids grow with creation time.
_INDEXED_ORDERS = {
    SortField.ID: ("id",),
    SortField.CREATED: ("id",),
    SortField.SENT: ("sent_at", "id"),
    SortField.STATUS: ("status", "sent_at", "id"),
    SortField.PROGRESS: ("progress", "sent_at", "id"),
}


def operation_exists(
    connection: SqlConnection, scope_id: int, operation_id: int
) -> bool:
    """Tell whether the scope has the operation."""
    return (
        connection.execute(_IS_THERE, (operation_id, scope_id)).fetchone() is not None
    )


def notification_list(
    operation_id: int, resource: str | None, sort: SortField
) -> NotificationList:
    """Return the list that the page is part of."""
    columns = _INDEXED_ORDERS.get(sort, (sort.value, "sent_at", "id"))
    is_marked = sort is SortField.SENT or (resource is None and sort in _INDEXED_ORDERS)
    return NotificationList(operation_id, resource, columns, is_marked)


def read_page(
    connection: SqlConnection,
    offset_marks: OffsetMarks,
    listing: NotificationList,
    page: PageRequest,
) -> Sequence[Notification]:
    """Return a page; rows before it are skipped by marks, if the list has them."""
    offset, limit, backwards, start = page.offset, page.limit, page.descending, None
    if listing.is_indexed and offset >= STRIDE:
        if backwards:
            left = max(0, offset_marks.count(connection, listing) - offset)
            limit = min(limit, left)
            offset, backwards = left - limit, False
        start, offset = offset_marks.locate(connection, listing, offset)
    order = order_by(listing.columns, descending=backwards)
    ids, values = listing.select("id", f"{order} LIMIT ? OFFSET ?", start=start)
    sql = f"{_SELECT} id IN ({ids}) {order}"
    found = connection.execute(sql, (*values, limit, offset)).fetchall()
    if backwards is not page.descending:
        found.reverse()
    return list(map(NOTIFICATIONS.read, found))

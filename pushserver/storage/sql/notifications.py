"""Reads and deletes notifications; pages of them are sorted."""

from collections.abc import Sequence

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.operation import Notification
from pushserver.storage.operation_rows import NOTIFICATIONS
from pushserver.storage.operations import PageRequest, SortField
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.offset_marks import STRIDE, NotificationList, OffsetMarks
from pushserver.storage.sql.ordering import order_by
from pushserver.storage.sql.snapshot import read_snapshot
from pushserver.storage.sql.write_jobs import SqlWriter

_SELECT = f"SELECT {NOTIFICATIONS.column_list} FROM notification WHERE"
_SELECT_ONE = f"{_SELECT} id = ? AND operation_id = ? AND scope_id = ?"
_SELECT_AFTER = (
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


@attrs.frozen
class SqlNotifications:
    """Implements `NotificationStore`."""

    reader: SqlReader
    write: SqlWriter
    offset_marks: OffsetMarks = attrs.field(factory=OffsetMarks)

    async def find_notification(
        self, scope_id: int, operation_id: int, notification_id: int
    ) -> Notification | None:
        values = (notification_id, operation_id, scope_id)
        return await self.reader.run(
            lambda c: NOTIFICATIONS.find(c.execute(_SELECT_ONE, values).fetchone())
        )

    async def notifications(
        self, scope_id: int, operation_id: int, *, after: int, limit: int
    ) -> Sequence[Notification]:
        values = (operation_id, scope_id, after, limit)
        return await fetch_all(self.reader, NOTIFICATIONS.read, _SELECT_AFTER, values)

    async def notifications_page(
        self, scope_id: int, operation_id: int, resource: str | None, page: PageRequest
    ) -> Sequence[Notification]:
        listing = _notification_list(operation_id, resource, page.sort)

        def read(connection: SqlConnection) -> Sequence[Notification]:
            with read_snapshot(connection):
                if not _operation_exists(connection, scope_id, operation_id):
                    return []
                return _read_page(connection, self.offset_marks, listing, page)

        return await self.reader.run(read)

    async def count_notifications(
        self, scope_id: int, operation_id: int, resource: str | None
    ) -> int:
        listing = _notification_list(operation_id, resource, SortField.SENT)

        def read(connection: SqlConnection) -> int:
            with read_snapshot(connection):
                if not _operation_exists(connection, scope_id, operation_id):
                    return 0
                return self.offset_marks.count(connection, listing)

        return await self.reader.run(read)

    async def delete_notifications(
        self,
        scope_id: int,
        operation_id: int,
        ids: Sequence[int] | None,
        *,
        limit: int,
        audit: Sequence[AuditEntry] = (),
    ) -> int:
        if ids is not None and not ids:
            return 0
        which = "" if ids is None else f" AND id IN ({', '.join('?' * len(ids))})"
        sql = (
            "DELETE FROM notification WHERE id IN (SELECT id FROM notification"
            f" WHERE operation_id = ? AND scope_id = ?{which} LIMIT ?)"
        )
        values = (operation_id, scope_id, *(ids or ()), limit)

        def work(connection: SqlConnection) -> int:
            count = connection.execute(sql, values).rowcount
            if count:
                write_audit(connection, audit)
            return count

        try:
            return await self.write(work, audit)
        finally:
            await self.reader.run(lambda _: self.offset_marks.invalidate(operation_id))


def _operation_exists(
    connection: SqlConnection, scope_id: int, operation_id: int
) -> bool:
    """Tell whether the scope has the operation."""
    return (
        connection.execute(_IS_THERE, (operation_id, scope_id)).fetchone() is not None
    )


def _notification_list(
    operation_id: int, resource: str | None, sort: SortField
) -> NotificationList:
    """Return the list that the page is part of."""
    columns = _INDEXED_ORDERS.get(sort, (sort.value, "sent_at", "id"))
    is_marked = sort is SortField.SENT or (resource is None and sort in _INDEXED_ORDERS)
    return NotificationList(operation_id, resource, columns, is_marked)


def _read_page(
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

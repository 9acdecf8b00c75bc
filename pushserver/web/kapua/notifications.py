"""The five calls of an operation's notifications."""

from pushserver.dialects.kapua import bodies
from pushserver.dialects.kapua.lists import render_count
from pushserver.services.off_loop import run_in_thread
from pushserver.storage.operations import SortField
from pushserver.web.kapua.list_query import (
    ListQuery,
    list_query_from_body,
    list_query_from_url,
)
from pushserver.web.kapua.route import KapuaCall

#: The values of `sortParam`. A list's notifications share operation and scope.
SORT_FIELDS = {
    "id": SortField.ID,
    "scopeId": SortField.SENT,
    "createdOn": SortField.CREATED,
    "createdBy": SortField.CREATED_BY,
    "message": SortField.MESSAGE,
    "operationId": SortField.SENT,
    "progress": SortField.PROGRESS,
    "resource": SortField.RESOURCE,
    "sentOn": SortField.SENT,
    "status": SortField.STATUS,
}


async def list_all(call: KapuaCall) -> bytes:
    """List an operation's notifications."""
    return await _list(
        call, list_query_from_url(call.request, SORT_FIELDS, SortField.SENT)
    )


async def query(call: KapuaCall) -> bytes:
    """List an operation's notifications; a body says which."""
    return await _list(call, await list_query_from_body(call, SortField.SENT))


async def _list(call: KapuaCall, list_query: ListQuery) -> bytes:
    if await call.find_operation() is None:
        return bodies.render_notification_list(
            [], 0, 0 if list_query.include_total else None
        )
    store, resource = call.services.store.notifications, list_query.resource
    lookup = call.scope_id, call.path_ids["operationId"], resource
    notifications = await store.notifications_page(*lookup, list_query.page)
    total = (
        await store.count_notifications(*lookup) if list_query.include_total else None
    )
    return await run_in_thread(
        bodies.render_notification_list, notifications, list_query.limit, total
    )


async def count(call: KapuaCall) -> bytes:
    """Count an operation's notifications, whatever page is wanted."""
    await list_query_from_body(call, SortField.SENT)
    total, store = 0, call.services.store.notifications
    if await call.find_operation() is not None:
        total = await store.count_notifications(
            call.scope_id, call.path_ids["operationId"], None
        )
    return render_count(total)


async def get(call: KapuaCall) -> bytes:
    """Show one notification."""
    notification = None
    if await call.find_operation() is not None:
        notification = await call.services.store.notifications.find_notification(
            call.scope_id, call.path_ids["operationId"], call.path_ids["notificationId"]
        )
    if notification is None:
        raise call.not_found(bodies.NOTIFICATION, "notificationId")
    return bodies.render_notification(notification)


async def delete(call: KapuaCall) -> None:
    """Delete one notification."""
    operation, remove = await call.find_operation(), call.services.notifications.remove
    is_deleted = operation is not None and await remove(
        operation, call.path_ids["notificationId"], call.actor
    )
    if not is_deleted:
        raise call.not_found(bodies.NOTIFICATION, "notificationId")

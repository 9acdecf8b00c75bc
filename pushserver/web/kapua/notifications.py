"""The five calls of an operation's notifications."""

from aiohttp import web

from pushserver.dialects.kapua import bodies
from pushserver.storage.tracking import Sort
from pushserver.web.answer import respond
from pushserver.web.api.route import JSON
from pushserver.web.kapua.call import Call
from pushserver.web.kapua.wanted import Wanted, of_body, of_query

#: What `sortParam` may name. All notifications of a list have its operation and scope.
SORTS = {
    "id": Sort.ID,
    "scopeId": Sort.SENT,
    "createdOn": Sort.CREATED,
    "createdBy": Sort.CREATED_BY,
    "message": Sort.MESSAGE,
    "operationId": Sort.SENT,
    "progress": Sort.PROGRESS,
    "resource": Sort.RESOURCE,
    "sentOn": Sort.SENT,
    "status": Sort.STATUS,
}


async def list_all(call: Call) -> web.StreamResponse:
    """List an operation's notifications."""
    return await _list(call, of_query(call.request, SORTS, Sort.SENT))


async def query(call: Call) -> web.StreamResponse:
    """List an operation's notifications; a body says which."""
    return await _list(call, await of_body(call.request, Sort.SENT))


async def _list(call: Call, wanted: Wanted) -> web.StreamResponse:
    if await call.operation() is None:
        return _page(bodies.notifications([], 0, 0 if wanted.total else None))
    kept, resource = call.services.store.operations, wanted.resource
    place = call.scope_id, call.ids["operationId"], resource
    found = await kept.notifications_page(*place, wanted.page)
    total = await kept.count_notifications(*place) if wanted.total else None
    return _page(bodies.notifications(found, wanted.limit, total))


def _page(body: bytes) -> web.StreamResponse:
    return respond(body, content_type=JSON)


async def count(call: Call) -> web.StreamResponse:
    """Count an operation's notifications, whatever page is wanted."""
    await of_body(call.request, Sort.SENT)
    total, place = 0, (call.scope_id, call.ids["operationId"])
    if await call.operation() is not None:
        total = await call.services.store.operations.count_notifications(*place, None)
    return _page(bodies.count(total))


async def get(call: Call) -> web.StreamResponse:
    """Show one notification."""
    found = None
    if await call.operation() is not None:
        found = await call.services.store.operations.find_notification(
            call.scope_id, call.ids["operationId"], call.ids["notificationId"]
        )
    if found is None:
        raise call.none(bodies.NOTIFICATION, "notificationId")
    return _page(bodies.notification(found))


async def delete(call: Call) -> web.StreamResponse:
    """Delete one notification."""
    gone = await call.operation() is not None and (
        await call.services.notifications.remove(
            call.scope_id, call.ids["operationId"], call.ids["notificationId"]
        )
    )
    if not gone:
        raise call.none(bodies.NOTIFICATION, "notificationId")
    return web.Response(status=call.services.kapua_delete_status)

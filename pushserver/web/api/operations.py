"""Operations over the API: begin, follow, tell, cancel."""

from functools import partial

import msgspec
from aiohttp import web

from pushserver.model.ids import parse_int64
from pushserver.model.operation import Operation
from pushserver.model.token import Permission
from pushserver.services.notifications import Told
from pushserver.storage.tracking import OperationFilter
from pushserver.web.api.drafts import read_instant
from pushserver.web.api.enqueue import adopted_device, once_of
from pushserver.web.api.plans import read_device_id, read_plan
from pushserver.web.api.route import (
    BASE,
    JSON,
    Call,
    Route,
    answer,
    capped,
    next_link,
    read_json,
    rendered,
)
from pushserver.web.api.tracking_types import (
    NotificationIn,
    NotificationOut,
    NotificationsOut,
    OperationIn,
    OperationOut,
    OperationsOut,
    OperationsQuery,
    PageQuery,
)
from pushserver.web.api.tracking_views import (
    begun_out,
    notification_out,
    operation_out,
    steps_out,
)
from pushserver.web.around import note

_encode = msgspec.json.Encoder().encode


class _Id(msgspec.Struct):
    id: str


async def begin(call: Call[None, None]) -> web.StreamResponse:
    """Begin an operation on one device."""
    data, wanted = await read_json(call.request, OperationIn)
    device_id = read_device_id(wanted.device_id)
    plan, once = read_plan(wanted), once_of(call, data)
    services = call.services
    with services.queue.once(once):
        await adopted_device(call, device_id)
        begun = await services.operations.begin(
            device_id,
            plan,
            lambda operation, first: _encode(begun_out(operation, plan.drafts, first)),
            scope_id=call.scope_id,
            by=call.token.id,
            request=once,
        )
    made = msgspec.json.decode(begun.answer, type=_Id).id
    note(call.request, device_id=device_id, operation_id=made)
    headers = {"Location": f"{BASE}/operations/{made}"}
    if begun.operation is None:
        headers["Idempotency-Replayed"] = "true"
    return rendered(begun.answer, status=201, headers=headers)


async def list_operations(call: Call[OperationsQuery, None]) -> web.StreamResponse:
    """List operations, newest first."""
    query, limit = call.query, capped(call.query.limit)
    found = await call.services.store.operations.operations(
        call.scope_id,
        OperationFilter(
            device_id=_int64(query.device_id, "deviceId"),
            task_id=_int64(query.task_id, "taskId"),
            status=query.status,
            resource=query.resource,
        ),
        before=_int64(query.cursor, "cursor"),
        limit=limit + 1,
    )
    page = OperationsOut(items=[operation_out(each) for each in found[:limit]])
    if len(found) <= limit:
        return answer(page)
    page.next_cursor = page.items[-1].id
    return answer(page, headers=next_link(call.request, page.next_cursor))


def _int64(text: str | None, what: str) -> int | None:
    return None if text is None else parse_int64(text, what=what, pointer=f"/{what}")


async def get(call: Call[None, None]) -> web.StreamResponse:
    """Show one operation with its steps."""
    operation_id = call.int64("operation_id")
    operation = await call.services.operations.get(call.scope_id, operation_id)
    return await _shown(call, operation)


async def cancel(call: Call[None, None]) -> web.StreamResponse:
    """Cancel what waits of an operation; a step in flight runs to its end."""
    operation_id = call.int64("operation_id")
    operation = await call.services.operations.cancel(call.scope_id, operation_id)
    note(call.request, operation_id=operation_id, state=operation.status)
    return await _shown(call, operation)


async def _shown(call: Call[None, None], operation: Operation) -> web.StreamResponse:
    records = await call.services.store.operations.step_records(operation)
    return answer(operation_out(operation, steps_out(records)))


async def tell(call: Call[None, NotificationIn]) -> web.StreamResponse:
    """Add a notification to an operation, from outside the queue."""
    operation_id, wanted = call.int64("operation_id"), call.body
    told = Told(
        progress=wanted.progress,
        status=wanted.status,
        resource=wanted.resource,
        message=wanted.message,
        sent_at=read_instant(wanted.sent_on, "/sentOn"),
    )
    notification = await call.services.notifications.tell(
        call.scope_id, operation_id, told, by=call.token.id
    )
    note(call.request, operation_id=operation_id, notification_id=notification.id)
    return answer(notification_out(notification), status=201)


async def list_notifications(call: Call[PageQuery, None]) -> web.StreamResponse:
    """List an operation's notifications in the order they were made."""
    operation_id, limit = call.int64("operation_id"), capped(call.query.limit)
    await call.services.operations.get(call.scope_id, operation_id)
    found = await call.services.store.operations.notifications(
        call.scope_id,
        operation_id,
        after=_int64(call.query.cursor, "cursor") or 0,
        limit=limit + 1,
    )
    page = NotificationsOut(items=[notification_out(each) for each in found[:limit]])
    if len(found) <= limit:
        return answer(page)
    page.next_cursor = page.items[-1].id
    return answer(page, headers=next_link(call.request, page.next_cursor))


_OPERATION = "/operations/{operation_id}"
_route_to_read = partial(Route, method="GET", permission=Permission.OPERATIONS_READ)
_route_to_write = partial(Route, method="POST", permission=Permission.OPERATIONS_WRITE)

ROUTES = (
    _route_to_write(
        path="/operations",
        name="beginOperation",
        summary="Begin an operation: steps on one device, one after the other",
        handler=begin,
        media={JSON: OperationIn},
        answer=OperationOut,
        status=201,
        problems=(400, 404, 409, 413, 415, 422, 503),
        headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
    _route_to_read(
        path="/operations",
        name="listOperations",
        summary="List operations, newest first",
        handler=list_operations,
        query=OperationsQuery,
        answer=OperationsOut,
        problems=(422, 503),
    ),
    _route_to_read(
        path=_OPERATION,
        name="getOperation",
        summary="Show an operation with its steps",
        handler=get,
        answer=OperationOut,
        problems=(404, 422, 503),
    ),
    _route_to_write(
        path=_OPERATION + "/cancel",
        name="cancelOperation",
        summary="Cancel what waits of an operation; what is in flight runs to its end",
        handler=cancel,
        answer=OperationOut,
        problems=(404, 409, 422, 503),
    ),
    _route_to_write(
        path=_OPERATION + "/notifications",
        name="notifyOperation",
        summary="Tell of an operation from outside the queue",
        handler=tell,
        body=NotificationIn,
        answer=NotificationOut,
        status=201,
        problems=(400, 404, 409, 413, 415, 422, 503),
    ),
    _route_to_read(
        path=_OPERATION + "/notifications",
        name="listNotifications",
        summary="List an operation's notifications in the order they were made",
        handler=list_notifications,
        query=PageQuery,
        answer=NotificationsOut,
        problems=(404, 422, 503),
    ),
)

"""Operations over the API: begin, follow, tell, cancel."""

from functools import partial

import msgspec
from aiohttp import web

from pushserver.model.ids import parse_int64
from pushserver.model.operation import Operation
from pushserver.model.token import Permission
from pushserver.services.notifications import ProgressReport
from pushserver.storage.operations import OperationFilter
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.enqueue import get_or_adopt_device, parse_idempotent_request
from pushserver.web.api.operation_parsing import (
    parse_device_id,
    parse_operation_request,
)
from pushserver.web.api.operation_types import (
    NotificationIn,
    NotificationOut,
    NotificationsOut,
    OperationIn,
    OperationOut,
    OperationsOut,
    OperationsQuery,
    PageQuery,
)
from pushserver.web.api.operation_views import (
    created_operation_out,
    notification_out,
    operation_out,
    steps_out,
)
from pushserver.web.api.route import (
    BASE_PATH,
    JSON_MEDIA_TYPE,
    ApiCall,
    ApiRoute,
    cap_limit,
    encoded_json_response,
    json_response,
    next_link,
    read_json,
)
from pushserver.web.middleware import add_log_fields

_encode = msgspec.json.Encoder().encode


class _CreatedId(msgspec.Struct):
    id: str


async def create(call: ApiCall[None, None]) -> web.StreamResponse:
    """Begin an operation on one device."""
    raw_body, body = await read_json(call.request, OperationIn)
    device_id = parse_device_id(body.device_id)
    operation_request, idempotency = (
        parse_operation_request(body),
        parse_idempotent_request(call, raw_body),
    )
    services = call.services
    with services.queue.lock_key(idempotency):
        await get_or_adopt_device(call, device_id)
        created = await services.operations.create(
            device_id,
            operation_request,
            lambda operation, first: _encode(
                created_operation_out(operation, operation_request.step_requests, first)
            ),
            scope_id=call.scope_id,
            created_by=call.token.id,
            idempotency=idempotency,
        )
    operation_id = msgspec.json.decode(created.answer, type=_CreatedId).id
    add_log_fields(call.request, device_id=device_id, operation_id=operation_id)
    headers = {"Location": f"{BASE_PATH}/operations/{operation_id}"}
    if created.operation is None:
        headers["Idempotency-Replayed"] = "true"
    return encoded_json_response(created.answer, status=201, headers=headers)


async def list_operations(call: ApiCall[OperationsQuery, None]) -> web.StreamResponse:
    """List operations, newest first."""
    query, limit = call.query, cap_limit(call.query.limit)
    operations = await call.services.store.operations.operations(
        call.scope_id,
        OperationFilter(
            device_id=_optional_int64(query.device_id, "deviceId"),
            task_id=_optional_int64(query.task_id, "taskId"),
            status=query.status,
            resource=query.resource,
        ),
        before=_optional_int64(query.cursor, "cursor"),
        limit=limit + 1,
    )
    page = OperationsOut(items=[operation_out(each) for each in operations[:limit]])
    if len(operations) <= limit:
        return json_response(page)
    page.next_cursor = page.items[-1].id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


def _optional_int64(text: str | None, what: str) -> int | None:
    return (
        None if text is None else parse_int64(text, field_name=what, pointer=f"/{what}")
    )


async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show one operation with its steps."""
    operation_id = call.path_int64("operation_id")
    operation = await call.services.operations.get(call.scope_id, operation_id)
    return await _operation_response(call, operation)


async def cancel(call: ApiCall[None, None]) -> web.StreamResponse:
    """Cancel what waits of an operation; a step in flight runs to its end."""
    operation_id = call.path_int64("operation_id")
    operation = await call.services.operations.cancel(call.scope_id, operation_id)
    add_log_fields(call.request, operation_id=operation_id, state=operation.status)
    return await _operation_response(call, operation)


async def _operation_response(
    call: ApiCall[None, None], operation: Operation
) -> web.StreamResponse:
    records = await call.services.store.operations.step_records(operation)
    return json_response(operation_out(operation, steps_out(records)))


async def add_notification(call: ApiCall[None, NotificationIn]) -> web.StreamResponse:
    """Add a notification to an operation, from outside the queue."""
    operation_id, body = call.path_int64("operation_id"), call.body
    reported = ProgressReport(
        progress=body.progress,
        status=body.status,
        resource=body.resource,
        message=body.message,
        sent_at=parse_instant(body.sent_on, "/sentOn"),
    )
    notification = await call.services.notifications.add(
        call.scope_id, operation_id, reported, created_by=call.token.id
    )
    add_log_fields(
        call.request, operation_id=operation_id, notification_id=notification.id
    )
    return json_response(notification_out(notification), status=201)


async def list_notifications(call: ApiCall[PageQuery, None]) -> web.StreamResponse:
    """List an operation's notifications in the order they were made."""
    operation_id, limit = call.path_int64("operation_id"), cap_limit(call.query.limit)
    await call.services.operations.get(call.scope_id, operation_id)
    notifications = await call.services.store.operations.notifications(
        call.scope_id,
        operation_id,
        after=_optional_int64(call.query.cursor, "cursor") or 0,
        limit=limit + 1,
    )
    page = NotificationsOut(
        items=[notification_out(each) for each in notifications[:limit]]
    )
    if len(notifications) <= limit:
        return json_response(page)
    page.next_cursor = page.items[-1].id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


_OPERATION = "/operations/{operation_id}"
_read_route = partial(ApiRoute, method="GET", permission=Permission.OPERATIONS_READ)
_write_route = partial(ApiRoute, method="POST", permission=Permission.OPERATIONS_WRITE)

ROUTES = (
    _write_route(
        path="/operations",
        name="beginOperation",
        summary="Begin an operation: steps on one device, one after the other",
        handler=create,
        raw_body_types={JSON_MEDIA_TYPE: OperationIn},
        response_type=OperationOut,
        status=201,
        error_statuses=(400, 404, 409, 413, 415, 422, 503),
        request_headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
    _read_route(
        path="/operations",
        name="listOperations",
        summary="List operations, newest first",
        handler=list_operations,
        query_type=OperationsQuery,
        response_type=OperationsOut,
        error_statuses=(422, 503),
    ),
    _read_route(
        path=_OPERATION,
        name="getOperation",
        summary="Show an operation with its steps",
        handler=get,
        response_type=OperationOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=_OPERATION + "/cancel",
        name="cancelOperation",
        summary="Cancel what waits of an operation; what is in flight runs to its end",
        handler=cancel,
        response_type=OperationOut,
        error_statuses=(404, 409, 422, 503),
    ),
    _write_route(
        path=_OPERATION + "/notifications",
        name="notifyOperation",
        summary="Tell of an operation from outside the queue",
        handler=add_notification,
        body_type=NotificationIn,
        response_type=NotificationOut,
        status=201,
        error_statuses=(400, 404, 409, 413, 415, 422, 503),
    ),
    _read_route(
        path=_OPERATION + "/notifications",
        name="listNotifications",
        summary="List an operation's notifications in the order they were made",
        handler=list_notifications,
        query_type=PageQuery,
        response_type=NotificationsOut,
        error_statuses=(404, 422, 503),
    ),
)

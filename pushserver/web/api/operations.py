"""Operations over the API: begin, list, cancel, and report progress from outside."""

from functools import partial
from typing import Any

from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.token import Permission
from pushserver.services.adoption import get_or_adopt_device
from pushserver.services.door_permission import require_door_permission
from pushserver.services.notifications import ProgressReport
from pushserver.storage.operations import OperationFilter
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.command_requests import WaitQuery
from pushserver.web.api.device_fields import optional_device_id
from pushserver.web.api.lasting import Lasting
from pushserver.web.api.long_steps import keep_step_bodies
from pushserver.web.api.once import Idempotency
from pushserver.web.api.operation_parsing import parse_operation_request
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
from pushserver.web.api.prefer import PREFER_HEADER
from pushserver.web.api.query import optional_int64
from pushserver.web.api.responses import (
    created_id,
    encode_json,
    json_response,
    list_response,
)
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.body import MAX_BODY_SIZE

routes = Routes(Tag.OPERATIONS, Permission.OPERATIONS_READ, Permission.OPERATIONS_WRITE)
_OPERATION = "/operations/{operation_id}"
_NOTIFICATIONS = f"{_OPERATION}/notifications"


@routes(
    "POST",
    "/operations",
    "beginOperation",
    OperationOut,
    status=201,
    errors=(404, 409, 429),
    response_headers=("Location", "Preference-Applied"),
    idempotency=Idempotency.WITH_CHANGE,
    max_body=MAX_BODY_SIZE,
    limits_itself=True,
    example={
        "deviceId": "478435",
        "resource": "users",
        "steps": [
            {
                "endpoint": "create_or_modify_objects",
                "body": {"object": "users", "values": [{"id": 1, "name": "Ann"}]},
            },
            {"endpoint": "load_objects", "body": {"object": "users"}},
        ],
    },
    request_headers=PREFER_HEADER,
)
async def create(call: ApiCall[None, OperationIn]) -> web.StreamResponse:
    """Begin an operation: steps on one device, one after the other."""
    services, protocols = call.services, call.services.protocols
    identity = protocols.identify(str(call.body.device_id), "/deviceId")
    device_id = identity.device_id
    if not services.token_reach.reaches(call.token, device_id):
        raise NotFound(f"There is no adopted device {identity.external_id}.")
    operation_request = parse_operation_request(
        call.body, protocols.named(identity.protocol)
    )
    orders = [request.order for request in operation_request.step_requests]
    require_door_permission(call.token, protocols, orders)
    actor = call.actor
    await keep_step_bodies(
        services.blobs, call.scope_id, orders, call.long_bodies, actor
    )
    await get_or_adopt_device(
        services.fleet, services.cluster_sync, call.token, identity, actor
    )
    created = await services.operations.create(
        device_id,
        operation_request,
        lambda operation, first: encode_json(
            created_operation_out(
                protocols, operation, operation_request.step_requests, first
            )
        ),
        scope_id=call.scope_id,
        created_by=actor,
        idempotency=call.idempotency,
    )
    call.log_fields.update(device_id=device_id, operation_id=created_id(created.answer))
    return await _OPERATIONS.respond_created(
        call, created.answer, replayed=created.operation is None
    )


@routes("GET", "/operations", "listOperations", OperationsOut, limits_itself=True)
async def list_operations(call: ApiCall[OperationsQuery, None]) -> web.StreamResponse:
    """List operations, newest first."""
    query = call.query
    operation_filter = OperationFilter(
        device_id=optional_device_id(call, query.device_id),
        task_id=optional_int64(query.task_id, "taskId"),
        status=query.status,
        resource=query.resource,
        created_by=optional_int64(query.created_by, "createdBy"),
    )
    store = call.services.store.operations
    fetch = partial(
        store.operations,
        call.scope_id,
        operation_filter,
        device_ids=await call.services.token_reach.device_ids(call.token),
    )
    render = partial(operation_out, call.services.protocols)
    return await list_response(call, OperationsOut, fetch, render)


@routes("GET", _OPERATION, "getOperation", OperationOut)
async def get(call: ApiCall[WaitQuery, None]) -> web.StreamResponse:
    """
    Show an operation with its steps.

    With `wait`, when it is over, or as it stands after that many seconds.
    """
    return await _OPERATIONS.respond(call, call.path_int64("operation_id"))


@routes("POST", _OPERATION + "/cancel", "cancelOperation", OperationOut, errors=(409,))
async def cancel(call: ApiCall[None, None]) -> web.StreamResponse:
    """Cancel what waits of an operation; what is in flight runs to its end."""
    operation_id = call.path_int64("operation_id")
    operation = await call.services.operations.cancel(
        call.scope_id, operation_id, call.actor
    )
    call.log_fields.update(operation_id=operation_id, state=operation.status)
    return json_response(await _show(call, operation_id))


async def _is_over(call: ApiCall[Any, Any], operation_id: int) -> bool:
    operation = await call.services.operations.get(call.scope_id, operation_id)
    return not operation.is_running


async def _show(call: ApiCall[Any, Any], operation_id: int) -> OperationOut:
    services = call.services
    operation = await services.operations.get(call.scope_id, operation_id)
    records = await services.store.operations.step_records(operation)
    return operation_out(services.protocols, operation, steps_out(records))


_OPERATIONS = Lasting("/operations", "operation_id", _is_over, _show)


@routes(
    "POST",
    _NOTIFICATIONS,
    "notifyOperation",
    NotificationOut,
    status=201,
    errors=(409,),
    idempotency=Idempotency.CLAIMED,
    example={"progress": 40, "message": "The courier is on the way."},
)
async def add_notification(call: ApiCall[None, NotificationIn]) -> web.StreamResponse:
    """Report progress of an operation from outside the queue."""
    operation_id, body = call.path_int64("operation_id"), call.body
    reported = ProgressReport(
        progress=body.progress,
        status=body.status,
        resource=body.resource,
        message=body.message,
        sent_at=None
        if body.sent_on is None
        else parse_instant(body.sent_on, "/sentOn"),
    )
    notification = await call.services.notifications.add(
        call.scope_id, operation_id, reported, actor=call.actor
    )
    call.log_fields.update(operation_id=operation_id, notification_id=notification.id)
    return json_response(notification_out(notification), status=201)


@routes("GET", _NOTIFICATIONS, "listNotifications", NotificationsOut)
async def list_notifications(call: ApiCall[PageQuery, None]) -> web.StreamResponse:
    """List an operation's notifications in the order they were made."""
    operation_id, services = call.path_int64("operation_id"), call.services
    await services.operations.get(call.scope_id, operation_id)
    notifications = services.store.notifications.notifications
    fetch = partial(notifications, call.scope_id, operation_id)
    return await list_response(
        call, NotificationsOut, fetch, notification_out, cursor="after", start=0
    )

"""Tasks over the API: make, follow, pause, resume, cancel, try again."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from aiohttp import web

from pushserver.errors import Invalid
from pushserver.model.command_request import OperationRequest
from pushserver.model.ids import parse_int64
from pushserver.model.task import OperationCounts, Task
from pushserver.model.token import Permission
from pushserver.web.api.enqueue import parse_idempotent_request
from pushserver.web.api.operation_parsing import (
    parse_operation_request,
    parse_rollout_policy,
    parse_target_selector,
)
from pushserver.web.api.operation_types import (
    DryRunOut,
    PageQuery,
    RetryIn,
    TaskIn,
    TaskOut,
    TasksOut,
)
from pushserver.web.api.operation_views import dry_run_out, task_out
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
from pushserver.web.api.shadow_types import ShadowsIn
from pushserver.web.middleware import add_log_fields

_encode = msgspec.json.Encoder().encode


class _CreatedId(msgspec.Struct):
    id: str


async def create(call: ApiCall[None, None]) -> web.StreamResponse:
    """Make a task for many devices, or only tell who would be hit."""
    raw_body, body = await read_json(call.request, TaskIn)
    if not body.steps:
        raise Invalid("A task needs at least one step.", pointer="/steps")
    return await create_task_from_plan(
        call, parse_operation_request(body), body, raw_body
    )


async def create_task_from_plan(
    call: ApiCall[None, None],
    operation_request: OperationRequest,
    body: TaskIn | ShadowsIn,
    raw_body: bytes,
) -> web.StreamResponse:
    """Make a task of *operation_request*, or only tell who would be hit."""
    targets = parse_target_selector(body.targets)
    rollout_policy, idempotency = (
        parse_rollout_policy(body),
        parse_idempotent_request(call, raw_body),
    )
    services = call.services
    if body.dry_run:
        target_devices = await services.tasks.preview_targets(call.scope_id, targets)
        return json_response(dry_run_out(target_devices))
    with services.queue.lock_key(idempotency):
        created = await services.tasks.create(
            operation_request,
            targets,
            rollout_policy,
            lambda task, counts: _encode(task_out(task, counts)),
            scope_id=call.scope_id,
            created_by=call.token.id,
            name=body.name,
            idempotency=idempotency,
        )
    task_id = msgspec.json.decode(created.answer, type=_CreatedId).id
    add_log_fields(call.request, task_id=task_id)
    headers = {"Location": f"{BASE_PATH}/tasks/{task_id}"}
    if created.task is None:
        headers["Idempotency-Replayed"] = "true"
    return encoded_json_response(created.answer, status=201, headers=headers)


async def list_tasks(call: ApiCall[PageQuery, None]) -> web.StreamResponse:
    """List tasks, newest first."""
    limit, cursor = cap_limit(call.query.limit), call.query.cursor
    before = None
    if cursor is not None:
        before = parse_int64(cursor, field_name="cursor", pointer="/cursor")
    tasks = await call.services.store.tasks.tasks(
        call.scope_id, before=before, limit=limit + 1
    )
    page = TasksOut(items=[await _load_task_out(call, task) for task in tasks[:limit]])
    if len(tasks) <= limit:
        return json_response(page)
    page.next_cursor = page.items[-1].id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


async def _load_task_out(call: ApiCall[PageQuery, None], task: Task) -> TaskOut:
    return task_out(task, await call.services.store.tasks.operation_counts(task.id))


async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show one task and how far it is."""
    return await _apply_and_show(call, call.services.tasks.get)


async def pause(call: ApiCall[None, None]) -> web.StreamResponse:
    """Begin no further operation of a task until it is resumed."""
    return await _apply_and_show(call, call.services.tasks.pause)


async def resume(call: ApiCall[None, None]) -> web.StreamResponse:
    """Go on with a paused task; the failures so far are forgiven."""
    return await _apply_and_show(call, call.services.tasks.resume)


async def cancel(call: ApiCall[None, None]) -> web.StreamResponse:
    """Cancel a task; steps in flight run to their end."""
    return await _apply_and_show(call, call.services.tasks.cancel)


async def retry(call: ApiCall[None, RetryIn]) -> web.StreamResponse:
    """Begin anew what failed of a task."""
    retry_failed = partial(
        call.services.tasks.retry, include_unknown=call.body.include_unknown
    )
    return await _apply_and_show(call, retry_failed)


async def _apply_and_show(
    call: ApiCall[None, None] | ApiCall[None, RetryIn],
    action: Callable[[int, int], Awaitable[tuple[Task, OperationCounts]]],
) -> web.StreamResponse:
    task, counts = await action(call.scope_id, call.path_int64("task_id"))
    add_log_fields(call.request, task_id=task.id, state=task.state)
    return json_response(task_out(task, counts))


_TASK = "/tasks/{task_id}"
_read_route = partial(ApiRoute, method="GET", permission=Permission.OPERATIONS_READ)
_write_route = partial(
    ApiRoute,
    method="POST",
    permission=Permission.OPERATIONS_WRITE,
    error_statuses=(404, 409, 422, 503),
    response_type=TaskOut,
)

ROUTES = (
    ApiRoute(
        method="POST",
        path="/tasks",
        name="makeTask",
        summary="Begin the same operation on many devices; or tell who would be hit",
        handler=create,
        permission=Permission.OPERATIONS_WRITE,
        raw_body_types={JSON_MEDIA_TYPE: TaskIn},
        response_type=(TaskOut, DryRunOut),
        created_status=201,
        error_statuses=(400, 409, 413, 415, 422, 503),
        request_headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
    _read_route(
        path="/tasks",
        name="listTasks",
        summary="List tasks, newest first",
        handler=list_tasks,
        query_type=PageQuery,
        response_type=TasksOut,
        error_statuses=(422, 503),
    ),
    _read_route(
        path=_TASK,
        name="getTask",
        summary="Show a task and how far it is",
        handler=get,
        response_type=TaskOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=_TASK + "/pause",
        name="pauseTask",
        summary="Begin no further operation of a task until it is resumed",
        handler=pause,
    ),
    _write_route(
        path=_TASK + "/resume",
        name="resumeTask",
        summary="Go on with a paused task; the failures so far are forgiven",
        handler=resume,
    ),
    _write_route(
        path=_TASK + "/cancel",
        name="cancelTask",
        summary="Cancel a task; steps in flight run to their end",
        handler=cancel,
    ),
    _write_route(
        path=_TASK + "/retry",
        name="retryTask",
        summary="Begin anew what failed of a task, which runs then, paused or ended",
        handler=retry,
        body_type=RetryIn,
        body_required=False,
        error_statuses=(400, 404, 409, 413, 415, 422, 503),
    ),
)

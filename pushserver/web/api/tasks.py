"""Tasks over the API: make, list, show, pause, resume, cancel, retry."""

from functools import partial
from typing import Any

from aiohttp import web

from pushserver.model.command_request import OperationRequest
from pushserver.model.operation import FAILED_STATUSES
from pushserver.model.target import TargetSelector
from pushserver.model.token import Permission
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_requests import WaitQuery
from pushserver.web.api.lasting import Lasting
from pushserver.web.api.once import Idempotency
from pushserver.web.api.operation_parsing import (
    parse_operation_request,
    parse_rollout_policy,
    parse_target_selector,
)
from pushserver.web.api.operation_views import device_task_out, task_out
from pushserver.web.api.prefer import PREFER_HEADER
from pushserver.web.api.responses import encode_json, list_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.shadow_types import ShadowsIn
from pushserver.web.api.tags import Tag
from pushserver.web.api.task_course import (
    TaskCourse,
    add_failures,
    create_or_preview,
    is_task_over,
    parse_task_filter,
)
from pushserver.web.api.task_types import (
    DeviceTasksOut,
    DeviceTasksQuery,
    DryRunOut,
    RetryIn,
    TaskIn,
    TaskOut,
    TasksOut,
    TasksQuery,
)
from pushserver.web.body import MAX_BODY_SIZE


async def _show(call: ApiCall[Any, Any], task_id: int) -> TaskOut:
    task, counts = await call.services.tasks.get(call.scope_id, task_id)
    call.log_fields.update(task_id=task.id, state=task.state)
    body = task_out(task, counts)
    fetch = call.services.store.tasks.task_operations
    device_ids = await call.services.token_reach.device_ids(call.token)
    await add_failures(
        body,
        partial(fetch, task_id, FAILED_STATUSES, device_ids=device_ids),
        partial(device_task_out, call.services.protocols, call.token),
    )
    return body


_TASKS = Lasting("/tasks", "task_id", is_task_over, _show)

routes = Routes(Tag.TASKS, Permission.OPERATIONS_READ, Permission.OPERATIONS_WRITE)
_TASK = "/tasks/{task_id}"


@routes(
    "POST",
    "/tasks",
    "makeTask",
    DryRunOut,
    created_status=201,
    created_type=TaskOut,
    response_headers=("Location", "Preference-Applied"),
    errors=(409,),
    idempotency=Idempotency.WITH_CHANGE,
    max_body=MAX_BODY_SIZE,
    limits_itself=True,
    example={
        "name": "Restart the north",
        "targets": {"deviceIds": ["478435"]},
        "steps": [{"endpoint": "reboot"}],
        "concurrency": 10,
        "stopAfterFailures": "5%",
    },
    request_headers=PREFER_HEADER,
)
async def create(call: ApiCall[None, TaskIn]) -> web.StreamResponse:
    """Begin the same operation on many devices; or tell which ones they would be."""
    targets = await parse_target_selector(call.body.targets, call.services.protocols)
    protocol = await call.services.task_creator.protocol_of(call.scope_id, targets)
    plan = parse_operation_request(call.body, protocol)
    return await create_task(call, call.body, targets, plan)


async def create_task(
    call: ApiCall[None, TaskIn] | ApiCall[None, ShadowsIn],
    body: TaskIn | ShadowsIn,
    targets: TargetSelector,
    operation_request: OperationRequest,
) -> web.StreamResponse:
    """Create a task of *operation_request*, or only tell who would be hit."""
    create = partial(
        call.services.task_creator.create,
        operation_request,
        policy=parse_rollout_policy(body),
        render=lambda task, counts: encode_json(task_out(task, counts, [])),
        name=body.name,
    )
    return await create_or_preview(
        call,
        _TASKS,
        targets,
        operation_request.step_requests,
        create,
        dry_run=body.dry_run,
    )


@routes("GET", "/tasks", "listTasks", TasksOut, limits_itself=True)
async def list_tasks(call: ApiCall[TasksQuery, None]) -> web.StreamResponse:
    """List tasks, newest first."""
    store = call.services.store.tasks
    task_filter = parse_task_filter(call)

    async def fetch(*, before: int | None, limit: int) -> list[TaskOut]:
        if task_filter is None:
            return []
        tasks = await store.tasks(
            call.scope_id, task_filter, before=before, limit=limit
        )
        return [task_out(task, await store.operation_counts(task.id)) for task in tasks]

    return await list_response(call, TasksOut, fetch, lambda task: task)


@routes("GET", _TASK, "getTask", TaskOut)
async def get(call: ApiCall[WaitQuery, None]) -> web.StreamResponse:
    """
    Show a task, how far it is, and what failed.

    With `wait`, when it has ended, or as it stands after that many seconds.
    """
    return await _TASKS.respond(call, call.path_int64("task_id"))


@routes("GET", _TASK + "/devices", "listDevicesOfTask", DeviceTasksOut)
async def list_devices(call: ApiCall[DeviceTasksQuery, None]) -> web.StreamResponse:
    """List a task's devices and how far each is."""
    services, task_id = call.services, call.path_int64("task_id")
    await services.tasks.get(call.scope_id, task_id)
    fetch = partial(
        services.store.tasks.task_operations,
        task_id,
        frozenset(call.query.status),
        device_ids=await services.token_reach.device_ids(call.token),
    )
    return await list_response(
        call,
        DeviceTasksOut,
        fetch,
        partial(device_task_out, services.protocols, call.token),
        cursor="after",
        start=0,
        cursor_of=lambda row: row.operation.id,
    )


_COURSE = TaskCourse("task", lambda services: services.tasks, _TASKS)
_COURSE.add_routes(
    routes,
    TaskOut,
    {
        "pause": "Begin no further operation of a task until it is resumed",
        "resume": "Go on with a paused task; the failures so far are forgiven",
        "cancel": "Cancel a task; steps in flight run to their end",
    },
)


@routes(
    "POST",
    _TASK + "/retry",
    "retryTask",
    TaskOut,
    errors=(409, 410),
    body_required=False,
    idempotency=Idempotency.CLAIMED,
    example={"includeUnknown": True},
)
async def retry(call: ApiCall[None, RetryIn]) -> web.StreamResponse:
    """Retry what failed of a task, which then runs, even if it was paused or ended."""
    include_unknown = call.body.include_unknown
    retry_failed = partial(call.services.tasks.retry, include_unknown=include_unknown)
    return await _COURSE.change(call, retry_failed, starts_steps=True)

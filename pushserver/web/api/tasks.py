"""Tasks over the API: make, follow, pause, resume, cancel, try again."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from aiohttp import web

from pushserver.errors import Invalid
from pushserver.model.draft import Plan
from pushserver.model.ids import parse_int64
from pushserver.model.task import Counts, Task
from pushserver.model.token import Permission
from pushserver.web.api.enqueue import once_of
from pushserver.web.api.plans import read_pace, read_plan, read_targets
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
from pushserver.web.api.shadow_types import ShadowsIn
from pushserver.web.api.tracking_types import (
    DryRunOut,
    PageQuery,
    RetryIn,
    TaskIn,
    TaskOut,
    TasksOut,
)
from pushserver.web.api.tracking_views import dry_run_out, task_out
from pushserver.web.around import note

_encode = msgspec.json.Encoder().encode


class _Id(msgspec.Struct):
    id: str


async def make(call: Call[None, None]) -> web.StreamResponse:
    """Make a task for many devices, or only tell who would be hit."""
    data, wanted = await read_json(call.request, TaskIn)
    if not wanted.steps:
        raise Invalid("A task needs at least one step.", pointer="/steps")
    return await make_task(call, read_plan(wanted), wanted, data)


async def make_task(
    call: Call[None, None], plan: Plan, wanted: TaskIn | ShadowsIn, data: bytes
) -> web.StreamResponse:
    """Make a task of *plan*, or only tell who would be hit."""
    targets = read_targets(wanted.targets)
    pace, once = read_pace(wanted), once_of(call, data)
    services = call.services
    if wanted.dry_run:
        expected = await services.tasks.expect(call.scope_id, targets)
        return answer(dry_run_out(expected))
    with services.queue.once(once):
        made = await services.tasks.make(
            plan,
            targets,
            pace,
            lambda task, counts: _encode(task_out(task, counts)),
            scope_id=call.scope_id,
            by=call.token.id,
            name=wanted.name,
            request=once,
        )
    task_id = msgspec.json.decode(made.answer, type=_Id).id
    note(call.request, task_id=task_id)
    headers = {"Location": f"{BASE}/tasks/{task_id}"}
    if made.task is None:
        headers["Idempotency-Replayed"] = "true"
    return rendered(made.answer, status=201, headers=headers)


async def list_tasks(call: Call[PageQuery, None]) -> web.StreamResponse:
    """List tasks, newest first."""
    limit, cursor = capped(call.query.limit), call.query.cursor
    before = None
    if cursor is not None:
        before = parse_int64(cursor, what="cursor", pointer="/cursor")
    found = await call.services.store.tasks.tasks(
        call.scope_id, before=before, limit=limit + 1
    )
    page = TasksOut(items=[await _counted(call, task) for task in found[:limit]])
    if len(found) <= limit:
        return answer(page)
    page.next_cursor = page.items[-1].id
    return answer(page, headers=next_link(call.request, page.next_cursor))


async def _counted(call: Call[PageQuery, None], task: Task) -> TaskOut:
    return task_out(task, await call.services.store.tasks.count_task(task.id))


async def get(call: Call[None, None]) -> web.StreamResponse:
    """Show one task and how far it is."""
    return await _moved(call, call.services.tasks.get)


async def pause(call: Call[None, None]) -> web.StreamResponse:
    """Begin no further operation of a task until it is resumed."""
    return await _moved(call, call.services.tasks.pause)


async def resume(call: Call[None, None]) -> web.StreamResponse:
    """Go on with a paused task; the failures so far are forgiven."""
    return await _moved(call, call.services.tasks.resume)


async def cancel(call: Call[None, None]) -> web.StreamResponse:
    """Cancel a task; steps in flight run to their end."""
    return await _moved(call, call.services.tasks.cancel)


async def retry(call: Call[None, RetryIn]) -> web.StreamResponse:
    """Begin anew what failed of a task."""
    again = partial(
        call.services.tasks.retry, include_unknown=call.body.include_unknown
    )
    return await _moved(call, again)


async def _moved(
    call: Call[None, None] | Call[None, RetryIn],
    move: Callable[[int, int], Awaitable[tuple[Task, Counts]]],
) -> web.StreamResponse:
    task, counts = await move(call.scope_id, call.int64("task_id"))
    note(call.request, task_id=task.id, state=task.state)
    return answer(task_out(task, counts))


_TASK = "/tasks/{task_id}"
_route_to_read = partial(Route, method="GET", permission=Permission.OPERATIONS_READ)
_route_to_write = partial(
    Route,
    method="POST",
    permission=Permission.OPERATIONS_WRITE,
    problems=(404, 409, 422, 503),
    answer=TaskOut,
)

ROUTES = (
    Route(
        method="POST",
        path="/tasks",
        name="makeTask",
        summary="Begin the same operation on many devices; or tell who would be hit",
        handler=make,
        permission=Permission.OPERATIONS_WRITE,
        media={JSON: TaskIn},
        answer=(TaskOut, DryRunOut),
        created=201,
        problems=(400, 409, 413, 415, 422, 503),
        headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
    _route_to_read(
        path="/tasks",
        name="listTasks",
        summary="List tasks, newest first",
        handler=list_tasks,
        query=PageQuery,
        answer=TasksOut,
        problems=(422, 503),
    ),
    _route_to_read(
        path=_TASK,
        name="getTask",
        summary="Show a task and how far it is",
        handler=get,
        answer=TaskOut,
        problems=(404, 422, 503),
    ),
    _route_to_write(
        path=_TASK + "/pause",
        name="pauseTask",
        summary="Begin no further operation of a task until it is resumed",
        handler=pause,
    ),
    _route_to_write(
        path=_TASK + "/resume",
        name="resumeTask",
        summary="Go on with a paused task; the failures so far are forgiven",
        handler=resume,
    ),
    _route_to_write(
        path=_TASK + "/cancel",
        name="cancelTask",
        summary="Cancel a task; steps in flight run to their end",
        handler=cancel,
    ),
    _route_to_write(
        path=_TASK + "/retry",
        name="retryTask",
        summary="Begin anew what failed of a task, which runs then, paused or ended",
        handler=retry,
        body=RetryIn,
        body_required=False,
        problems=(400, 404, 409, 413, 415, 422, 503),
    ),
)

"""Tasks: the list of them, and one with its devices."""

from aiohttp import web

from pushserver.model.operation import OperationStatus
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.model.token import Permission
from pushserver.services.task_failures import explain_failure
from pushserver.storage.tasks import TaskFilter, TaskOperation
from pushserver.web.api.reach import own_tasks
from pushserver.web.console.choices import chosen
from pushserver.web.console.device_rows import titles
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.paging import cursor_before, cut_page
from pushserver.web.console.task_forms import add_task_forms

pages = Pages()
PAGE_SIZE = 50
#: The states that a list can be limited to; no program sees another one.
SHOWN_STATES = [each for each in TaskState if each is not TaskState.PREPARING]


@pages.page("/tasks", Permission.OPERATIONS_READ, limits_itself=True, shared=True)
async def list_tasks(call: SignedInCall) -> web.StreamResponse:
    """Show the tasks that match the filters, a page of them, newest first."""
    criteria, store = task_criteria(call), call.services.store.tasks
    found: list[tuple[Task, OperationCounts]] = []
    if criteria is not None:
        before = cursor_before(call)
        tasks = await store.tasks(
            call.scope_id, criteria, before=before, limit=PAGE_SIZE + 1
        )
        found = [(task, await store.operation_counts(task.id)) for task in tasks]
    shown, next_cursor = cut_page(found, PAGE_SIZE, lambda row: row[0].id)
    return await call.render(
        "tasks.html",
        rows=[(task, counts, None) for task, counts in shown],
        task_states=SHOWN_STATES,
        next_cursor=next_cursor,
        noun="task",
    )


def task_criteria(call: SignedInCall) -> TaskFilter | None:
    """
    Return the filter of the query; None if the token sees no tasks of others.

    Raises:
        Invalid: there is no such state.
    """
    given = call.query
    state = chosen(given, "state", SHOWN_STATES)
    states = frozenset() if state is None else frozenset({state})
    name = given.get("name", "").strip() or None
    return own_tasks(call.token, TaskFilter(states=states, name=name))


@pages.page("/tasks/{task_id}", Permission.OPERATIONS_READ)
async def show_task(call: SignedInCall) -> web.StreamResponse:
    """Show a task: how far it is, and on which devices it failed."""
    services, task_id = call.services, call.path_int64("task_id")
    task, counts = await services.tasks.get(call.scope_id, task_id)
    status = chosen(call.query, "status", OperationStatus)
    statuses = frozenset() if status is None else frozenset({status})
    found = await services.store.tasks.task_operations(
        task_id,
        statuses,
        after=cursor_before(call) or 0,
        limit=PAGE_SIZE + 1,
        device_ids=await call.reach,
    )
    shown, next_cursor = cut_page(found, PAGE_SIZE, lambda row: row.operation.id)
    ids = {each.operation.device_id for each in shown}
    return await call.render(
        "task.html",
        task=task,
        counts=counts,
        rows=[(each.operation, *_failure(call, each)) for each in shown],
        statuses=[*OperationStatus],
        titles=titles(call, ids),
        shown_ids={each: services.protocols.display_id(each) for each in ids},
        next_cursor=next_cursor,
        noun="task",
    )


def _failure(
    call: SignedInCall, task_operation: TaskOperation
) -> tuple[str | None, str | None]:
    """Return why it failed: mostly what the device answered, so not for everybody."""
    if not call.may(Permission.RESULTS_READ):
        return None, None
    return explain_failure(call.services.protocols, task_operation)


add_task_forms(pages, "task")

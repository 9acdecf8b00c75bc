"""What is done with tasks and upgrades: pause, resume, cancel, retry."""

from functools import partial

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.services.door_permission import require_door_permission_for_task
from pushserver.web.api.reach import require_reach_of_task
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages

#: Those that begin with steps which would not be begun without them.
_STARTS_STEPS = ("resume", "retry")


def add_task_forms(pages: Pages, noun: str) -> None:
    """Declare the forms of tasks, or of upgrades: *noun* says which."""
    for action in ("pause", "resume", "cancel", "retry"):
        path = f"/{noun}s/{{{noun}_id}}/{action}"
        declare = pages.form(path, Permission.OPERATIONS_WRITE)
        declare(partial(_change, noun, action))


async def _change(noun: str, action: str, call: SignedInCall) -> web.StreamResponse:
    task_id, services = call.path_int64(f"{noun}_id"), call.services
    if noun == "upgrade":
        await services.upgrades.get(call.scope_id, task_id)
    task, _ = await services.tasks.get(call.scope_id, task_id)
    if action in _STARTS_STEPS:
        await require_door_permission_for_task(
            call.token, services.protocols, services.store, task
        )
        await require_reach_of_task(call, task)
    apply = getattr(services.tasks, action)
    if action == "retry":
        apply = partial(apply, include_unknown="unknown" in call.form)
    await apply(call.scope_id, task_id, call.actor)
    return call.see_other(call.back(f"/{noun}s/{task_id}"), f"task_{action}")

"""What tasks and upgrades share: how they are created, and how their course changes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import attrs
from aiohttp import web

from pushserver.model.actor import Actor
from pushserver.model.command_request import CommandRequest
from pushserver.model.target import TargetSelector
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.model.token import Permission
from pushserver.services.door_permission import (
    require_door_permission,
    require_door_permission_for_task,
)
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.task_creation import CreatedTask
from pushserver.services.tasks import Tasks
from pushserver.services.upgrades import Upgrades
from pushserver.storage.tasks import TaskFilter
from pushserver.web.api.call import ApiCall
from pushserver.web.api.lasting import Lasting
from pushserver.web.api.long_steps import keep_step_bodies
from pushserver.web.api.operation_views import dry_run_out
from pushserver.web.api.query import optional_int64
from pushserver.web.api.reach import own_tasks, require_reach_of_task
from pushserver.web.api.reading_turn import respond_in_turn
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import created_id, json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.task_types import (
    DeviceFailureOut,
    DeviceTaskOut,
    TaskOut,
    TasksQuery,
)
from pushserver.web.api.upgrade_types import DeviceUpgradeOut, UpgradeOut
from pushserver.web.services import Services

#: A task, or an upgrade, is shown with at most this many of its failures.
MAX_SHOWN_FAILURES = 100
R = TypeVar("R")
#: Changes the state of the task with an id in a scope, for somebody.
Action = Callable[[int, int, Actor], Awaitable[tuple[Task, OperationCounts]]]


class CreateTask(Protocol):
    """Creates a task or an upgrade of the targeted devices."""

    def __call__(
        self,
        targets: TargetSelector,
        /,
        *,
        scope_id: int,
        created_by: Actor,
        idempotency: IdempotentRequest | None,
    ) -> Awaitable[CreatedTask]:
        """Create it for *targets*, once for an idempotency key."""


async def create_or_preview(
    call: ApiCall[Any, Any],
    kind: Lasting,
    targets: TargetSelector,
    steps: Sequence[CommandRequest],
    create: CreateTask,
    *,
    dry_run: bool,
) -> web.StreamResponse:
    """
    Create one of a *kind*, with these *steps*.

    For a dry run only tell which devices it is for.
    """
    services = call.services
    if call.token.is_restricted:
        await services.cluster_sync.catch_up()
        targets = await services.token_reach.narrow_targets(call.token, targets)
    orders = [step.order for step in steps]
    require_door_permission(call.token, services.protocols, orders)
    await keep_step_bodies(
        services.blobs,
        call.scope_id,
        orders,
        call.long_bodies,
        call.actor,
        dry_run=dry_run,
    )
    if dry_run:
        return await respond_in_turn(call, partial(_preview, call, targets))
    created = await create(
        targets,
        scope_id=call.scope_id,
        created_by=call.actor,
        idempotency=call.idempotency,
    )
    call.log_fields["task_id"] = created_id(created.answer)
    return await kind.respond_created(
        call, created.answer, replayed=created.task is None
    )


async def _preview(
    call: ApiCall[Any, Any], targets: TargetSelector
) -> web.StreamResponse:
    services = call.services
    devices = services.task_creator.preview_targets(call.scope_id, targets)
    may_read = call.token.has_permission(Permission.DEVICES_READ)
    out = await dry_run_out(services.protocols, devices, shows_devices=may_read)
    return json_response(out)


async def add_failures(
    body: TaskOut | UpgradeOut,
    fetch: Callable[..., Awaitable[Sequence[R]]],
    view: Callable[[R], DeviceTaskOut | DeviceUpgradeOut],
) -> None:
    """Add to *body* the first failures that *fetch* finds, and where to go on."""
    found = await fetch(after=0, limit=MAX_SHOWN_FAILURES + 1)
    shown = [view(each) for each in found[:MAX_SHOWN_FAILURES]]
    body.failures = [render(DeviceFailureOut, each) for each in shown]
    if len(found) > MAX_SHOWN_FAILURES:
        body.failures_cursor = shown[-1].sub_operation_id


async def is_task_over(call: ApiCall[Any, Any], task_id: int) -> bool:
    """Tell whether a task, or an upgrade, has ended."""
    task, _ = await call.services.tasks.get(call.scope_id, task_id)
    return task.ended_at is not None


def parse_task_filter(call: ApiCall[TasksQuery, None]) -> TaskFilter | None:
    """Return which tasks, or upgrades, to list; None if the token sees none of them."""
    query = call.query
    task_filter = TaskFilter(
        states=frozenset(map(TaskState, query.state)),
        name=query.name,
        created_by=optional_int64(query.created_by, "createdBy"),
    )
    return own_tasks(call.token, task_filter)


@attrs.frozen
class TaskCourse:
    """How tasks, or upgrades, are paused, resumed, canceled and then shown."""

    noun: str
    service: Callable[[Services], Tasks | Upgrades]
    kind: Lasting

    async def change(
        self, call: ApiCall[Any, Any], action: Action, *, starts_steps: bool
    ) -> web.StreamResponse:
        """
        Apply *action* to the task or upgrade that the path names, and show it.

        *starts_steps*: it begins with steps that would not be begun without it.
        """
        task_id, services = call.path_int64(f"{self.noun}_id"), call.services
        await self.service(services).get(call.scope_id, task_id)
        if starts_steps:
            task, _ = await services.tasks.get(call.scope_id, task_id)
            await require_door_permission_for_task(
                call.token, services.protocols, services.store, task
            )
            await require_reach_of_task(call, task)
        task, _ = await action(call.scope_id, task_id, call.actor)
        call.log_fields.update(task_id=task.id, state=task.state)
        return json_response(await self.kind.show(call, task_id))

    def add_routes(
        self, routes: Routes, response_type: Any, summaries: Mapping[str, str]
    ) -> None:
        """Declare a call for each action in *summaries*."""
        for action, summary in summaries.items():
            path = f"/{self.noun}s/{{{self.noun}_id}}/{action}"
            name = action + self.noun.capitalize()
            declare = routes(
                "POST", path, name, response_type, errors=(409,), summary=summary
            )
            declare(self._handler(action))

    def _handler(
        self, action: str
    ) -> Callable[[ApiCall[None, None]], Awaitable[web.StreamResponse]]:
        async def change(call: ApiCall[None, None]) -> web.StreamResponse:
            apply = getattr(call.services.tasks, action)
            return await self.change(call, apply, starts_steps=action == "resume")

        return change

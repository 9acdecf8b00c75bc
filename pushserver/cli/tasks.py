"""`pushserver tasks`: the same operation on many devices."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import App, Parameter

from pushserver.cli.choices import choose_each
from pushserver.cli.context import InjectedContext
from pushserver.cli.id_commands import add_asking_command, add_id_commands
from pushserver.cli.json_files import read_steps
from pushserver.cli.operations import OperationOptionsArg
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.cli.resource_kind import TASK_KIND
from pushserver.cli.task_commands import (
    FailureLimit,
    add_commands,
    report_created,
)
from pushserver.cli.task_options import (
    DEFAULT_TASK_OPTIONS,
    NO_TARGETS,
    Switch,
    TargetOptions,
    TaskOptions,
)
from pushserver.model.operation import OperationStatus

#: What a list of a task's devices shows.
DEVICE_COLUMNS = (
    *("deviceId", "status", "progress", "errorCode", "error"),
    *("startedAt", "endedAt", "subOperationId"),
)

if TYPE_CHECKING:
    from pushserver.client.types import TargetsInput

app = App(name="tasks", help="Make, list, follow and steer tasks for many devices.")
add_commands(
    app,
    TASK_KIND,
    list_="List tasks, newest first.",
    show="Show one task, and what failed.",
    follow="Show how far a task is, until it has ended or is paused, and then what"
    " failed.\n\nThe exit code is 0 only if all devices COMPLETED.",
)
add_id_commands(
    app,
    "task_id",
    {
        "pause": (
            lambda client, task_id: client.tasks.pause(task_id),
            "Begin on no further device until the task is resumed.",
        ),
        "resume": (
            lambda client, task_id: client.tasks.resume(task_id),
            "Go on with a paused task; the failures so far are forgiven.",
        ),
    },
    TASK_KIND.print_resource,
)
add_asking_command(
    app,
    "task_id",
    "cancel",
    (
        lambda client, task_id: client.tasks.cancel(task_id),
        "Cancel a task; steps in flight run to their end.",
        "Cancel task {} on all devices that have not finished?",
    ),
    TASK_KIND.print_resource,
)


@app.command
async def devices(
    task_id: str,
    /,
    *,
    status: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    page: PageOptionsArg = ONE_PAGE,
    context: InjectedContext,
) -> int:
    """
    List the devices of a task, and how far each is.

    Parameters
    ----------
    task_id
        Whose devices.
    status
        Only those that are RUNNING, COMPLETED, FAILED or STALE; may be repeated.
    page
        How many.
    """
    statuses: list[Any] = choose_each(status, OperationStatus, "status")
    async with context.client() as client:
        fetch = partial(client.tasks.devices, task_id, status=statuses)
        await print_list(context, client, fetch, DEVICE_COLUMNS, page)
    return 0


@app.command
async def make(
    *,
    options: OperationOptionsArg,
    targets: Annotated[TargetOptions, Parameter(name="*")] = NO_TARGETS,
    task_options: Annotated[TaskOptions, Parameter(name="*")] = DEFAULT_TASK_OPTIONS,
    follow: Switch = False,
    failures: FailureLimit = 50,
    context: InjectedContext,
) -> int:
    """
    Make a task for many devices; it begins at once.

    Parameters
    ----------
    options
        What is to be done on each of them.
    targets
        Which devices are meant.
    task_options
        How the task goes.
    follow
        Show how far it is, until it has ended; exit code 1 unless all COMPLETED.
    """
    target_fields = cast("TargetsInput", targets.api_fields())
    steps = await asyncio.to_thread(read_steps, options.steps)
    fields = options.api_fields() | task_options.api_fields()
    async with context.client() as client:
        task = await client.tasks.create(
            target_fields, steps, idempotency_key=options.idempotency_key, **fields
        )
        return await report_created(
            context, client, TASK_KIND, task, failures if follow else None
        )


@app.command
async def retry(
    task_id: str, /, *, include_unknown: Switch = False, context: InjectedContext
) -> int:
    """
    Begin anew on the devices that failed.

    Parameters
    ----------
    include_unknown
        Also on those of which nobody knows (STALE): they may do it twice.
    """
    async with context.client() as client:
        task = await client.tasks.retry(task_id, include_unknown=include_unknown)
    TASK_KIND.print_resource(context, task)
    return 0

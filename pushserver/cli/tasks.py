"""`pushserver tasks`: the same operation on many devices."""

import asyncio
import math
from collections.abc import AsyncIterator
from operator import itemgetter
from typing import Annotated

from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.json_files import read_steps
from pushserver.cli.operations import OperationOptionsArg
from pushserver.cli.task_options import (
    DEFAULT_TASK_OPTIONS,
    NO_TARGETS,
    Switch,
    TargetOptions,
    TaskOptions,
)
from pushserver.client import Json, iter_items

app = App(name="tasks", help="Make, list, follow and steer tasks for many devices.")

COLUMNS = (
    "id",
    "name",
    "state",
    "done",
    "devices",
    "failed",
    "stale",
    "createdAt",
)
EXPECTED_COLUMNS = ("deviceId", "name", "online", "lastSeenAt", "expectedAt")
#: Of so many devices a dry run tells people when to expect them.
MAX_EXPECTED_ROWS = 20

FailureLimit = Annotated[int, Parameter(help="How many failures to show; 0 for all.")]


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
    work
        What is to be done on each of them.
    targets
        Which devices are meant.
    pace
        How the task goes.
    follow
        Show how far it is, until it has ended; exit code 1 unless all COMPLETED.
    """
    target_fields = targets.api_fields()
    steps = await asyncio.to_thread(read_steps, options.steps)
    key = options.idempotency_key
    async with context.client() as client:
        task = await client.create_task(
            target_fields,
            steps,
            idempotency_key=key,
            **options.api_fields(),
            **task_options.api_fields(),
        )
        if task_options.dry_run:
            print_expected(context, task)
            return 0
        if follow:
            context.print_note(f"Task {task['id']}")
            return await following.follow(context, client, task, failures)
    print_task(context, task)
    return 0


@app.command(name="list")
@app.default
async def list_(*, limit: int = 50, context: InjectedContext) -> int:
    """
    List tasks, newest first.

    Parameters
    ----------
    limit
        How many at most; 0 for all.
    """
    async with context.client() as client:
        tasks = iter_items(client.tasks, limit)
        await context.print_stream(tasks if context.json else _to_rows(tasks), COLUMNS)
    return 0


@app.command
async def show(
    task_id: str, /, *, failures: FailureLimit = 50, context: InjectedContext
) -> int:
    """Show one task, and what failed."""
    async with context.client() as client:
        task = await client.task(task_id)
        if not context.json:
            context.print_fields(_to_row(task))
        await following.print_failures(context, client, task, failures)
    return 0


@app.command(name="follow")
async def follow_(
    task_id: str, /, *, failures: FailureLimit = 50, context: InjectedContext
) -> int:
    """
    Show how far a task is, until it has ended or is paused, and then what failed.

    The exit code is 0 only if all devices COMPLETED.
    """
    async with context.client() as client:
        task = await client.task(task_id)
        return await following.follow(context, client, task, failures)


@app.command
async def pause(task_id: str, /, *, context: InjectedContext) -> int:
    """Begin on no further device until the task is resumed."""
    async with context.client() as client:
        print_task(context, await client.pause_task(task_id))
    return 0


@app.command
async def resume(task_id: str, /, *, context: InjectedContext) -> int:
    """Go on with a paused task; the failures so far are forgiven."""
    async with context.client() as client:
        print_task(context, await client.resume_task(task_id))
    return 0


@app.command
async def cancel(task_id: str, /, *, context: InjectedContext) -> int:
    """Cancel a task; steps in flight run to their end."""
    async with context.client() as client:
        print_task(context, await client.cancel_task(task_id))
    return 0


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
        task = await client.retry_task(task_id, include_unknown=include_unknown)
    print_task(context, task)
    return 0


def print_task(context: CliContext, task: Json) -> None:
    """Print a task."""
    context.print_fields(task if context.json else _to_row(task))


def _to_row(task: Json) -> Json:
    """Return a task as people read it: its counts one by one, and no fractions."""
    fields = {name: value for name, value in task.items() if name != "waiting"}
    index = list(fields).index("counts")
    items = list(fields.items())
    items[index : index + 1] = following.counts_by_label(task).items()
    return {**dict(items), "done": f"{math.floor(100 * task['done'])} %"}


async def _to_rows(tasks: AsyncIterator[Json]) -> AsyncIterator[Json]:
    async for task in tasks:
        yield _to_row(task)


def print_expected(context: CliContext, expected: Json) -> None:
    """Print who would be hit: as JSON, for people those that are away first."""
    if context.json:
        context.print_json(expected)
        return
    devices, online = expected["devices"], expected["online"]
    context.print_line(f"Devices: {devices}, online: {online}. Nothing was begun.")
    items = sorted(expected["items"], key=itemgetter("online"))
    context.print_table(items[:MAX_EXPECTED_ROWS], EXPECTED_COLUMNS)
    if devices > MAX_EXPECTED_ROWS:
        context.print_note(f"{devices - MAX_EXPECTED_ROWS} more: --json shows all ids.")

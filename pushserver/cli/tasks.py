"""`pushserver tasks`: the same operation on many devices."""

import asyncio
import math
from collections.abc import AsyncIterator
from operator import itemgetter
from typing import Annotated

from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.here import Here, InHere
from pushserver.cli.operations import GivenWork
from pushserver.cli.steps import steps_in
from pushserver.cli.targets import AT_WILL, NOBODY, Flag, Pace, Targets
from pushserver.client import Json, every

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
EXPECTED = ("deviceId", "name", "online", "lastSeenAt", "expectedAt")
#: Of so many devices a dry run tells people when to expect them.
SHOWN = 20

Failures = Annotated[int, Parameter(help="How many failures to show; 0 for all.")]


@app.command
async def make(
    *,
    work: GivenWork,
    targets: Annotated[Targets, Parameter(name="*")] = NOBODY,
    pace: Annotated[Pace, Parameter(name="*")] = AT_WILL,
    follow: Flag = False,
    failures: Failures = 50,
    here: InHere,
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
    body = targets.body()
    steps = await asyncio.to_thread(steps_in, work.steps)
    key = work.idempotency_key
    async with here.client() as client:
        made = await client.make_task(
            body, steps, idempotency_key=key, **work.fields(), **pace.fields()
        )
        if pace.dry_run:
            show_expected(here, made)
            return 0
        if follow:
            here.note(f"Task {made['id']}")
            return await following.follow(here, client, made, failures)
    show_task(here, made)
    return 0


@app.command(name="list")
@app.default
async def list_(*, limit: int = 50, here: InHere) -> int:
    """
    List tasks, newest first.

    Parameters
    ----------
    limit
        How many at most; 0 for all.
    """
    async with here.client() as client:
        tasks = every(client.tasks, limit)
        await here.stream(tasks if here.json else _each_flat(tasks), COLUMNS)
    return 0


@app.command
async def show(task_id: str, /, *, failures: Failures = 50, here: InHere) -> int:
    """Show one task, and what failed."""
    async with here.client() as client:
        task = await client.task(task_id)
        if not here.json:
            here.show(_flat(task))
        await following.tell(here, client, task, failures)
    return 0


@app.command(name="follow")
async def follow_(task_id: str, /, *, failures: Failures = 50, here: InHere) -> int:
    """
    Show how far a task is, until it has ended or is paused, and then what failed.

    The exit code is 0 only if all devices COMPLETED.
    """
    async with here.client() as client:
        task = await client.task(task_id)
        return await following.follow(here, client, task, failures)


@app.command
async def pause(task_id: str, /, *, here: InHere) -> int:
    """Begin on no further device until the task is resumed."""
    async with here.client() as client:
        show_task(here, await client.pause_task(task_id))
    return 0


@app.command
async def resume(task_id: str, /, *, here: InHere) -> int:
    """Go on with a paused task; the failures so far are forgiven."""
    async with here.client() as client:
        show_task(here, await client.resume_task(task_id))
    return 0


@app.command
async def cancel(task_id: str, /, *, here: InHere) -> int:
    """Cancel a task; steps in flight run to their end."""
    async with here.client() as client:
        show_task(here, await client.cancel_task(task_id))
    return 0


@app.command
async def retry(task_id: str, /, *, include_unknown: Flag = False, here: InHere) -> int:
    """
    Begin anew on the devices that failed.

    Parameters
    ----------
    include_unknown
        Also on those of which nobody knows (STALE): they may do it twice.
    """
    async with here.client() as client:
        again = await client.retry_task(task_id, include_unknown=include_unknown)
    show_task(here, again)
    return 0


def show_task(here: Here, task: Json) -> None:
    """Print a task."""
    here.show(task if here.json else _flat(task))


def _flat(task: Json) -> Json:
    """Return a task as people read it: its counts one by one, and no fractions."""
    fields = {name: value for name, value in task.items() if name != "waiting"}
    at = list(fields).index("counts")
    flat = list(fields.items())
    flat[at : at + 1] = following.counted(task).items()
    return {**dict(flat), "done": f"{math.floor(100 * task['done'])} %"}


async def _each_flat(tasks: AsyncIterator[Json]) -> AsyncIterator[Json]:
    async for task in tasks:
        yield _flat(task)


def show_expected(here: Here, expected: Json) -> None:
    """Print who would be hit: as JSON, for people those that are away first."""
    if here.json:
        here.object(expected)
        return
    devices, online = expected["devices"], expected["online"]
    here.line(f"Devices: {devices}, online: {online}. Nothing was begun.")
    items = sorted(expected["items"], key=itemgetter("online"))
    here.table(items[:SHOWN], EXPECTED)
    if devices > SHOWN:
        here.note(f"{devices - SHOWN} more: --json shows all ids.")

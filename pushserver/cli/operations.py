"""`pushserver operations`: steps on one device, one after the other, and followed."""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

import attrs
from cyclopts import App, Parameter

from pushserver.cli.failures import error_of
from pushserver.cli.here import Here, InHere
from pushserver.cli.patience import patiently
from pushserver.cli.steps import steps_in
from pushserver.client import Client, Json, every
from pushserver.model.operation import Status

app = App(name="operations", help="Begin, list, show and cancel operations.")

COLUMNS = (
    "id",
    "deviceId",
    "resource",
    "status",
    "progress",
    "createdAt",
    "endedAt",
)
STEPS = ("step", "resource", "endpoint", "state", "commandId", "error")
NOTIFICATIONS = ("sentOn", "progress", "status", "resource", "message")
#: Seconds between two questions.
PACE = 0.5


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Work:
    """What is to be done, on one device or on many."""

    steps: Annotated[str, Parameter(allow_leading_hyphen=True)]
    "A file with a JSON array of steps; - is the standard input."
    resource: str | None = None
    "How it is called; else as its first step."
    on_failure: Literal["stop", "continue"] | None = None
    "What follows a step that did not succeed; stop is usual."
    idempotency_key: str | None = None
    "The same key begins it once, however often it is sent."

    def fields(self) -> dict[str, Any]:
        """Return what is given but the steps, as the API names it."""
        fields = {"resource": self.resource, "onFailure": self.on_failure}
        return {name: value for name, value in fields.items() if value is not None}


GivenWork = Annotated[Work, Parameter(name="*")]


@app.command
async def begin(
    device: str, /, *, work: GivenWork, wait: float | None = None, here: InHere
) -> int:
    """
    Begin an operation on one device.

    Parameters
    ----------
    device
        The device's id.
    work
        What is to be done.
    wait
        Wait for its end, [SECONDS] long (120); exit code 1 unless COMPLETED.
    """
    steps = await asyncio.to_thread(steps_in, work.steps)
    key = work.idempotency_key
    async with here.client() as client:
        operation = await client.begin_operation(
            device, steps, idempotency_key=key, **work.fields()
        )
        if wait is not None:
            operation = await _ended(here, client, operation, wait)
        await _show(here, client, operation)
    return int(wait is not None and operation["status"] != Status.COMPLETED)


@app.command(name="list")
@app.default
async def list_(
    *,
    device: str | None = None,
    task: str | None = None,
    status: str | None = None,
    limit: int = 50,
    here: InHere,
) -> int:
    """
    List operations, newest first.

    Parameters
    ----------
    device
        Only those of this device.
    task
        Only those of this task.
    status
        Only those that are RUNNING, COMPLETED, FAILED or STALE.
    limit
        How many at most; 0 for all.
    """
    filters = {"deviceId": device, "taskId": task, "status": status and status.upper()}
    async with here.client() as client:
        await here.stream(every(client.operations, limit, **filters), COLUMNS)
    return 0


@app.command
async def show(operation_id: str, /, *, here: InHere) -> int:
    """Show one operation with its steps, what went wrong, and its notifications."""
    async with here.client() as client:
        operation = await client.operation(operation_id)
        told = every(partial(client.notifications, operation_id))
        await _show(here, client, operation, [each async for each in told])
    return 0


@app.command
async def cancel(operation_id: str, /, *, here: InHere) -> int:
    """Cancel what waits of an operation; a step in flight runs to its end."""
    async with here.client() as client:
        await _show(here, client, await client.cancel_operation(operation_id))
    return 0


async def _ended(here: Here, client: Client, operation: Json, seconds: float) -> Json:
    """Return the operation as it is when it has ended, or when the time is over."""
    loop = asyncio.get_running_loop()
    until, last = loop.time() + seconds, None
    while operation["status"] == Status.RUNNING and loop.time() < until:
        await asyncio.sleep(min(PACE, max(0.0, until - loop.time())))
        ask = partial(client.operation, operation["id"])
        operation = await patiently(ask, here.note)
        done = f"{operation['stepsDone']} of {operation['stepCount']} steps done"
        if done != last and not here.json:
            here.line(f"{operation['progress']:3} %  {done}")
        last = done
    return operation


async def _show(
    here: Here, client: Client, operation: Json, told: list[Json] | None = None
) -> None:
    """Print an operation, its steps, and what was *told* of it."""
    steps = [
        _without_none({**step, "error": await error_of(client, step)})
        for step in operation["steps"]
    ]
    if here.json:
        shown = {**operation, "steps": steps, "notifications": told}
        here.object(_without_none(shown))
        return
    here.show({name: value for name, value in operation.items() if name != "steps"})
    numbered = ({"step": n, **step} for n, step in enumerate(steps, start=1))
    if steps:
        here.table(numbered, STEPS)
    if told:
        here.table(told, NOTIFICATIONS)


def _without_none(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}

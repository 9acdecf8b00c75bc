"""`pushserver operations`: steps on one device, one after the other, and followed."""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

import attrs
from cyclopts import App, Parameter

from pushserver.cli.api_fields import given_options, without_none
from pushserver.cli.choices import choose
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.failures import step_error
from pushserver.cli.json_files import read_steps
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.client import Client, Json, iter_items
from pushserver.client.backoff import retry_while_unreachable
from pushserver.model.operation import OperationStatus

app = App(name="operations", help="Begin, list, show and cancel operations.")

COLUMNS = (
    "id",
    "deviceId",
    "resource",
    "status",
    "progress",
    "createdAt",
    "endedAt",
    "taskId",
)
STEP_COLUMNS = ("step", "resource", "endpoint", "state", "commandId", "error")
NOTIFICATION_COLUMNS = ("sentOn", "progress", "status", "resource", "message")
#: Seconds between two polls of the server.
POLL_INTERVAL = 0.5


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class OperationOptions:
    """What is to be done, on one device or on many."""

    steps: Annotated[str, Parameter(allow_leading_hyphen=True)]
    "A file with a JSON array of steps; - is the standard input."
    resource: str | None = None
    "How it is called; else as its first step."
    on_failure: Literal["stop", "continue"] | None = None
    "What follows a step that did not succeed; stop is usual."
    idempotency_key: str | None = None
    "The same key begins it once, however often it is sent."

    def api_fields(self) -> dict[str, Any]:
        """Return what is given but the steps, as the API names it."""
        return given_options(self, ("resource", "on_failure"))


OperationOptionsArg = Annotated[OperationOptions, Parameter(name="*")]


@app.command
async def begin(
    device: str,
    /,
    *,
    options: OperationOptionsArg,
    wait: float | None = None,
    context: InjectedContext,
) -> int:
    """
    Begin an operation on one device.

    Parameters
    ----------
    device
        The device's id.
    options
        What is to be done.
    wait
        Wait for its end, [SECONDS] long (120); exit code 1 unless COMPLETED.
    """
    steps = await asyncio.to_thread(read_steps, options.steps)
    key = options.idempotency_key
    async with context.client() as client:
        operation: Json = await client.operations.create(
            device, steps, idempotency_key=key, **options.api_fields()
        )
        if wait is not None:
            operation = await _wait_until_ended(context, client, operation, wait)
        await _print_operation(context, client, operation)
    return int(wait is not None and operation["status"] != OperationStatus.COMPLETED)


@app.command(name="list")
@app.default
async def list_(
    *,
    device: str | None = None,
    task: str | None = None,
    status: str | None = None,
    resource: str | None = None,
    created_by: str | None = None,
    page: PageOptionsArg = ONE_PAGE,
    context: InjectedContext,
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
    resource
        Only those that are called so.
    created_by
        Only those of the token with this id.
    page
        How many.
    """
    filters: dict[str, Any] = {
        "deviceId": device,
        "taskId": task,
        "status": status and choose(status, OperationStatus, "status"),
        "resource": resource,
        "createdBy": created_by,
    }
    async with context.client() as client:
        await print_list(
            context, client, client.operations.list, COLUMNS, page, **filters
        )
    return 0


@app.command
async def show(operation_id: str, /, *, context: InjectedContext) -> int:
    """Show one operation with its steps, what went wrong, and its notifications."""
    async with context.client() as client:
        operation = await client.operations.get(operation_id)
        notifications = iter_items(
            partial(client.operations.notifications, operation_id)
        )
        await _print_operation(
            context, client, operation, [each async for each in notifications]
        )
    return 0


@app.command
async def cancel(operation_id: str, /, *, context: InjectedContext) -> int:
    """Cancel what waits of an operation; a step in flight runs to its end."""
    async with context.client() as client:
        await _print_operation(
            context, client, await client.operations.cancel(operation_id)
        )
    return 0


async def _wait_until_ended(
    context: CliContext, client: Client, operation: Json, max_seconds: float
) -> Json:
    """Return the operation once it has ended, or as it is after *max_seconds*."""
    loop = asyncio.get_running_loop()
    deadline, last_line = loop.time() + max_seconds, None
    while operation["status"] == OperationStatus.RUNNING and loop.time() < deadline:
        await asyncio.sleep(min(POLL_INTERVAL, max(0.0, deadline - loop.time())))
        fetch = partial(client.operations.get, operation["id"])
        operation = await retry_while_unreachable(fetch, context.print_note)
        progress_line = (
            f"{operation['stepsDone']} of {operation['stepCount']} steps done"
        )
        if progress_line != last_line and not context.json:
            context.print_line(f"{operation['progress']:3} %  {progress_line}")
        last_line = progress_line
    return operation


async def _print_operation(
    context: CliContext,
    client: Client,
    operation: Json,
    notifications: list[Json] | None = None,
) -> None:
    """Print an operation, its steps and its notifications."""
    steps = [
        without_none({**step, "error": await step_error(client, step)})
        for step in operation["steps"]
    ]
    if context.json:
        document = {**operation, "steps": steps, "notifications": notifications}
        context.print_json(without_none(document))
        return
    context.print_fields(
        {name: value for name, value in operation.items() if name != "steps"}
    )
    rows = ({"step": n, **step} for n, step in enumerate(steps, start=1))
    if steps:
        context.print_rows(rows, STEP_COLUMNS)
    if notifications:
        context.print_rows(notifications, NOTIFICATION_COLUMNS)

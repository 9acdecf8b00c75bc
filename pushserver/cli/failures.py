"""Why operations did not succeed: the step, its command and the device's error."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

from pushserver.client import ApiError, Client, Json, iter_items
from pushserver.model.operation import OperationStatus
from pushserver.model.state import CommandState

#: At most this many operations are read at the same time.
MAX_CONCURRENT = 8
#: The explanation of a command that ended without a result.
STATE_ERRORS: dict[str, str] = {
    CommandState.EXPIRED: "It was not handed out in time.",
    CommandState.CANCELED: "It was canceled.",
    CommandState.TIMEOUT: "The device did not answer.",
}
#: The explanation of a command that ended with a result nobody can read.
UNREADABLE_ERROR = "The device's answer cannot be read."
#: In these a command may have a result that says what went wrong.
ANSWERABLE_STATES = (CommandState.FAILED, CommandState.TIMEOUT)
#: The first of these states found among the steps explains the operation's end.
DECISIVE_STATES = (CommandState.FAILED, *STATE_ERRORS)
FAILURE_COLUMNS = ("deviceId", "status", "step", "resource", "state", "error")


async def task_failures(client: Client, task_id: str, limit: int) -> list[Json]:
    """Return why a task's operations failed, *limit* of them at most (0: all)."""
    operations: list[Json] = []
    for status in (OperationStatus.FAILED, OperationStatus.STALE):
        async for each in iter_items(
            client.operations.list, taskId=task_id, status=status
        ):
            if limit and len(operations) == limit:
                break
            if "retried" not in each:
                operations.append(each)
    semaphore = asyncio.Semaphore(MAX_CONCURRENT)

    async def explain(operation: Json) -> Json:
        async with semaphore:
            return await operation_failure(client, operation)

    return await asyncio.gather(*(explain(each) for each in operations))


async def operation_failure(client: Client, operation: Json) -> Json:
    """Return why one operation failed, or why its outcome is unknown."""
    summary = {
        "deviceId": operation["deviceId"],
        "operationId": operation["id"],
        "status": operation["status"],
    }
    steps = (await client.operations.get(operation["id"]))["steps"]
    step_index = decisive_step(steps)
    if step_index is None:
        return {**summary, "error": await _last_message(client, operation["id"])}
    step = steps[step_index]
    return {
        **summary,
        "step": step_index + 1,
        "resource": step.get("resource", step["endpoint"]),
        "commandId": step["commandId"],
        "state": step["state"],
        "error": await step_error(client, step),
    }


def decisive_step(steps: Iterable[Json]) -> int | None:
    """Return the index of the step that explains the end; None without one."""
    states = [step.get("state") for step in steps]
    return next(
        (states.index(state) for state in DECISIVE_STATES if state in states), None
    )


async def step_error(client: Client, step: Json) -> Any:
    """Return what went wrong with the command of *step*; None if nothing did."""
    state = step.get("state")
    default = STATE_ERRORS.get(state) if state else None
    if state in ANSWERABLE_STATES:
        return await _command_error(client, step["commandId"]) or default
    return default


async def _command_error(client: Client, command_id: str) -> Any:
    """Return the error that a device posted, or why none can be read."""
    try:
        command = await client.commands.get(command_id)
    except ApiError as error:
        # Operations may be read by those who may not read commands.
        return str(error)
    result = command.get("result", {})
    return UNREADABLE_ERROR if result.get("unreadable") else result.get("error")


async def _last_message(client: Client, operation_id: str) -> str:
    """Return the message of the last notification."""
    message = ""
    async for notification in iter_items(
        partial(client.operations.notifications, operation_id)
    ):
        message = notification.get("message", message)
    return message

"""Why operations did not succeed: the step, its command, and what the device said."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

from pushserver.client import ApiError, Client, Json, every
from pushserver.model.operation import Status
from pushserver.model.state import State

#: So many operations are looked at at the same time.
AT_ONCE = 8
#: What is said of a command that no device said anything of.
SILENT: dict[str, str] = {
    State.EXPIRED: "It was not handed out in time.",
    State.CANCELED: "It was canceled.",
    State.TIMEOUT: "The device did not answer.",
}
#: The first of a command's ends that is there explains how its operation ended.
TELLING = (State.FAILED, *SILENT)
COLUMNS = ("deviceId", "status", "step", "resource", "state", "error")


async def failures(client: Client, task_id: str, limit: int) -> list[Json]:
    """Return why a task's operations did not succeed, of *limit* at most (0: all)."""
    found: list[Json] = []
    for status in (Status.FAILED, Status.STALE):
        async for each in every(client.operations, taskId=task_id, status=status):
            if limit and len(found) == limit:
                break
            if "retried" not in each:
                found.append(each)
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(operation: Json) -> Json:
        async with gate:
            return await failure(client, operation)

    return await asyncio.gather(*(look(each) for each in found))


async def failure(client: Client, operation: Json) -> Json:
    """Return why one operation failed, or why nobody knows."""
    told = {
        "deviceId": operation["deviceId"],
        "operationId": operation["id"],
        "status": operation["status"],
    }
    steps = (await client.operation(operation["id"]))["steps"]
    number = telling_step(steps)
    if number is None:
        return {**told, "error": await _last_word(client, operation["id"])}
    step = steps[number]
    return {
        **told,
        "step": number + 1,
        "resource": step.get("resource", step["endpoint"]),
        "commandId": step["commandId"],
        "state": step["state"],
        "error": await error_of(client, step),
    }


def telling_step(steps: Iterable[Json]) -> int | None:
    """Return which step tells how it ended; None if no command does."""
    ends = [step.get("state") for step in steps]
    return next((ends.index(state) for state in TELLING if state in ends), None)


async def error_of(client: Client, step: Json) -> Any:
    """Return what went wrong with the command of *step*; None if nothing did."""
    state = step.get("state")
    if state == State.FAILED:
        return await _said(client, step["commandId"])
    return SILENT.get(state) if state else None


async def _said(client: Client, command_id: str) -> Any:
    """Return the error that a device posted, or why it cannot be read."""
    try:
        command = await client.command(command_id)
    except ApiError as refused:
        # Operations may be read by those who may not read commands.
        return str(refused)
    return command.get("result", {}).get("error")


async def _last_word(client: Client, operation_id: str) -> str:
    """Return what the last notification says."""
    word = ""
    async for told in every(partial(client.notifications, operation_id)):
        word = told.get("message", word)
    return word

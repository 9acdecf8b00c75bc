"""Why a step of an operation did not succeed, in its device's words."""

from typing import Any

from pushserver.client import ApiError, Client, Json
from pushserver.model.state import CommandState

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

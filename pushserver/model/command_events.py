"""Applies a command event with everything that follows from it.

The new state of the command, its operation, its service and the events about it are
recorded in the same changes, so one transaction writes them all.
"""

from pushserver.model.changes import Changes
from pushserver.model.command import Command, make_transition
from pushserver.model.operation_steps import update_operation
from pushserver.model.shadow_follow import update_service
from pushserver.model.state import CommandEvent


def apply_event(
    command: Command, command_event: CommandEvent, at: int, changes: Changes
) -> None:
    """
    Apply *command_event* to *command*, and record all consequences in *changes*.

    Raises:
        Conflict: the state machine does not allow it.
    """
    previous_state = command.state
    changes.transitions.append(make_transition(command, command_event, at))
    changes.changed_commands[command.id] = command
    if command.operation is not None:
        update_operation(
            command.operation, command, previous_state, command_event, at, changes
        )
    if command.service is not None:
        update_service(
            command.service, command, previous_state, command_event, at, changes
        )
    changes.emit_command_status(command, at)

"""Applies a command event with everything that follows from it.

The new state of the command, its operation, its service and the events about it are
recorded in the same changes, so one transaction writes them all.
"""

from pushserver.errors import Conflict
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Transition
from pushserver.model.operation_steps import update_operation
from pushserver.model.shadow_follow import update_service
from pushserver.model.state import FINISHED, TRANSITIONS, CommandEvent


def apply_event(
    command: Command, command_event: CommandEvent, at: int, changes: Changes
) -> None:
    """
    Apply *command_event* to *command*, and record all consequences in *changes*.

    Raises:
        Conflict: the state machine does not allow it.
    """
    rule, previous_state = TRANSITIONS[command_event], command.state
    if previous_state not in rule.sources:
        raise Conflict(
            f"A command that is {previous_state} cannot take the turn {command_event}."
        )
    command.state = rule.target
    command.transition_count += 1
    command.held = False
    _stamp(command, command_event, at)
    changes.transitions.append(Transition(command, command_event, at))
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


def _stamp(command: Command, command_event: CommandEvent, at: int) -> None:
    """Note when it happened; a retry keeps the stamps of the last attempt."""
    match command_event:
        case CommandEvent.HAND_OUT:
            command.attempts += 1
            command.sent_at, command.delivered_at = at, None
        case CommandEvent.WRITTEN:
            command.delivered_at = at
        case CommandEvent.REVERT_HAND_OUT:
            command.attempts -= 1
            command.sent_at = None
        case CommandEvent.SUCCEED | CommandEvent.FAIL if command.delivered_at is None:
            # A result implies that the answer had arrived.
            command.delivered_at = at
    if command.state in FINISHED:
        command.finished_at = at

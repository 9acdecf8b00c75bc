"""Applies a command event with everything that follows from it.

The new state of the command, its operation, its service and the events about it are
recorded in the same changes, so one transaction writes them all.
"""

from pushserver.errors import Conflict
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, Transition
from pushserver.model.event import EventType
from pushserver.model.operation_steps import update_operation
from pushserver.model.shadow_follow import update_service
from pushserver.model.state import FINISHED, TRANSITIONS, CommandEvent, CommandState


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


def record_delivered(
    command: Command,
    delivery: Delivery,
    written_at: int | None,
    changes: Changes,
    now: int,
) -> None:
    """
    Store when *delivery* was written along with the change that ends it.

    A write is recorded a moment later than it happens, so a fast device answers before
    that. Whoever subscribed to the command still gets its DELIVERED first.
    """
    if written_at is not None:
        # The write has another clock than a commit of PostgreSQL.
        written_at = max(delivery.sent_at, min(written_at, now))
    delivery.delivered_at = command.delivered_at = written_at
    if (
        written_at is not None
        and command.state is CommandState.SENT
        and changes.is_recorded(command.scope_id, EventType.COMMAND_STATUS)
    ):
        apply_event(command, CommandEvent.WRITTEN, written_at, changes)


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
